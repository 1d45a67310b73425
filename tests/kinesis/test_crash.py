"""Kills at random moments while producers put and shards are split and merged, and what is there afterwards.

pytest tests/kinesis/test_crash.py --kills 100 --seed 7
"""

import itertools
import random
import threading
import time
from collections import defaultdict

import pytest
from botocore.exceptions import BotoCoreError

from harness.waiting import wait_until
from kinesis.conftest import boto_client
from kinesis.numbers import hash_of, hash_range
from kinesis.producer import KILLED, Producer, check_acknowledged, producing, wait_for_puts
from kinesis.stream import Kinesis, Stream, assert_covers_all_keys

CONNECTIONS = 32


class Run:
    """A server, its stream, the producers, and the one who kills."""

    def __init__(self, tailrace, seed, shards):
        self.random = random.Random(seed)
        self.server = tailrace({})
        self.kinesis = Kinesis(self.server, boto_client(self.server.aws))
        self.stream = self.kinesis.stream(shards=shards)
        self.producers = [
            Producer(
                number, self.server.aws, self.stream.name, self.random.random(), ends=KILLED, puts_again=False
            )
            for number in range(CONNECTIONS)
        ]

    def restart(self):
        self.server.kill9()
        self.server.start()

    def check_records(self):
        records = self.stream.all_records()
        shards = {shard["ShardId"]: shard for shard in self.stream.shards()}
        everything = [record for of_shard in records.values() for record in of_shard]
        assert len({record["Data"] for record in everything}) == len(everything), "something is there twice"
        assert len({record["SequenceNumber"] for record in everything}) == len(everything)
        put = set().union(*(producer.put for producer in self.producers))
        assert {record["Data"] for record in everything} <= put, "something was never put"

        for shard_id, of_shard in records.items():
            numbers = [int(record["SequenceNumber"]) for record in of_shard]
            assert numbers == sorted(set(numbers)), shard_id
            low, high = hash_range(shards[shard_id])
            assert all(low <= hash_of(record["PartitionKey"]) <= high for record in of_shard)
            ending = shards[shard_id]["SequenceNumberRange"].get("EndingSequenceNumber")
            assert ending is None or not numbers or numbers[-1] < int(ending)

        count = check_acknowledged(self.producers, records)
        print(f"{count} records acknowledged, {len(everything)} in {len(records)} shards")

    def check_shards(self):
        """Whole trees: the open ones cover all keys, each closed one has children that say so."""
        shards = {shard["ShardId"]: shard for shard in self.stream.shards()}
        opened = [s for s in shards.values() if "EndingSequenceNumber" not in s["SequenceNumberRange"]]
        assert_covers_all_keys(opened)
        children = defaultdict(list)
        for shard in shards.values():
            for name in ("ParentShardId", "AdjacentParentShardId"):
                if name in shard:
                    children[shard[name]].append(shard)
        for parent, of_parent in children.items():
            ending = shards[parent]["SequenceNumberRange"]["EndingSequenceNumber"]
            for child in of_parent:
                assert int(child["SequenceNumberRange"]["StartingSequenceNumber"]) > int(ending)
        for shard_id, shard in shards.items():
            is_open = "EndingSequenceNumber" not in shard["SequenceNumberRange"]
            assert is_open == (shard_id not in children), shard
        assert sorted(shards) == [f"shardId-{number:012d}" for number in range(len(shards))]
        return opened


@pytest.fixture
def kills(request):
    return request.config.getoption("--kills") or 10


@pytest.mark.timeout(36000)
def test_every_acknowledged_record_is_there_once_and_in_order(tailrace, seed, kills):
    run = Run(tailrace, seed, shards=4)
    with producing(*run.producers):
        for _ in range(kills):
            # The moment is random on purpose.
            time.sleep(run.random.choice((0.05, 0.3, 1.0)) * run.random.random() * 2)
            run.server.kill9()
            run.server.launch()
            if run.random.random() < 0.3:
                # In the middle of the start.
                time.sleep(run.random.random() * 0.1)
                run.server.kill9()
                run.server.launch()
            wait_until(run.server.is_ready, 30, "it is ready")
        wait_for_puts(run.producers, 1)
    run.restart()
    run.check_records()


@pytest.mark.timeout(36000)
def test_shards_are_whole_when_splits_and_merges_are_killed(tailrace, seed, kills):
    run = Run(tailrace, seed, shards=3)
    done = 0
    with producing(*run.producers):
        for _ in range(kills):
            opened = sorted(run.check_shards(), key=hash_range)
            done += reshard_and_kill(run, opened)
            run.server.start()
            assert run.stream.summary()["StreamStatus"] == "ACTIVE"
        run.check_shards()
    run.restart()
    run.check_shards()
    run.check_records()
    print(f"{done} of {kills} were done before the kill")


def random_change(run, opened):
    """A split, a merge or another count, as a call and its arguments."""
    client, name = run.kinesis.client, {"StreamName": run.stream.name}
    dice = run.random.random()
    if len(opened) < 3 or (len(opened) < 8 and dice < 0.4):
        shard = run.random.choice(opened)
        at = str(sum(hash_range(shard)) // 2)
        return client.split_shard, name | {"ShardToSplit": shard["ShardId"], "NewStartingHashKey": at}
    if dice < 0.8:
        lower, upper = run.random.choice(list(itertools.pairwise(opened)))
        return client.merge_shards, name | {
            "ShardToMerge": lower["ShardId"],
            "AdjacentShardToMerge": upper["ShardId"],
        }
    target = run.random.randint((len(opened) + 1) // 2, len(opened) * 2)
    return client.update_shard_count, name | {"TargetShardCount": target, "ScalingType": "UNIFORM_SCALING"}


def reshard_and_kill(run, opened):
    """Changes the shards and kills within the next milliseconds; whether the change was acknowledged."""
    call, arguments = random_change(run, opened)
    outcome = []

    def reshard():
        try:
            call(**arguments)
            outcome.append("acknowledged")
        except BotoCoreError:
            # Killed before its answer: then it was done or not, but not by half.
            outcome.append("unknown")

    resharding = threading.Thread(target=reshard)
    resharding.start()
    time.sleep(run.random.random() * 0.03)
    run.server.kill9()
    resharding.join()
    assert outcome, "the change was refused"
    return outcome == ["acknowledged"]


@pytest.mark.parametrize("sync", ["interval", "none"])
def test_a_kill_loses_nothing_also_of_what_is_not_synced(own_kinesis, sync):
    kinesis = own_kinesis({"streams": {"loose": {"shards": 2, "sync": sync}}})
    stream = Stream(kinesis, "loose")
    put = [b"%d" % number for number in range(500)]
    stream.put_many(put)
    kinesis.server.kill9()
    kinesis.server.start()
    assert sorted(r["Data"] for of_shard in stream.all_records().values() for r in of_shard) == sorted(put)
