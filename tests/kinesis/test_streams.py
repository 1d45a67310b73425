"""Creating, describing, listing and deleting streams."""

import itertools
import time
from datetime import UTC, datetime

import pytest

from harness.waiting import wait_until
from kinesis.clock import restart_moved_by
from kinesis.numbers import HASH_KEYS, SequenceNumber, hash_range, shard_number
from kinesis.stream import ACCOUNT, refused


def test_a_new_stream_is_active_with_the_defaults_of_aws(kinesis):
    before = datetime.now(UTC).timestamp() - 1
    stream = kinesis.stream(shards=2)
    summary = stream.summary()
    assert stream.arn == f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/{stream.name}"
    assert summary["StreamName"] == stream.name
    assert summary["StreamStatus"] == "ACTIVE"
    assert summary["StreamModeDetails"] == {"StreamMode": "PROVISIONED"}
    assert summary["RetentionPeriodHours"] == 24
    assert summary["OpenShardCount"] == 2
    assert summary["ConsumerCount"] == 0
    assert summary["MaxRecordSizeInKiB"] == 1024
    assert summary["EnhancedMonitoring"] == [{"ShardLevelMetrics": []}]
    assert summary["EncryptionType"] == "NONE"
    assert "KeyId" not in summary
    assert before <= summary["StreamCreationTimestamp"].timestamp() <= time.time()


def test_a_description_has_the_shards(kinesis):
    stream = kinesis.stream(shards=3)
    description = stream.description()
    assert description["HasMoreShards"] is False
    assert [shard["ShardId"] for shard in description["Shards"]] == [
        f"shardId-{number:012d}" for number in range(3)
    ]
    assert description["Shards"] == stream.shards()
    assert description["StreamARN"] == stream.arn
    assert description["EncryptionType"] == "NONE"


@pytest.mark.parametrize("shards", [1, 2, 3, 7, 100])
def test_hash_ranges_have_neither_gap_nor_overlap(kinesis, shards):
    """The widths are floor(2^128 / n), and the last shard takes the rest, as on AWS."""
    ranges = [hash_range(shard) for shard in kinesis.stream(shards=shards).shards()]
    width = HASH_KEYS // shards
    assert [low for low, _ in ranges] == [number * width for number in range(shards)]
    assert [high + 1 for _, high in ranges[:-1]] == [low for low, _ in ranges[1:]]
    assert ranges[-1][1] == HASH_KEYS - 1


def test_starting_sequence_numbers_are_those_of_aws(kinesis):
    stream = kinesis.stream(shards=17)
    created = int(stream.summary()["StreamCreationTimestamp"].timestamp())
    numbers = [shard["SequenceNumberRange"]["StartingSequenceNumber"] for shard in stream.shards()]
    for shard, text in enumerate(numbers):
        parsed = SequenceNumber.parse(text)
        assert parsed.shard == shard
        assert parsed.counter == 0
        assert parsed.created == parsed.time
        assert abs(parsed.created - created) <= 2
    assert {int(b) - int(a) for a, b in itertools.pairwise(numbers[:16])} == {
        22300745198530623141535718272648361505980432
    }


def test_of_a_name_there_is_one_stream(kinesis):
    stream = kinesis.stream()
    with refused("ResourceInUseException", f"Stream {stream.name} under account {ACCOUNT} already exists."):
        kinesis.create_stream(StreamName=stream.name, ShardCount=1)


def test_a_stream_that_is_not_there_is_named_in_the_error(kinesis):
    for action, more in (
        ("describe_stream", {}),
        ("describe_stream_summary", {}),
        ("delete_stream", {}),
        ("put_record", {"Data": b"", "PartitionKey": "k"}),
        ("list_shards", {}),
        ("list_tags_for_stream", {}),
        ("get_shard_iterator", {"ShardId": "shardId-0", "ShardIteratorType": "LATEST"}),
    ):
        with refused("ResourceNotFoundException", f"Stream nowhere under account {ACCOUNT} not found."):
            getattr(kinesis, action)(StreamName="nowhere", **more)


def test_a_stream_is_known_by_its_arn_too(kinesis):
    stream = kinesis.stream()
    for name in ({"StreamARN": stream.arn}, {"StreamARN": stream.arn, "StreamName": stream.name}):
        assert kinesis.describe_stream(**name)["StreamDescription"]["StreamName"] == stream.name
        put = kinesis.put_record(Data=b"x", PartitionKey="k", **name)
        assert put["ShardId"] == "shardId-000000000000"
    with refused("InvalidArgumentException"):
        kinesis.describe_stream()


