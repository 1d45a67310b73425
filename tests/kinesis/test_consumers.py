"""Registered consumers and enhanced fan-out."""

import itertools
import re
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import EventStreamError

from harness.waiting import wait_until
from kinesis.numbers import SequenceNumber
from kinesis.stream import ACCOUNT, ROOT, events_until, records_of, refused
from kinesis.wire import CBOR, JSON


class TestRegistration:
    def test_a_consumer_is_registered_described_listed_and_deregistered(self, kinesis):
        stream = kinesis.stream()
        consumer = kinesis.register_stream_consumer(StreamARN=stream.arn, ConsumerName="app")["Consumer"]
        created = int(consumer["ConsumerCreationTimestamp"].timestamp())
        assert consumer["ConsumerName"] == "app"
        assert consumer["ConsumerARN"] == f"{stream.arn}/consumer/app:{created}"
        assert consumer["ConsumerStatus"] in ("CREATING", "ACTIVE")
        by_arn = kinesis.describe_stream_consumer(ConsumerARN=consumer["ConsumerARN"])
        by_name = kinesis.describe_stream_consumer(StreamARN=stream.arn, ConsumerName="app")
        assert by_arn["ConsumerDescription"] == by_name["ConsumerDescription"]
        assert by_arn["ConsumerDescription"] == consumer | {
            "StreamARN": stream.arn,
            "ConsumerStatus": "ACTIVE",
        }
        (listed,) = kinesis.list_stream_consumers(StreamARN=stream.arn)["Consumers"]
        assert listed == consumer | {"ConsumerStatus": "ACTIVE"}
        assert stream.summary()["ConsumerCount"] == 1
        kinesis.deregister_stream_consumer(StreamARN=stream.arn, ConsumerName="app")
        wait_until(lambda: not kinesis.list_stream_consumers(StreamARN=stream.arn)["Consumers"], 10)
        assert stream.summary()["ConsumerCount"] == 0
        with refused("ResourceNotFoundException"):
            kinesis.describe_stream_consumer(ConsumerARN=consumer["ConsumerARN"])

    def test_a_name_is_registered_once(self, kinesis):
        stream = kinesis.stream()
        stream.consumer("app")
        with refused("ResourceInUseException"):
            kinesis.register_stream_consumer(StreamARN=stream.arn, ConsumerName="app")

    def test_deregistering_by_name_takes_that_one_only(self, kinesis):
        """Another server keeps the wrong ones (moto 5.2.1)."""
        stream = kinesis.stream()
        for name in ("a", "b", "c"):
            stream.consumer(name)
        kinesis.deregister_stream_consumer(StreamARN=stream.arn, ConsumerName="b")
        listed = kinesis.list_stream_consumers(StreamARN=stream.arn)["Consumers"]
        assert [consumer["ConsumerName"] for consumer in listed] == ["a", "c"]

    def test_the_list_comes_in_pages(self, kinesis):
        stream = kinesis.stream()
        names = [f"c{number:02}" for number in range(12)]
        for name in names:
            stream.consumer(name)
        pages = list(
            kinesis.get_paginator("list_stream_consumers").paginate(
                StreamARN=stream.arn, PaginationConfig={"PageSize": 5}
            )
        )
        assert [len(page["Consumers"]) for page in pages] == [5, 5, 2]
        assert [consumer["ConsumerName"] for page in pages for consumer in page["Consumers"]] == names

    def test_twenty_consumers_are_enough_for_a_stream(self, kinesis):
        stream = kinesis.stream()
        for number in range(20):
            stream.consumer(f"c{number}")
        with refused("LimitExceededException"):
            kinesis.register_stream_consumer(StreamARN=stream.arn, ConsumerName="one-more")

    def test_unknown_consumers(self, kinesis):
        stream = kinesis.stream()
        unknown = f"{stream.arn}/consumer/nobody:1700000000"
        with refused("ResourceNotFoundException"):
            kinesis.describe_stream_consumer(ConsumerARN=unknown)
        with refused("ResourceNotFoundException"):
            kinesis.deregister_stream_consumer(ConsumerARN=unknown)
        with refused("ResourceNotFoundException"):
            kinesis.register_stream_consumer(
                StreamARN=f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/nowhere", ConsumerName="c"
            )
        with refused("InvalidArgumentException"):
            kinesis.describe_stream_consumer()

    def test_consumers_are_tagged(self, kinesis):
        stream = kinesis.stream()
        consumer = kinesis.register_stream_consumer(
            StreamARN=stream.arn, ConsumerName="app", Tags={"team": "blue"}
        )["Consumer"]
        tags = kinesis.list_tags_for_resource(ResourceARN=consumer["ConsumerARN"])["Tags"]
        assert tags == [{"Key": "team", "Value": "blue"}]

    def test_consumers_survive_a_kill(self, own_kinesis):
        kinesis = own_kinesis()
        stream = kinesis.stream()
        arn = stream.consumer("app")
        before = kinesis.describe_stream_consumer(ConsumerARN=arn)["ConsumerDescription"]
        kinesis.server.kill9()
        kinesis.server.start()
        assert kinesis.describe_stream_consumer(ConsumerARN=arn)["ConsumerDescription"] == before


