"""GetShardIterator and GetRecords: the five kinds of iterators, their life, and what they tell."""

import re
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest

from harness.waiting import wait_until
from kinesis.clock import restart_moved_by
from kinesis.numbers import SequenceNumber
from kinesis.stream import ACCOUNT, ROOT, refused
from kinesis.wire import millis


class TestKinds:
    def test_trim_horizon_is_the_oldest_record(self, kinesis):
        stream = kinesis.stream()
        stream.put_many(["a", "b"])
        assert stream.data(stream.iterator("TRIM_HORIZON")) == [b"a", b"b"]

    def test_latest_is_after_the_last_record_when_it_was_asked_for(self, kinesis):
        stream = kinesis.stream()
        stream.put("before")
        iterator = stream.iterator("LATEST")
        stream.put_many(["a", "b"])
        assert stream.data(iterator) == [b"a", b"b"]

    def test_at_and_after_a_sequence_number(self, kinesis):
        stream = kinesis.stream()
        numbers = stream.put_many(["a", "b", "c"])
        assert stream.data(stream.at(numbers[1])) == [b"b", b"c"]
        assert stream.data(stream.at(numbers[1], "AFTER_SEQUENCE_NUMBER")) == [b"c"]
        assert stream.data(stream.at(numbers[2], "AFTER_SEQUENCE_NUMBER")) == []

    def test_at_and_after_the_shard_s_starting_number(self, kinesis):
        stream = kinesis.stream()
        stream.put_many(["a", "b"])
        start = stream.shards()[0]["SequenceNumberRange"]["StartingSequenceNumber"]
        for kind in ("AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"):
            assert stream.data(stream.at(start, kind)) == [b"a", b"b"]

    def test_at_and_after_a_number_that_is_no_record(self, kinesis):
        """As a client has them from the continuation of a subscription (localstack 10864)."""
        stream = kinesis.stream()
        numbers = stream.put_many(["a", "b"])
        first, last = (SequenceNumber.parse(number) for number in numbers)
        later = SequenceNumber(last.created, 0, last.counter, last.time + 1).text()
        assert stream.data(stream.at(later, "AFTER_SEQUENCE_NUMBER")) == []
        between = SequenceNumber(first.created, 0, first.counter, first.time + 5).text()
        assert int(numbers[0]) < int(between) < int(numbers[1])
        assert stream.data(stream.at(between, "AFTER_SEQUENCE_NUMBER")) == [b"b"]

    def test_at_a_moment(self, kinesis):
        stream = kinesis.stream()
        for data in "abc":
            stream.put(data)
            time.sleep(0.02)
        moments = [record["ApproximateArrivalTimestamp"] for record in stream.records()]
        for number, moment in enumerate(moments):
            assert (
                stream.data(stream.iterator("AT_TIMESTAMP", Timestamp=moment)) == [b"a", b"b", b"c"][number:]
            )
            just_after = moment + timedelta(milliseconds=1)
            assert stream.data(stream.iterator("AT_TIMESTAMP", Timestamp=just_after)) == [b"a", b"b", b"c"][number + 1:]  # fmt: skip

    def test_a_moment_before_everything_is_the_horizon(self, kinesis):
        stream = kinesis.stream()
        stream.put("a")
        long_ago = datetime(2001, 1, 1, tzinfo=UTC)
        assert stream.data(stream.iterator("AT_TIMESTAMP", Timestamp=long_ago)) == [b"a"]

    def test_a_moment_to_come_is_refused(self, kinesis):
        stream = kinesis.stream()
        with refused("InvalidArgumentException") as caught:
            stream.iterator("AT_TIMESTAMP", Timestamp=datetime.now(UTC) + timedelta(hours=1))
        assert "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis" in str(caught.value)  # fmt: skip


