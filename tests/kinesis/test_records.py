"""PutRecord and PutRecords: where records go, in which order, and what is refused."""

import base64
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from harness.waiting import wait_until
from kinesis.numbers import HASH_KEYS, SequenceNumber, hash_of, hash_range, shard_number
from kinesis.stream import refused

MiB = 1 << 20


def entry(data=b"x", key="k", **more):
    return {"Data": data, "PartitionKey": key} | more


def test_a_record_comes_back_as_it_was_put(kinesis):
    stream = kinesis.stream()
    before = datetime.now(UTC)
    data = bytes(range(256))
    put = stream.put(data, "a key")
    (record,) = stream.records()
    assert record["Data"] == data
    assert record["PartitionKey"] == "a key"
    assert record["SequenceNumber"] == put["SequenceNumber"]
    assert "EncryptionType" not in record
    arrival = record["ApproximateArrivalTimestamp"].timestamp()
    assert before.timestamp() - 0.001 <= arrival <= time.time()


@pytest.mark.parametrize(
    "data",
    [b"", b"\x00", b"\x00\x01\x1f\x7f\xff", b'{"a": 1.0, "b": "\\u0000"}', b"12345678901234567890", b"\r\n"],
)
def test_no_bytes_are_changed_on_the_way(kinesis, data):
    """Numbers and control characters were, by another server (localstack 6504)."""
    stream = kinesis.stream()
    stream.put(data)
    kinesis.put_records(StreamName=stream.name, Records=[entry(data), entry(data)])
    assert [record["Data"] for record in stream.records()] == [data] * 3


@pytest.mark.parametrize(
    "key", ["a", "b", "ключ", "\u0000", '"\\', "x" * 256, "é" * 256, "𝄞" * 128, "polygenelubricants"]
)
def test_routing_is_the_md5_of_the_key(kinesis, key):
    """The last key's Java hash is the least integer, which broke another server (floci 2950)."""
    stream = kinesis.stream(shards=7)
    put = stream.put("x", key)
    low, high = hash_range(stream.shard(put["ShardId"]))
    assert low <= hash_of(key) <= high
    (record,) = stream.records(put["ShardId"])
    assert record["PartitionKey"] == key


def test_known_keys_go_to_known_shards(kinesis):
    stream = kinesis.stream(shards=3)
    assert [shard_number(stream.put("x", key)["ShardId"]) for key in ("a", "b", "e", "f")] == [0, 1, 2, 1]


def test_an_explicit_hash_key_takes_the_place_of_the_key_s(kinesis):
    stream = kinesis.stream(shards=4)
    for shard in stream.shards():
        for edge in hash_range(shard):
            put = stream.put("x", "whatever", ExplicitHashKey=str(edge))
            assert put["ShardId"] == shard["ShardId"]
    answer = kinesis.put_records(
        StreamName=stream.name,
        Records=[entry(ExplicitHashKey=str(HASH_KEYS - 1)), entry(ExplicitHashKey="0")],
    )
    assert [shard_number(record["ShardId"]) for record in answer["Records"]] == [3, 0]


@pytest.mark.parametrize("value", [str(HASH_KEYS), "9" * 39])
def test_an_explicit_hash_key_is_within_its_range(kinesis, value):
    stream = kinesis.stream()
    text = (
        "Invalid ExplicitHashKey. ExplicitHashKey must be in the range: [0, 2^128-1]. "
        f"Specified value was {value}"
    )
    with refused("InvalidArgumentException", text):
        stream.put(ExplicitHashKey=value)
    with refused("InvalidArgumentException", text):
        kinesis.put_records(StreamName=stream.name, Records=[entry(), entry(ExplicitHashKey=value)])
    assert stream.records() == []


def test_sequence_numbers_say_shard_and_order(kinesis):
    stream = kinesis.stream(shards=18)
    started = {s["ShardId"]: s["SequenceNumberRange"]["StartingSequenceNumber"] for s in stream.shards()}
    for shard in stream.shards():
        before = int(time.time())
        numbers = [
            stream.put("x", ExplicitHashKey=shard["HashKeyRange"]["StartingHashKey"])["SequenceNumber"]
            for _ in range(3)
        ]
        numbers = [started[shard["ShardId"]], *numbers]
        assert sorted(numbers, key=int) == numbers
        assert len(set(numbers)) == 4
        assert {len(number) for number in numbers} == {56}
        assert {SequenceNumber.parse(n).shard for n in numbers} == {shard_number(shard["ShardId"])}
        assert before <= SequenceNumber.parse(numbers[-1]).time <= time.time()