def test_a_deleted_stream_is_gone_and_its_name_free_for_another_incarnation(kinesis):
    stream = kinesis.stream()
    old = stream.put("old")
    kinesis.delete_stream(StreamName=stream.name)
    kinesis.get_waiter("stream_not_exists").wait(
        StreamName=stream.name, WaiterConfig={"Delay": 1, "MaxAttempts": 5}
    )
    with refused("ResourceNotFoundException"):
        stream.summary()

    # Its numbers tell its incarnation by the second in which it was made.
    created = SequenceNumber.parse(old["SequenceNumber"]).created
    wait_until(lambda: time.time() >= created + 1, 10, "another second begins")
    again = kinesis.stream(name=stream.name)
    assert again.records() == []
    with refused("InvalidArgumentException") as caught:
        again.at(old["SequenceNumber"])
    assert "did not come from this stream" in str(caught.value)


def test_a_delete_that_fails_leaves_later_streams_of_that_name_alone(kinesis):
    name = "created-after-a-failed-delete"
    with refused("ResourceNotFoundException"):
        kinesis.delete_stream(StreamName=name)
    stream = kinesis.stream(name=name)
    # A delete that was put off would take this one.
    time.sleep(0.7)
    assert stream.summary()["StreamStatus"] == "ACTIVE"


def test_the_waiter_for_a_stream_finds_it(kinesis):
    stream = kinesis.stream()
    kinesis.get_waiter("stream_exists").wait(
        StreamName=stream.name, WaiterConfig={"Delay": 1, "MaxAttempts": 5}
    )


def test_streams_are_listed_by_name_page_by_page(own_kinesis):
    kinesis = own_kinesis()
    nothing = kinesis.list_streams()
    assert (nothing["StreamNames"], nothing["HasMoreStreams"]) == ([], False)
    expected = sorted(f"{letter}-{number}" for letter in "aBc" for number in range(4))
    for name in reversed(expected):
        kinesis.stream(name=name)

    whole = kinesis.list_streams()
    assert whole["StreamNames"] == expected
    assert whole["HasMoreStreams"] is False
    summary = whole["StreamSummaries"][0]
    assert summary["StreamName"] == expected[0]
    assert summary["StreamStatus"] == "ACTIVE"
    assert summary["StreamModeDetails"] == {"StreamMode": "PROVISIONED"}

    first = kinesis.list_streams(Limit=5)
    assert first["StreamNames"] == expected[:5]
    assert first["HasMoreStreams"] is True
    second = kinesis.list_streams(Limit=5, NextToken=first["NextToken"])
    assert second["StreamNames"] == expected[5:10]
    assert kinesis.list_streams(Limit=5, ExclusiveStartStreamName=expected[7])["StreamNames"] == expected[8:]

    pages = kinesis.get_paginator("list_streams").paginate(PaginationConfig={"PageSize": 5})
    assert [name for page in pages for name in page["StreamNames"]] == expected


def test_tokens_for_the_next_page_expire_after_five_minutes(own_kinesis):
    kinesis = own_kinesis()
    stream = kinesis.stream(shards=3)
    kinesis.stream()
    streams = {"Limit": 1, "NextToken": kinesis.list_streams(Limit=1)["NextToken"]}
    shards = {"NextToken": kinesis.list_shards(StreamName=stream.name, MaxResults=1)["NextToken"]}
    restart_moved_by(kinesis.server, seconds=280)
    kinesis.list_streams(**streams)
    kinesis.list_shards(**shards)
    restart_moved_by(kinesis.server, seconds=320)
    with refused("ExpiredNextTokenException"):
        kinesis.list_streams(**streams)
    with refused("ExpiredNextTokenException"):
        kinesis.list_shards(**shards)


def test_the_id_that_aws_gives_to_streams_is_taken_and_ignored(kinesis):
    stream = kinesis.stream()
    for action, more in (
        ("DescribeStreamSummary", {}),
        ("PutRecord", {"Data": b"x", "PartitionKey": "k"}),
        ("ListShards", {}),
    ):
        document = {"StreamName": stream.name, "StreamId": "abcdefghij0123456789-abc"} | more
        assert kinesis.wire().call(action, document).status == 200
        document["StreamId"] = "not such an id"
        assert kinesis.wire().call(action, document).error[0] == "ValidationException"