class TestWrongRequests:
    @pytest.mark.parametrize(
        ("kind", "number"),
        [
            ("AT_SEQUENCE_NUMBER", False),
            ("AFTER_SEQUENCE_NUMBER", False),
            ("TRIM_HORIZON", True),
            ("LATEST", True),
        ],
    )
    def test_a_number_belongs_to_the_kinds_that_need_it(self, kinesis, kind, number):
        stream = kinesis.stream()
        put = stream.put()
        more = {"StartingSequenceNumber": put["SequenceNumber"]} if number else {}
        with refused("InvalidArgumentException") as caught:
            stream.iterator(kind, **more)
        assert (
            "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or "
            "(2) TRIM_HORIZON or LATEST and no StartingSequenceNumber. Request specified "
        ) in str(caught.value)

    def test_at_timestamp_needs_one(self, kinesis):
        with refused("InvalidArgumentException"):
            kinesis.stream().iterator("AT_TIMESTAMP")

    def test_a_number_of_another_shard(self, kinesis):
        stream = kinesis.stream(shards=2)
        put = stream.put("x", ExplicitHashKey="0")
        with refused("InvalidArgumentException") as caught:
            stream.at(put["SequenceNumber"], shard_id="shardId-000000000001")
        assert (
            f"Invalid StartingSequenceNumber. It encodes {ROOT}, while it was used in a call to a shard with "
            "shardId-000000000001"
        ) in str(caught.value)

    def test_a_number_of_another_stream(self, kinesis):
        stream = kinesis.stream()
        number = SequenceNumber.parse(stream.put()["SequenceNumber"])
        other = SequenceNumber(number.created - 5000, 0, number.counter, number.time - 5000).text()
        with refused("InvalidArgumentException") as caught:
            stream.at(other)
        assert "is invalid because it did not come from this stream." in str(caught.value)

    def test_a_shard_that_is_not_there(self, kinesis):
        stream = kinesis.stream()
        with refused("ResourceNotFoundException") as caught:
            stream.iterator(shard_id="shardId-000000000007")
        assert "shardId-000000000007" in str(caught.value) and stream.name in str(caught.value)

    @pytest.mark.parametrize("wrong", ["x", "AAAA", "A" * 512, '""'])
    def test_what_is_no_iterator(self, kinesis, wrong):
        with refused("InvalidArgumentException", "Invalid ShardIterator."):
            kinesis.get_records(ShardIterator=wrong)

    def test_no_character_of_an_iterator_may_change(self, kinesis):
        stream = kinesis.stream()
        stream.put()
        iterator = stream.iterator()
        for place in range(0, len(iterator), 7):
            other = "A" if iterator[place] != "A" else "B"
            with refused("InvalidArgumentException", "Invalid ShardIterator."):
                stream.get(iterator[:place] + other + iterator[place + 1 :])

    def test_the_iterator_of_a_deleted_stream(self, kinesis):
        stream = kinesis.stream()
        iterator = stream.iterator()
        kinesis.delete_stream(StreamName=stream.name)
        with refused(
            "ResourceNotFoundException",
            f"Shard {ROOT} in stream {stream.name} under account {ACCOUNT} does not exist",
        ):
            stream.get(iterator)
        kinesis.stream(name=stream.name)
        with refused("ResourceNotFoundException"):
            stream.get(iterator)


def test_an_iterator_in_quotes_works_as_people_paste_it(kinesis):
    stream = kinesis.stream()
    stream.put("a")
    assert stream.data(f'"{stream.iterator()}"') == [b"a"]


def test_tokens_are_short_enough_for_the_longest_names(kinesis):
    stream = kinesis.stream(name="n" * 128)
    iterator = stream.iterator()
    assert 1 <= len(iterator) <= 512
    assert len(stream.get(iterator)["NextShardIterator"]) <= 512


def test_the_limit_is_kept_and_each_next_iterator_goes_on(kinesis):
    stream = kinesis.stream()
    stream.put_many([f"{number}" for number in range(10)])
    seen, iterator = [], stream.iterator()
    for _ in range(4):
        answer = stream.get(iterator, Limit=3)
        seen.append([int(record["Data"]) for record in answer["Records"]])
        assert answer["NextShardIterator"] != iterator
        iterator = answer["NextShardIterator"]
    assert seen == [[0, 1, 2], [3, 4, 5], [6, 7, 8], [9]]


def test_a_retry_with_the_same_iterator_gives_the_same_records(kinesis):
    stream = kinesis.stream()
    stream.put_many(["a", "b", "c"])
    iterator = stream.iterator()
    for _ in range(3):
        answer = stream.get(iterator, Limit=2)
        assert [record["Data"] for record in answer["Records"]] == [b"a", b"b"]


