"""Streams and what tests do with them, through boto3."""

import itertools
import os
import time
from contextlib import contextmanager

import pytest
from botocore.exceptions import ClientError

from harness.waiting import wait_until
from kinesis.numbers import HASH_KEYS, hash_range
from kinesis.wire import Wire

ACCOUNT = "000000000000"
ROOT = "shardId-000000000000"  # a stream's first shard
names = itertools.count(1)


@contextmanager
def refused(error_type, text=None):
    """What runs inside is answered with this error, and with this text in full when it is given."""
    with pytest.raises(ClientError) as caught:
        yield caught
    error = caught.value.response["Error"]
    assert error["Code"] == error_type, error
    if text is not None:
        assert error["Message"] == text
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


class Kinesis:
    """A server's API: boto3's client, and connections for requests without it."""

    def __init__(self, server, client):
        self.server = server
        self.client = client
        self.streams = []
        self.wires = []

    def __getattr__(self, name):
        return getattr(self.client, name)

    def wire(self, *arguments, **options):
        self.wires.append(Wire(self.server.aws, *arguments, **options))
        return self.wires[-1]

    def stream(self, shards=1, **more):
        """A new stream with a name of its own."""
        name = more.pop("name", f"s{os.getpid()}-{next(names)}")
        if shards is not None:
            more["ShardCount"] = shards
        self.client.create_stream(StreamName=name, **more)
        self.streams.append(Stream(self, name))
        return self.streams[-1]

    def remove_streams(self):
        for stream in self.streams:
            try:
                self.client.delete_stream(StreamName=stream.name, EnforceConsumerDeletion=True)
            except self.client.exceptions.ResourceNotFoundException:
                pass

    def close(self):
        for wire in self.wires:
            wire.close()
        self.client.close()


class Stream:
    def __init__(self, kinesis, name):
        self.kinesis = kinesis
        self.client = kinesis.client
        self.name = name
        self.summary()

    def summary(self):
        answer = self.client.describe_stream_summary(StreamName=self.name)
        self.arn = answer["StreamDescriptionSummary"]["StreamARN"]
        return answer["StreamDescriptionSummary"]

    def description(self):
        return self.client.describe_stream(StreamName=self.name)["StreamDescription"]

    # Shards

    def shards(self, **more):
        """Every shard in the order of the ids."""
        pages, token = [], {"StreamName": self.name} | more
        while token:
            answer = self.client.list_shards(**token)
            pages += answer["Shards"]
            token = {"NextToken": answer["NextToken"]} if "NextToken" in answer else None
        return pages

    def shard(self, shard_id):
        return next(shard for shard in self.shards() if shard["ShardId"] == shard_id)

    def open_shards(self):
        return [s for s in self.shards() if "EndingSequenceNumber" not in s["SequenceNumberRange"]]

    def shard_ids(self, **more):
        return [shard["ShardId"] for shard in self.shards(**more)]

    def split(self, shard_id=ROOT, at=None):
        """In the middle unless told where; the ids of the children."""
        low, high = hash_range(self.shard(shard_id))
        at = str((low + high + 1) // 2) if at is None else str(at)
        before = self.shard_ids()
        self.client.split_shard(StreamName=self.name, ShardToSplit=shard_id, NewStartingHashKey=at)
        return [shard_id for shard_id in self.shard_ids() if shard_id not in before]

    def merge(self, lower, upper):
        """The id of the child."""
        before = self.shard_ids()
        self.client.merge_shards(StreamName=self.name, ShardToMerge=lower, AdjacentShardToMerge=upper)
        (child,) = [shard_id for shard_id in self.shard_ids() if shard_id not in before]
        return child

    # Records

    def put(self, data=b"x", key="k", **more):
        data = data.encode() if isinstance(data, str) else data
        return self.client.put_record(StreamName=self.name, Data=data, PartitionKey=key, **more)

    def put_many(self, datas, key="k"):
        """One after the other; the sequence numbers."""
        return [self.put(data, key)["SequenceNumber"] for data in datas]

    def iterator(self, kind="TRIM_HORIZON", shard_id=ROOT, **more):
        return self.client.get_shard_iterator(
            StreamName=self.name, ShardId=shard_id, ShardIteratorType=kind, **more
        )["ShardIterator"]

    def at(self, sequence_number, kind="AT_SEQUENCE_NUMBER", shard_id=ROOT):
        return self.iterator(kind, shard_id, StartingSequenceNumber=sequence_number)

    def get(self, iterator, **more):
        return self.client.get_records(ShardIterator=iterator, **more)

    def data(self, iterator, **more):
        """The datas of one call."""
        return [record["Data"] for record in self.get(iterator, **more)["Records"]]

    def drain(self, iterator):
        """Every record until the shard's end or the tip, and the last answer."""
        records = []
        while True:
            answer = self.get(iterator)
            records += answer["Records"]
            iterator = answer.get("NextShardIterator")
            if iterator is None or (not answer["Records"] and answer["MillisBehindLatest"] == 0):
                return records, answer

    def records(self, shard_id=ROOT):
        """Every record of a shard."""
        return self.drain(self.iterator(shard_id=shard_id))[0]

    def all_records(self):
        """Every record of every shard, by shard id."""
        return {shard_id: self.records(shard_id) for shard_id in self.shard_ids()}

    # Consumers

    def consumer(self, name="c"):
        answer = self.client.register_stream_consumer(StreamARN=self.arn, ConsumerName=name)
        arn = answer["Consumer"]["ConsumerARN"]
        wait_until(
            lambda: self.client.describe_stream_consumer(ConsumerARN=arn)["ConsumerDescription"]["ConsumerStatus"] == "ACTIVE",
            10, f"{arn} is active")  # fmt: skip
        return arn

    def subscribe(self, consumer_arn, kind="TRIM_HORIZON", shard_id=ROOT, **position):
        answer = self.client.subscribe_to_shard(
            ConsumerARN=consumer_arn, ShardId=shard_id, StartingPosition={"Type": kind} | position
        )
        return answer["EventStream"]


def assert_covers_all_keys(shards):
    """Open shards, side by side over the whole range of hash keys."""
    ranges = sorted(hash_range(shard) for shard in shards)
    assert ranges[0][0] == 0 and ranges[-1][1] == HASH_KEYS - 1, ranges
    assert [high + 1 for _, high in ranges[:-1]] == [low for low, _ in ranges[1:]], ranges


def events_until(stream, enough, seconds=30):
    """The events of a subscription up to the first with which enough(events) holds, or to its end."""
    events = []
    deadline = time.monotonic() + seconds
    for event in stream:
        events.append(event["SubscribeToShardEvent"])
        if enough(events):
            break
        assert time.monotonic() < deadline, f"not within {seconds} s: {events}"
    return events


def records_of(events):
    return [record for event in events for record in event["Records"]]