def test_descriptions_of_many_shards_come_in_pages(kinesis):
    stream = kinesis.stream(shards=250)
    pages = list(
        kinesis.get_paginator("describe_stream").paginate(
            StreamName=stream.name, PaginationConfig={"PageSize": 90}
        )
    )
    assert [len(page["StreamDescription"]["Shards"]) for page in pages] == [90, 90, 70]
    assert [page["StreamDescription"]["HasMoreShards"] for page in pages] == [True, True, False]
    ids = [shard["ShardId"] for page in pages for shard in page["StreamDescription"]["Shards"]]
    assert ids == stream.shard_ids()
    assert len(stream.description()["Shards"]) == 100


def test_on_demand_streams_start_with_four_shards(kinesis):
    stream = kinesis.stream(shards=None, StreamModeDetails={"StreamMode": "ON_DEMAND"})
    assert stream.summary()["StreamModeDetails"] == {"StreamMode": "ON_DEMAND"}
    assert len(stream.open_shards()) == 4
    with refused("ValidationException"):
        stream.split()
    with refused(
        "ValidationException",
        f"Request is invalid. Stream {stream.name} under account {ACCOUNT} is in On-Demand mode.",
    ):
        kinesis.update_shard_count(StreamName=stream.name, TargetShardCount=2, ScalingType="UNIFORM_SCALING")


def test_the_mode_changes_and_the_same_mode_is_no_error(kinesis):
    stream = kinesis.stream(shards=2)
    for mode in ("PROVISIONED", "ON_DEMAND", "ON_DEMAND", "PROVISIONED"):
        kinesis.update_stream_mode(StreamARN=stream.arn, StreamModeDetails={"StreamMode": mode})
        assert stream.summary()["StreamModeDetails"] == {"StreamMode": mode}
        assert stream.summary()["StreamStatus"] == "ACTIVE"
    assert stream.shard_ids() == ["shardId-000000000000", "shardId-000000000001"]


def test_streams_are_created_with_tags_and_sizes(kinesis):
    stream = kinesis.stream(Tags={"team": "blue"}, MaxRecordSizeInKiB=2048)
    assert stream.summary()["MaxRecordSizeInKiB"] == 2048
    assert kinesis.list_tags_for_stream(StreamName=stream.name)["Tags"] == [{"Key": "team", "Value": "blue"}]


def test_a_stream_with_consumers_is_deleted_only_on_purpose(kinesis):
    stream = kinesis.stream()
    consumer = stream.consumer()
    with refused("ResourceInUseException"):
        kinesis.delete_stream(StreamName=stream.name)
    assert stream.summary()["ConsumerCount"] == 1
    kinesis.delete_stream(StreamName=stream.name, EnforceConsumerDeletion=True)
    with refused("ResourceNotFoundException"):
        kinesis.describe_stream_consumer(ConsumerARN=consumer)


def test_the_account_s_limits_count_what_is_there(own_kinesis):
    kinesis = own_kinesis()
    limits = kinesis.describe_limits()
    assert limits["OpenShardCount"] == 0
    assert limits["OnDemandStreamCount"] == 0
    kinesis.stream(shards=3)
    kinesis.stream(shards=None, StreamModeDetails={"StreamMode": "ON_DEMAND"})
    limits = kinesis.describe_limits()
    assert limits["OpenShardCount"] == 3
    assert limits["OnDemandStreamCount"] == 1
    assert limits["ShardLimit"] > 3
    assert limits["OnDemandStreamCountLimit"] > 1


def test_streams_of_the_configuration_and_of_the_api_are_the_same_kind(own_kinesis):
    kinesis = own_kinesis({"streams": {"configured": {"shards": 2}}})
    assert kinesis.list_streams()["StreamNames"] == ["configured"]
    put = kinesis.put_record(StreamName="configured", Data=b"here", PartitionKey="k")
    records = kinesis.server.records("configured")[shard_number(put["ShardId"])]
    assert len(records) == 1

    stream = kinesis.stream(name="made", shards=3)
    assert len(kinesis.server.get("/v1/streams/made")["shards"]) == 3
    stream.put("here too")
    kinesis.server.restart()
    assert [record["Data"] for records in stream.all_records().values() for record in records] == [
        b"here too"
    ]


def test_region_and_account_are_configured(own_kinesis):
    kinesis = own_kinesis({"aws": {"region": "eu-central-1", "account": "123456789012"}})
    stream = kinesis.stream()
    assert stream.arn == f"arn:aws:kinesis:eu-central-1:123456789012:stream/{stream.name}"
    with refused("ResourceNotFoundException", "Stream nowhere under account 123456789012 not found."):
        kinesis.describe_stream(StreamName="nowhere")