def test_an_empty_read_s_next_iterator_gives_what_comes_and_nothing_twice(kinesis):
    """Another server gives the same records again (kinesis-mock 1186)."""
    stream = kinesis.stream()
    iterator = stream.iterator("LATEST")
    for data in (b"a", b"b", b"c"):
        empty = stream.get(iterator)
        assert empty["Records"] == []
        assert empty["NextShardIterator"] != iterator
        stream.put(data)
        answer = stream.get(empty["NextShardIterator"])
        assert [record["Data"] for record in answer["Records"]] == [data]
        iterator = answer["NextShardIterator"]


def test_how_far_behind_a_reader_is(kinesis):
    stream = kinesis.stream()
    assert stream.get(stream.iterator())["MillisBehindLatest"] == 0
    stream.put_many(["a", "b"])
    arrival = millis(stream.records()[0]["ApproximateArrivalTimestamp"])
    wait_until(lambda: time.time() * 1000 > arrival + 200, 10, "it is some time ago")
    iterator = stream.iterator()
    before = int(time.time() * 1000)
    answer = stream.get(iterator, Limit=1)
    after = int(time.time() * 1000)
    # As long ago as the last record that it gave arrived.
    assert before - arrival <= answer["MillisBehindLatest"] <= after - arrival
    assert stream.get(answer["NextShardIterator"])["MillisBehindLatest"] == 0
    assert stream.get(stream.iterator("LATEST"))["MillisBehindLatest"] == 0


def test_iterators_survive_a_restart(own_kinesis):
    kinesis = own_kinesis()
    stream = kinesis.stream()
    stream.put_many(["a", "b"])
    first = stream.iterator()
    second = stream.get(first, Limit=1)["NextShardIterator"]
    kinesis.server.kill9()
    kinesis.server.start()
    assert stream.data(first) == [b"a", b"b"]
    assert stream.data(second) == [b"b"]


def test_iterators_expire_after_five_minutes(own_kinesis):
    kinesis = own_kinesis()
    stream = kinesis.stream()
    stream.put("a")
    before = datetime.now(UTC)
    iterator = stream.iterator()
    after = datetime.now(UTC)
    restart_moved_by(kinesis.server, seconds=280)
    assert stream.data(iterator) == [b"a"]
    restart_moved_by(kinesis.server, seconds=310)
    with refused("ExpiredIteratorException") as caught:
        stream.get(iterator)
    said = re.search(
        r"Iterator expired\. The iterator was created at time (.*) while right now it is (.*) which is further "
        r"in the future than the tolerated delay of 300000 milliseconds\.",
        str(caught.value),
    )
    assert said, caught.value
    form = "%a %b %d %H:%M:%S UTC %Y"
    created, now = (datetime.strptime(text, form).replace(tzinfo=UTC) for text in said.groups())
    assert before - timedelta(seconds=1) < created <= after
    assert 308 <= (now - created).total_seconds() <= 340