def test_the_order_of_a_shard_is_the_order_of_the_puts(kinesis):
    stream = kinesis.stream()
    numbers = stream.put_many([f"{number}" for number in range(50)])
    records = stream.records()
    assert [record["SequenceNumber"] for record in records] == numbers
    assert [record["Data"] for record in records] == [b"%d" % number for number in range(50)]


def test_the_records_of_one_call_keep_their_order_in_each_shard(kinesis):
    stream = kinesis.stream(shards=3)
    records = [entry(b"%d" % number, f"key {number % 17}") for number in range(500)]
    answer = kinesis.put_records(StreamName=stream.name, Records=records)
    assert answer["FailedRecordCount"] == 0
    assert len(answer["Records"]) == 500
    stored = {r["SequenceNumber"]: (shard, r) for shard, rs in stream.all_records().items() for r in rs}
    assert len(stored) == 500
    for sent, result in zip(records, answer["Records"], strict=True):
        assert set(result) == {"SequenceNumber", "ShardId"}
        shard, record = stored[result["SequenceNumber"]]
        assert shard == result["ShardId"]
        assert (record["Data"], record["PartitionKey"]) == (sent["Data"], sent["PartitionKey"])
    for records_of_shard in stream.all_records().values():
        datas = [int(record["Data"]) for record in records_of_shard]
        assert datas == sorted(datas)


def test_the_count_of_failures_is_there_when_it_is_zero(kinesis):
    stream = kinesis.stream()
    answer = kinesis.wire().call(
        "PutRecords", {"StreamName": stream.name, "Records": [entry(), entry(key="l")]}
    )
    assert answer.document["FailedRecordCount"] == 0


def test_puts_side_by_side_lose_nothing(kinesis):
    """Another server loses records of parallel puts (kinesis-mock 130)."""
    stream = kinesis.stream(shards=4)

    def put(number):
        return stream.put(f"{number}", f"key {number % 40}")["SequenceNumber"]

    with ThreadPoolExecutor(32) as threads:
        numbers = list(threads.map(put, range(1000)))
    assert len(set(numbers)) == 1000
    stored = [record for records in stream.all_records().values() for record in records]
    assert sorted(int(record["Data"]) for record in stored) == list(range(1000))
    assert {record["SequenceNumber"] for record in stored} == set(numbers)


class TestSequenceNumberForOrdering:
    def test_each_put_after_the_one_before(self, kinesis):
        stream = kinesis.stream()
        number = stream.put("0")["SequenceNumber"]
        for data in "1234":
            after = stream.put(data, SequenceNumberForOrdering=number)["SequenceNumber"]
            assert int(after) > int(number)
            number = after
        assert b"".join(record["Data"] for record in stream.records()) == b"01234"

    def test_what_is_no_number_of_ours_is_refused(self, kinesis):
        stream = kinesis.stream()
        number = SequenceNumber.parse(stream.put("0")["SequenceNumber"])
        future = SequenceNumber(number.created, 0, number.counter + 1000, number.time + 100000).text()
        for wrong in (future, "1", "0", "9" * 56):
            with refused("InvalidArgumentException") as caught:
                stream.put(SequenceNumberForOrdering=wrong)
            assert f"ExclusiveMinimumSequenceNumber {wrong} used in PutRecord on stream {stream.name}" in str(
                caught.value
            )
            assert "is invalid." in str(caught.value)
        assert len(stream.records()) == 1


