"""The AWS SDK for JavaScript v3, which speaks HTTP/2 without TLS to an http:// endpoint."""

import pytest

from kinesis.js_client import JsClient, JsError
from kinesis.stream import ACCOUNT


@pytest.fixture
def js(kinesis):
    client = JsClient(f"http://{kinesis.server.aws}")
    yield client
    client.close()


def test_it_puts_and_gets(kinesis, js):
    stream = kinesis.stream(shards=2)
    put = js.call("PutRecord", StreamName=stream.name, Data=b"\x00\xffone", PartitionKey="a")
    entries = [{"Data": b"%d" % number, "PartitionKey": "a"} for number in range(100)]
    many = js.call("PutRecords", StreamName=stream.name, Records=entries)
    assert many["FailedRecordCount"] == 0
    iterator = js.call(
        "GetShardIterator", StreamName=stream.name, ShardId=put["ShardId"], ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    records = js.call("GetRecords", ShardIterator=iterator)["Records"]
    assert [record["Data"] for record in records] == [b"\x00\xffone", *(entry["Data"] for entry in entries)]
    assert [r["SequenceNumber"] for r in records] == [
        r["SequenceNumber"] for r in stream.records(put["ShardId"])
    ]
    assert (
        records[0]["ApproximateArrivalTimestamp"]
        == stream.records(put["ShardId"])[0]["ApproximateArrivalTimestamp"]
    )


def test_large_bodies_go_both_ways(kinesis, js):
    stream = kinesis.stream()
    data = b"0123456789abcdef" * 65000
    for _ in range(3):
        entries = [{"Data": data, "PartitionKey": "a"} for _ in range(10)]
        assert js.call("PutRecords", StreamName=stream.name, Records=entries)["FailedRecordCount"] == 0
    iterator, got = stream.iterator(), []
    while len(got) < 30:
        answer = js.call("GetRecords", ShardIterator=iterator)
        got += answer["Records"]
        iterator = answer["NextShardIterator"]
    assert all(record["Data"] == data for record in got)


def test_it_subscribes_through_a_split(kinesis, js):
    stream = kinesis.stream()
    consumer = stream.consumer()
    js.send(
        "SubscribeToShard", ConsumerARN=consumer, ShardId="shardId-0", StartingPosition={"Type": "LATEST"}
    )
    events = js.events()
    # Its first event says that it has begun.
    seen = [next(events)]
    stream.put_many(["a", "b"])
    stream.split()
    seen += events
    assert [record["Data"] for event in seen for record in event["Records"]] == [b"a", b"b"]
    assert [child["ShardId"] for child in seen[-1]["ChildShards"]] == stream.shard_ids()[1:]
    assert "ContinuationSequenceNumber" not in seen[-1]


def test_errors_have_their_names_and_texts(js):
    with pytest.raises(JsError) as caught:
        js.call("DescribeStreamSummary", StreamName="nowhere")
    assert caught.value.name == "ResourceNotFoundException"
    assert caught.value.message == f"Stream nowhere under account {ACCOUNT} not found."
    assert caught.value.status == 400


def test_many_calls_share_a_connection(kinesis, js):
    stream = kinesis.stream()
    for number in range(200):
        js.send("PutRecord", StreamName=stream.name, Data=b"%d" % number, PartitionKey="k")
    for _ in range(200):
        js.answer()
    assert [int(record["Data"]) for record in stream.records()] == list(range(200))