class TestRetention:
    def test_it_is_changed_within_its_bounds(self, kinesis):
        stream = kinesis.stream()
        name = {"StreamName": stream.name}
        longer, shorter = kinesis.increase_stream_retention_period, kinesis.decrease_stream_retention_period
        longer(RetentionPeriodHours=48, **name)
        assert stream.summary()["RetentionPeriodHours"] == 48
        longer(RetentionPeriodHours=8760, **name)
        shorter(RetentionPeriodHours=100, **name)
        assert stream.description()["RetentionPeriodHours"] == 100
        # As Terraform asks for it.
        longer(RetentionPeriodHours=100, **name)
        shorter(RetentionPeriodHours=100, **name)

        text = (
            "Requested retention period (%d hours) for stream %s can not be %s than existing retention "
            "period (%d hours). Use %sRetentionPeriod API."
        )
        with refused("InvalidArgumentException", text % (99, stream.name, "shorter", 100, "Decrease")):
            longer(RetentionPeriodHours=99, **name)
        with refused("InvalidArgumentException", text % (101, stream.name, "longer", 100, "Increase")):
            shorter(RetentionPeriodHours=101, **name)
        with refused(
            "InvalidArgumentException",
            "Minimum allowed retention period is 24 hours. Requested retention period (23 hours) is too short.",
        ):
            shorter(RetentionPeriodHours=23, **name)
        with refused(
            "InvalidArgumentException",
            "Maximum allowed retention period is 8760 hours. Requested retention period (8761 hours) is too long.",
        ):
            longer(RetentionPeriodHours=8761, **name)
        assert stream.summary()["RetentionPeriodHours"] == 100

    def test_what_is_too_old_is_not_read_any_more(self, own_kinesis):
        kinesis = own_kinesis()
        stream = kinesis.stream()
        old = stream.put_many(["old", "older"])
        restart_moved_by(kinesis.server, hours=12)
        stream.put("young")
        restart_moved_by(kinesis.server, hours=25)
        assert stream.data(stream.iterator("TRIM_HORIZON")) == [b"young"]
        assert stream.data(stream.at(old[0])) == [b"young"]
        long_ago = datetime.now(UTC) - timedelta(hours=2)
        assert stream.data(stream.iterator("AT_TIMESTAMP", Timestamp=long_ago)) == [b"young"]

    def test_a_longer_retention_brings_nothing_back_and_a_shorter_hides_at_once(self, own_kinesis):
        kinesis = own_kinesis()
        stream = kinesis.stream()
        kinesis.increase_stream_retention_period(StreamName=stream.name, RetentionPeriodHours=72)
        stream.put("old")
        restart_moved_by(kinesis.server, hours=30)
        stream.put("young")
        assert stream.data(stream.iterator()) == [b"old", b"young"]
        kinesis.decrease_stream_retention_period(StreamName=stream.name, RetentionPeriodHours=24)
        assert stream.data(stream.iterator()) == [b"young"]

    def test_closed_shards_are_listed_until_their_records_are_too_old(self, own_kinesis):
        kinesis = own_kinesis()
        stream = kinesis.stream()
        stream.put("old")
        stream.split()
        restart_moved_by(kinesis.server, hours=20)
        assert len(stream.shard_ids()) == 3
        stream.put("young")
        restart_moved_by(kinesis.server, hours=26)
        wait_until(lambda: len(stream.shard_ids()) == 2, 30, "the parent is gone")
        assert stream.shard_ids() == ["shardId-000000000001", "shardId-000000000002"]
        assert stream.shard_ids(ShardFilter={"Type": "AT_TRIM_HORIZON"}) == stream.shard_ids()
        with refused("ResourceNotFoundException"):
            stream.iterator()
        assert sum(len(records) for records in stream.all_records().values()) == 1


class TestLongPoll:
    """GetRecords that waits for records: an extension, asked for by a header."""

    HEADER = "x-tailrace-wait-ms"

    def test_it_answers_as_soon_as_there_is_a_record(self, kinesis):
        stream = kinesis.stream()
        wire = kinesis.wire()
        iterator = stream.iterator("LATEST")
        put = threading.Timer(0.5, stream.put, ["a"])
        started = time.monotonic()
        put.start()
        answer = wire.call("GetRecords", {"ShardIterator": iterator}, **{self.HEADER: "20000"})
        waited = time.monotonic() - started
        put.join()
        assert [record["PartitionKey"] for record in answer.document["Records"]] == ["k"]
        assert 0.5 <= waited < 10

    def test_it_answers_nothing_when_the_time_is_over(self, kinesis):
        stream = kinesis.stream()
        iterator = stream.iterator("LATEST")
        started = time.monotonic()
        answer = kinesis.wire().call("GetRecords", {"ShardIterator": iterator}, **{self.HEADER: "400"})
        assert 0.4 <= time.monotonic() - started < 10
        assert answer.document["Records"] == []
        assert answer.document["NextShardIterator"]

    def test_records_that_are_there_and_a_shard_s_end_do_not_wait(self, kinesis):
        stream = kinesis.stream()
        stream.put("a")
        started = time.monotonic()
        wire = kinesis.wire()
        answer = wire.call("GetRecords", {"ShardIterator": stream.iterator()}, **{self.HEADER: "20000"})
        assert len(answer.document["Records"]) == 1
        split = threading.Timer(0.3, stream.split)
        split.start()
        iterator = answer.document["NextShardIterator"]
        answer = wire.call("GetRecords", {"ShardIterator": iterator}, **{self.HEADER: "20000"})
        split.join()
        assert len(answer.document["ChildShards"]) == 2
        assert time.monotonic() - started < 10
