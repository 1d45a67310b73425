"""The throughput limits of AWS: off unless a stream asks for them, to test what throttling does."""

import itertools
import time

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from harness.waiting import wait_until
from kinesis.conftest import CREDENTIALS
from kinesis.numbers import HASH_KEYS
from kinesis.stream import ACCOUNT, Stream

KiB, MiB = 1 << 10, 1 << 20


@pytest.fixture
def limited(own_kinesis):
    kinesis = own_kinesis({"streams": {"limited": {"shards": 2, "limits": "aws"}}})
    return Stream(kinesis, "limited")


def low(data=b"x"):
    return {"Data": data, "PartitionKey": "k", "ExplicitHashKey": "0"}


def high(data=b"x"):
    return {"Data": data, "PartitionKey": "k", "ExplicitHashKey": str(HASH_KEYS - 1)}


TEXT = f"Rate exceeded for shard shardId-000000000000 in stream limited under account {ACCOUNT}."


class Clock:
    """How many a second's limit may have let through by now: those of a second at once, and what came again since."""

    def __init__(self):
        self.began = time.monotonic()

    def allowance(self, per_second):
        return per_second * (1 + time.monotonic() - self.began)


def is_allowed(call):
    try:
        call()
        return True
    except ClientError as error:
        assert error.response["Error"]["Code"] == "ProvisionedThroughputExceededException"
        assert error.response["Error"]["Message"] == TEXT
        return False


def wait_until_allowed(call):
    wait_until(lambda: is_allowed(call), 20, "the shard has room again")


def count_until_refused(call):
    """How often it was allowed; for calls that are made faster than the limit lets them through."""
    deadline = time.monotonic() + 60
    for count in itertools.count():
        if not is_allowed(call):
            return count
        assert time.monotonic() < deadline, f"{count} calls are allowed"


def test_records_beyond_a_shard_s_rate_fail_one_by_one(limited):
    records = [low(b"x" * 100 * KiB) for _ in range(40)] + [high()]
    clock = Clock()
    answer = limited.client.put_records(StreamName="limited", Records=records)
    failed = [record for record in answer["Records"] if "ErrorCode" in record]
    assert answer["FailedRecordCount"] == len(failed)
    assert 10 <= 40 - len(failed) <= clock.allowance(MiB) / (100 * KiB)
    for record in failed:
        assert set(record) == {"ErrorCode", "ErrorMessage"}
        assert record["ErrorCode"] == "ProvisionedThroughputExceededException"
        assert record["ErrorMessage"] == TEXT
    assert answer["Records"][-1]["ShardId"] == "shardId-000000000001"
    stored = {record["SequenceNumber"] for record in limited.records()}
    assert stored == {r["SequenceNumber"] for r in answer["Records"][:-1] if "SequenceNumber" in r}


def test_a_thousand_records_a_second_for_a_shard(limited):
    asked = taken = 0
    clock = Clock()
    # However slow the machine is: twice as many as may get through.
    while asked < 2 * clock.allowance(1000):
        answer = limited.client.put_records(StreamName="limited", Records=[low() for _ in range(500)])
        asked += 500
        taken += 500 - answer["FailedRecordCount"]
    assert 1000 <= taken <= clock.allowance(1000)


def test_a_single_put_is_refused_and_works_later(limited):
    limited.client.put_records(StreamName="limited", Records=[low(b"x" * 100 * KiB) for _ in range(30)])
    count_until_refused(lambda: limited.put(b"x" * 500 * KiB, ExplicitHashKey="0"))
    wait_until_allowed(lambda: limited.put(b"x", ExplicitHashKey="0"))
    limited.put(b"x" * 500 * KiB, ExplicitHashKey=str(HASH_KEYS - 1))


def test_five_reads_a_second_for_a_shard(limited):
    iterator = limited.iterator()
    clock = Clock()
    assert 5 <= count_until_refused(lambda: limited.get(iterator)) <= clock.allowance(5)
    wait_until_allowed(lambda: limited.get(iterator))


def test_a_client_that_retries_gets_everything_through(own_kinesis):
    """boto3 with its own back-off, which waits for a time drawn by lot: so more attempts than its default."""
    kinesis = own_kinesis({"streams": {"limited": {"shards": 1, "limits": "aws"}}})
    kinesis.client = boto3.client(
        "kinesis", endpoint_url=f"http://{kinesis.server.aws}", region_name="us-east-1", **CREDENTIALS,
        config=Config(retries={"mode": "standard", "max_attempts": 12}),
    )  # fmt: skip
    stream = Stream(kinesis, "limited")
    for number in range(8):
        stream.put(b"%d" % number + b"x" * 400 * KiB)
    assert [record["Data"][:1] for record in stream.records()] == [b"%d" % number for number in range(8)]


def test_without_limits_nothing_is_throttled(kinesis):
    stream = kinesis.stream()
    for _ in range(6):
        answer = kinesis.put_records(StreamName=stream.name, Records=[low() for _ in range(500)])
        assert answer["FailedRecordCount"] == 0
    kinesis.put_records(StreamName=stream.name, Records=[low(b"x" * 1000 * KiB) for _ in range(10)])
    iterator = stream.iterator()
    for _ in range(20):
        stream.get(iterator, Limit=1)
