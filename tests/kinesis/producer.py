"""Clients that put all the time, while their server is stopped or killed and started again."""

import http.client
import itertools
import random
import threading
from collections import defaultdict
from contextlib import contextmanager
from dataclasses import dataclass

from harness.waiting import wait_until
from kinesis.wire import Wire

# What an answer breaks off with when its server is killed.
KILLED = (OSError, http.client.HTTPException)
# And when it is stopped: no connection, or its end in place of an answer. One that breaks off in its middle is a failure.
STOPPED = (ConnectionError,)


@dataclass(frozen=True)
class Acknowledged:
    shard_id: str
    sequence_number: str
    key: str
    data: bytes


class Producer(threading.Thread):
    """One connection, and the next when it ended with one of `ends`. What was not acknowledged it puts again, as SDKs
    do, or (puts_again=False) never: then it may be there or not."""

    def __init__(self, number, address, stream, seed, ends=STOPPED, puts_again=True):
        super().__init__(name=f"producer {number}", daemon=True)
        self.number = number
        self.address = address
        self.stream = stream
        self.random = random.Random(seed)
        self.ends = ends
        self.puts_again = puts_again
        self.numbers = itertools.count()
        self.entries = []  # on their way
        self.put = set()  # every data that was ever on its way
        self.acknowledged = []
        self.interrupted = 0
        self.stopping = threading.Event()
        self.failure = None

    def run(self):
        try:
            while not self.stopping.is_set():
                self.put_until_it_ends()
        except Exception as error:
            self.failure = error

    def put_until_it_ends(self):
        wire = Wire(self.address)
        try:
            while not self.stopping.is_set():
                self.put_some(wire)
        except self.ends:
            self.interrupted += 1
            self.stopping.wait(0.02)
        finally:
            wire.close()

    def entry(self):
        number = next(self.numbers)
        data = b"%d:%d:" % (self.number, number) + b"x" * self.random.choice((0, 10, 1000))
        self.put.add(data)
        return {"Data": data, "PartitionKey": f"{self.number}-{number % 16}"}

    def put_some(self, wire):
        if not (self.entries and self.puts_again):
            count = 1 if self.random.random() < 0.8 else self.random.randint(2, 30)
            self.entries = [self.entry() for _ in range(count)]
        if len(self.entries) == 1:
            answer = wire.call("PutRecord", {"StreamName": self.stream} | self.entries[0])
            results = [answer.document]
        else:
            answer = wire.call("PutRecords", {"StreamName": self.stream, "Records": self.entries})
            results = answer.document.get("Records", [])
        if answer.status == 503 and b"The server is starting." in answer.body:
            raise ConnectionRefusedError("it starts")
        assert answer.status == 200, (answer.status, answer.body)
        for entry, result in zip(self.entries, results, strict=True):
            assert "ErrorCode" not in result, result
            self.acknowledged.append(
                Acknowledged(
                    result["ShardId"], result["SequenceNumber"], entry["PartitionKey"], entry["Data"]
                )
            )
        self.entries = []


def check(producers):
    for producer in producers:
        if producer.failure:
            raise AssertionError(f"{producer.name} failed") from producer.failure


def check_acknowledged(producers, records):
    """Of all records, shard by shard as `all_records` has them: what was acknowledged is among them, as it was
    acknowledged, and under each key in the order of the puts. How many those are."""
    stored = {
        Acknowledged(shard_id, record["SequenceNumber"], record["PartitionKey"], record["Data"])
        for shard_id, of_shard in records.items()
        for record in of_shard
    }
    count = 0
    for producer in producers:
        missing = [told for told in producer.acknowledged if told not in stored]
        assert not missing, f"{len(missing)} acknowledged records are lost, the first {missing[0]}"
        count += len(producer.acknowledged)
        by_key = defaultdict(list)
        for told in producer.acknowledged:
            by_key[told.key].append(told)
        # Across a split or merge too: a child's numbers are above its parents'.
        for of_key in by_key.values():
            numbers = [int(told.sequence_number) for told in of_key]
            assert numbers == sorted(numbers)
    assert count > 0
    return count


@contextmanager
def producing(*producers):
    """They put meanwhile; afterwards all are done, and none met what it should not."""
    for producer in producers:
        producer.start()
    try:
        yield
    finally:
        for producer in producers:
            producer.stopping.set()
        for producer in producers:
            producer.join(90)
    assert not any(producer.is_alive() for producer in producers)
    check(producers)


def wait_for_puts(producers, more):
    """Until each of them had so many more acknowledged."""
    wanted = [len(producer.acknowledged) + more for producer in producers]

    def all_put():
        check(producers)
        return all(len(p.acknowledged) >= n for p, n in zip(producers, wanted, strict=True))

    wait_until(all_put, 60, "all put")