class TestSubscription:
    def test_records_arrive_in_order_with_where_to_go_on(self, kinesis):
        stream = kinesis.stream()
        consumer = stream.consumer()
        stream.put_many(["a", "b"])
        events = stream.subscribe(consumer)
        got = events_until(events, lambda e: len(records_of(e)) == 2)
        stream.put("c")
        got += events_until(events, lambda e: len(records_of(e)) == 1)
        assert [record["Data"] for record in records_of(got)] == [b"a", b"b", b"c"]
        assert [r["SequenceNumber"] for r in records_of(got)] == [
            r["SequenceNumber"] for r in stream.records()
        ]
        for event in got:
            assert not event.get("ChildShards")
            assert re.fullmatch(r"0|[1-9]\d{0,128}", event["ContinuationSequenceNumber"])
        assert got[-1]["MillisBehindLatest"] == 0
        events.close()

        again = stream.consumer("other")
        more = stream.subscribe(
            again, "AFTER_SEQUENCE_NUMBER", SequenceNumber=got[-1]["ContinuationSequenceNumber"]
        )
        stream.put("d")
        assert [r["Data"] for r in records_of(events_until(more, records_of))] == [b"d"]
        more.close()

    @pytest.mark.parametrize("kind", ["TRIM_HORIZON", "LATEST", "AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER", "AT_TIMESTAMP"])  # fmt: skip
    def test_it_begins_where_it_is_told(self, kinesis, kind):
        stream = kinesis.stream()
        consumer = stream.consumer()
        numbers = [stream.put("a")["SequenceNumber"]]
        time.sleep(0.02)
        numbers += stream.put_many(["b", "c"])
        position = {}
        if kind.endswith("SEQUENCE_NUMBER"):
            position = {"SequenceNumber": numbers[1]}
        elif kind == "AT_TIMESTAMP":
            position = {"Timestamp": stream.records()[1]["ApproximateArrivalTimestamp"]}
        first = {
            "TRIM_HORIZON": 0,
            "LATEST": 3,
            "AT_SEQUENCE_NUMBER": 1,
            "AFTER_SEQUENCE_NUMBER": 2,
            "AT_TIMESTAMP": 1,
        }
        expected = [b"a", b"b", b"c", b"d"][first[kind] :]
        events = stream.subscribe(consumer, kind, **position)
        stream.put("d")
        got = events_until(events, lambda e: len(records_of(e)) >= len(expected))
        assert [record["Data"] for record in records_of(got)] == expected
        events.close()

    def test_a_quiet_shard_still_gives_an_event_every_five_seconds(self, kinesis):
        """Java's client takes ten seconds of silence for a broken connection."""
        stream = kinesis.stream()
        events = iter(stream.subscribe(stream.consumer(), "LATEST"))
        told = [next(events)["SubscribeToShardEvent"] for _ in range(3)]
        for event in told:
            assert (event["Records"], event["MillisBehindLatest"]) == ([], 0)
        places = [SequenceNumber.parse(event["ContinuationSequenceNumber"]) for event in told]
        assert [place.counter for place in places] == [0, 0, 0]
        # In whole seconds of the server's clock, which it reads a moment later than its timer ends.
        assert all(after.time - before.time in (5, 6) for before, after in itertools.pairwise(places))

        # What an idle subscription tells is a place to go on from.
        put = stream.put("a")
        iterator = stream.at(told[-1]["ContinuationSequenceNumber"], "AFTER_SEQUENCE_NUMBER")
        assert [r["SequenceNumber"] for r in stream.get(iterator)["Records"]] == [put["SequenceNumber"]]

    def test_a_put_is_pushed_at_once(self, kinesis):
        stream = kinesis.stream()
        events = stream.subscribe(stream.consumer(), "LATEST")
        delays = []
        for number in range(20):
            stream.put(f"{number}")
            acknowledged = time.monotonic()
            (event,) = events_until(events, records_of)
            delays.append(time.monotonic() - acknowledged)
            assert [record["Data"] for record in event["Records"]] == [b"%d" % number]
            assert event["MillisBehindLatest"] == 0
        events.close()
        # Whoever polls needs a multiple of it. The median, since other tests run beside this one.
        assert sorted(delays)[10] < 0.1

    def test_the_end_of_a_shard_ends_the_subscription_and_names_the_children(self, kinesis):
        stream = kinesis.stream()
        events = stream.subscribe(stream.consumer())
        stream.put_many(["a", "b"])
        stream.split()
        stream.put("c")
        got = events_until(events, lambda _: False)
        assert [record["Data"] for record in records_of(got)] == [b"a", b"b"]
        assert [bool(event.get("ChildShards")) for event in got] == [False] * (len(got) - 1) + [True]
        assert "ContinuationSequenceNumber" not in got[-1]
        assert got[-1]["ChildShards"] == [
            {"ShardId": child["ShardId"], "ParentShards": [ROOT], "HashKeyRange": child["HashKeyRange"]}
            for child in stream.open_shards()
        ]

    @pytest.mark.parametrize("kind", ["TRIM_HORIZON", "LATEST"])
    def test_of_a_closed_shard_too(self, kinesis, kind):
        stream = kinesis.stream()
        stream.put("a")
        stream.split()
        got = events_until(stream.subscribe(stream.consumer(), kind), lambda _: False)
        assert [record["Data"] for record in records_of(got)] == ([b"a"] if kind == "TRIM_HORIZON" else [])
        assert len(got[-1]["ChildShards"]) == 2
        assert "ContinuationSequenceNumber" not in got[-1]

    def test_within_five_seconds_a_second_subscription_is_refused_and_later_it_takes_over(self, kinesis):
        stream = kinesis.stream()
        consumer = stream.consumer()
        started = time.monotonic()
        first = stream.subscribe(consumer, "LATEST")
        with refused("ResourceInUseException"):
            stream.subscribe(consumer, "LATEST")

        def taken_over():
            try:
                return stream.subscribe(consumer, "LATEST")
            except kinesis.exceptions.ResourceInUseException:
                return None

        second = wait_until(taken_over, 30, "another one takes over")
        assert time.monotonic() - started >= 5
        stream.put("a")
        with pytest.raises(EventStreamError) as caught:
            events_until(first, lambda _: False)
        assert caught.value.response["Error"]["Code"] == "ResourceInUseException"
        assert [r["Data"] for r in records_of(events_until(second, records_of))] == [b"a"]
        second.close()

    def test_consumers_and_shards_do_not_hinder_each_other(self, kinesis):
        stream = kinesis.stream(shards=2)
        subscriptions = []
        for name in ("a", "b"):
            consumer = stream.consumer(name)
            subscriptions += [
                stream.subscribe(consumer, shard_id=shard_id) for shard_id in stream.shard_ids()
            ]
        stream.put("low", ExplicitHashKey="0")
        stream.put("high", ExplicitHashKey=str((1 << 128) - 1))
        got = [[r["Data"] for r in records_of(events_until(events, records_of))] for events in subscriptions]
        assert got == [[b"low"], [b"high"]] * 2
        for events in subscriptions:
            events.close()

    def test_deregistering_ends_it(self, kinesis):
        stream = kinesis.stream()
        consumer = stream.consumer()
        events = stream.subscribe(consumer, "LATEST")
        ended = threading.Event()

        def read():
            try:
                for _ in events:
                    pass
            except EventStreamError:
                pass
            ended.set()

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        kinesis.deregister_stream_consumer(ConsumerARN=consumer)
        assert ended.wait(10)

    def test_deleting_the_stream_ends_it(self, kinesis):
        stream = kinesis.stream()
        events = stream.subscribe(stream.consumer(), "LATEST")
        kinesis.delete_stream(StreamName=stream.name, EnforceConsumerDeletion=True)
        with suppress(EventStreamError):
            events_until(events, lambda _: False, seconds=10)

    def test_what_is_wrong_is_said_before_the_stream_begins(self, kinesis):
        stream = kinesis.stream()
        consumer = stream.consumer()
        with refused("ResourceNotFoundException"):
            stream.subscribe(f"{stream.arn}/consumer/nobody:1700000000")
        with refused("ResourceNotFoundException"):
            stream.subscribe(consumer, shard_id="shardId-000000000009")
        with refused("InvalidArgumentException"):
            stream.subscribe(consumer, "AT_SEQUENCE_NUMBER")
        with refused("InvalidArgumentException"):
            stream.subscribe(consumer, "AT_TIMESTAMP", Timestamp=datetime.now(UTC) + timedelta(hours=1))
        # None of them counts as a subscription.
        stream.subscribe(consumer).close()

    @pytest.mark.parametrize("codec", [JSON, CBOR])
    def test_the_stream_s_form(self, kinesis, codec):
        """The initial response first, headers of type text only, payloads in the codec of the request."""
        stream = kinesis.stream()
        consumer = stream.consumer()
        stream.put(b"\x00\xff", "key")
        wire = kinesis.wire(content_type=codec)
        answer, events = wire.subscribe(
            {"ConsumerARN": consumer, "ShardId": ROOT, "StartingPosition": {"Type": "TRIM_HORIZON"}}
        )
        assert answer.status == 200
        assert answer.headers["content-type"] == "application/vnd.amazon.eventstream"
        assert answer.headers["content-length"] is None
        initial = next(events)
        assert initial.type == "initial-response"
        assert initial.document == {}
        event = next(events)
        assert event.type == "SubscribeToShardEvent"
        (record,) = event.document["Records"]
        assert record["Data"] == (b"\x00\xff" if codec == CBOR else "AP8=")
        assert record["PartitionKey"] == "key"
        arrival = record["ApproximateArrivalTimestamp"]
        assert abs((arrival.timestamp() if codec == CBOR else arrival) - time.time()) < 10

    def test_a_reader_that_does_not_read_holds_up_nobody(self, kinesis):
        stream = kinesis.stream()
        slow = stream.subscribe(stream.consumer("slow"))
        fast = stream.subscribe(stream.consumer("fast"))
        for _ in range(40):
            stream.put(b"x" * 1000000)
        got = events_until(fast, lambda e: len(records_of(e)) == 40, 60)
        assert len(records_of(got)) == 40
        assert len(records_of(events_until(slow, lambda e: len(records_of(e)) == 40, 60))) == 40
        slow.close()
        fast.close()