class TestSizes:
    def test_a_record_is_one_mebibyte_with_its_key_unless_set_otherwise(self, kinesis):
        stream = kinesis.stream()
        stream.put(b"x" * (MiB - 3), "key")
        with refused("InvalidArgumentException"):
            stream.put(b"x" * (MiB - 2), "key")
        with refused("InvalidArgumentException"):
            kinesis.put_records(StreamName=stream.name, Records=[entry(), entry(b"x" * MiB, "key")])
        assert [len(record["Data"]) for record in stream.records()] == [MiB - 3]

    def test_the_largest_record_is_ten_mebibytes(self, kinesis):
        stream = kinesis.stream(MaxRecordSizeInKiB=10240)
        data = b"0123456789abcdef" * (10 * MiB // 16)
        stream.put(data[:-3], "key")
        with refused("InvalidArgumentException"):
            stream.put(data[:-2], "key")
        with refused("ValidationException"):
            stream.put(data + b"x", "key")
        (record,) = stream.records()
        assert record["Data"] == data[:-3]

    def test_the_size_is_changed_later(self, kinesis):
        stream = kinesis.stream()
        kinesis.update_max_record_size(StreamARN=stream.arn, MaxRecordSizeInKiB=3072)
        assert stream.summary()["MaxRecordSizeInKiB"] == 3072
        stream.put(b"x" * 3 * (MiB - 1))
        for wrong in (1023, 10241):
            answer = kinesis.wire().call(
                "UpdateMaxRecordSize", {"StreamARN": stream.arn, "MaxRecordSizeInKiB": wrong}
            )
            assert answer.error[0] == "ValidationException"
        assert stream.summary()["MaxRecordSizeInKiB"] == 3072

    def test_a_call_takes_ten_mebibytes(self, kinesis):
        stream = kinesis.stream()
        ten = [entry(b"x" * (MiB - 1), "k") for _ in range(10)]
        assert kinesis.put_records(StreamName=stream.name, Records=ten)["FailedRecordCount"] == 0
        with refused("InvalidArgumentException"):
            kinesis.put_records(StreamName=stream.name, Records=[*ten, entry()])
        assert len(stream.records()) == 10

    def test_keys_may_be_inflated_by_escapes(self, kinesis):
        """500 keys of 256 characters that are 6 bytes each in JSON, beside almost 10 MiB of data."""
        stream = kinesis.stream()
        data = base64.b64encode(b"x" * 20300).decode()
        key = "\\u00e9" * 256
        body = ",".join([f'{{"Data":"{data}","PartitionKey":"{key}"}}'] * 500)
        body = f'{{"StreamName":"{stream.name}","Records":[{body}]}}'.encode()
        assert len(body) > 14_000_000
        answer = kinesis.wire().call("PutRecords", body=body)
        assert answer.status == 200, answer.body[:300]
        assert answer.document["FailedRecordCount"] == 0
        assert stream.records()[499]["PartitionKey"] == "é" * 256

    def test_a_body_beyond_all_that_is_legal_is_too_large(self, kinesis):
        wire = kinesis.wire()
        answer = wire.call("PutRecord", body=b" " * (40 * MiB))
        assert answer.status == 413

    def test_one_answer_has_at_most_ten_mebibytes(self, kinesis):
        stream = kinesis.stream()
        for _ in range(3):
            kinesis.put_records(StreamName=stream.name, Records=[entry(b"x" * (MiB - 1)) for _ in range(8)])
        sizes, iterator = [], stream.iterator()
        while True:
            answer = stream.get(iterator)
            sizes.append(sum(len(record["Data"]) + 1 for record in answer["Records"]))
            assert sizes[-1] <= 10 * MiB
            if not answer["Records"]:
                break
            iterator = answer["NextShardIterator"]
        assert sum(sizes) == 24 * MiB


def test_aggregates_of_the_producer_library_pass_untouched(kinesis):
    stream = kinesis.stream()
    aggregate = bytes.fromhex("f3899ac20a02706b1a0508001a01411a0508001a01424980ce96b42987c1874611bfde7ab76b")
    stream.put(aggregate, "a", ExplicitHashKey=str(hash_of("pk")))
    assert stream.records()[0]["Data"] == aggregate


def test_what_was_acknowledged_is_there_after_a_kill(own_kinesis):
    kinesis = own_kinesis()
    stream = kinesis.stream(shards=2)
    numbers = {stream.put(f"{number}", f"{number}")["SequenceNumber"] for number in range(20)}
    kinesis.server.kill9()
    kinesis.server.start()
    records = [record for records in stream.all_records().values() for record in records]
    assert {record["SequenceNumber"] for record in records} == numbers
    again = stream.put("after")
    assert int(again["SequenceNumber"]) > max(
        (int(r["SequenceNumber"]) for r in stream.records(again["ShardId"])[:-1]), default=0
    )


def test_a_deleted_stream_takes_no_more(kinesis):
    stream = kinesis.stream()
    stop = threading.Event()
    outcomes = set()

    def write():
        while not stop.is_set():
            try:
                stream.put()
                outcomes.add("put")
            except kinesis.exceptions.ResourceNotFoundException:
                outcomes.add("gone")
            except Exception as error:
                outcomes.add(repr(error))

    writers = [threading.Thread(target=write, daemon=True) for _ in range(4)]
    for writer in writers:
        writer.start()
    try:
        wait_until(lambda: "put" in outcomes, 30, lambda: f"a record is put: {outcomes}")
        kinesis.delete_stream(StreamName=stream.name)
        wait_until(lambda: "gone" in outcomes, 30, lambda: f"a put is refused: {outcomes}")
    finally:
        stop.set()
        for writer in writers:
            writer.join(90)
    assert not any(writer.is_alive() for writer in writers)
    assert outcomes == {"put", "gone"}
    with refused("ResourceNotFoundException"):
        stream.put()
