"""A stream is split and merged at run time: capture, triggers and readers follow it."""

import json
import random
import threading
import urllib.request
from collections import defaultdict

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from conftest import STREAM, TASK, json_lines, python_function, task_config
from harness.server import AdminError
from harness.waiting import wait_until
from kinesis.numbers import hash_range

KEYS = 300
RESHARDS = 10

# One write a batch; it begins a line, so that one which a kill cut short spoils no other.
HANDLER = """
import base64, json, os

def lambda_handler(event, context):
    data = [json.loads(base64.b64decode(r["kinesis"]["data"])) for r in event["Records"]]
    seen = [[m["data"]["id"], m["data"]["v"]] for m in data if m["op"] in "IU"]
    file = os.open(os.environ["SEEN"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, ("\\n" + json.dumps(seen)).encode())
    os.close(file)
"""


def seen_in(file):
    """The (key, version) pairs that the function has written down."""
    return [tuple(pair) for batch in json_lines(file) for pair in batch]


def kinesis(server):
    return boto3.client(
        "kinesis", endpoint_url=f"http://{server.aws}", region_name="us-east-1",
        aws_access_key_id="any", aws_secret_access_key="any",
        config=Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=30))  # fmt: skip


@pytest.fixture
def handler(tmp_path):
    folder = tmp_path / "handler"
    folder.mkdir()
    (folder / "app.py").write_text(HANDLER)
    return folder


class Writer:
    """Raises versions of random keys, a few in each transaction, until it is stopped."""

    def __init__(self, database, seed):
        self.random = random.Random(seed)
        self.database = database
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        with self.database.connect() as connection:
            while not self.stopping.is_set():
                keys = sorted(self.random.sample(range(KEYS), 5))
                connection.execute("update a set v = v + 1 where id = any(%s)", (keys,))

    def stop(self):
        self.stopping.set()
        self.thread.join()


def wait_for_changes(server, more):
    wanted = server.task(TASK)["changes"] + more
    wait_until(lambda: server.task(TASK)["changes"] >= wanted, 30, "capture goes on")


def reshard(client, chance):
    """One split, merge or change of the count, whatever the open shards allow."""
    shards = [
        shard
        for shard in client.list_shards(StreamName=STREAM)["Shards"]
        if "EndingSequenceNumber" not in shard["SequenceNumberRange"]
    ]

    shards.sort(key=hash_range)
    kind = chance.choice(["split", "merge", "count"])
    if kind == "count":
        # From half to twice as many, as AWS has it, and not ever more.
        least, most = (len(shards) + 1) // 2, min(2 * len(shards), 8)
        target = chance.choice([n for n in range(least, most + 1) if n != len(shards)])
        client.update_shard_count(StreamName=STREAM, TargetShardCount=target, ScalingType="UNIFORM_SCALING")
    elif kind == "merge" and len(shards) > 1:
        at = chance.randrange(len(shards) - 1)
        client.merge_shards(
            StreamName=STREAM,
            ShardToMerge=shards[at]["ShardId"],
            AdjacentShardToMerge=shards[at + 1]["ShardId"],
        )
    else:
        shard = chance.choice(shards)
        first, last = hash_range(shard)
        client.split_shard(
            StreamName=STREAM,
            ShardToSplit=shard["ShardId"],
            NewStartingHashKey=str(chance.randint(first + 1, last)),
        )


def check_order(pairs, versions, once):
    """(key, version) pairs hold every version up to the last of each key in order; `once`: none twice."""
    reached = defaultdict(lambda: -1)
    for key, version in pairs:
        if once:
            assert version == reached[key] + 1, f"key {key}: version {version} after {reached[key]}"
        assert version <= reached[key] + 1, f"key {key}: version {version} before {reached[key] + 1}"
        reached[key] = max(reached[key], version)
    assert dict(reached) == versions


def test_capture_and_a_trigger_go_on_over_splits_merges_and_a_kill(
    database, tailrace, handler, tmp_path, seed
):
    chance = random.Random(seed)
    database.sql("create table a (id int primary key, v int not null)")
    config = task_config(database.uri(), "a", shards=2, migration_type="cdc")
    config["functions"] = {"f": python_function(handler, environment={"SEEN": str(tmp_path / "seen")})}
    config["triggers"] = [{"stream": STREAM, "function": "f", "batch_size": 20}]
    server = tailrace(config)
    server.wait_task(TASK, "running")
    database.sql(f"insert into a select i, 0 from generate_series(0, {KEYS - 1}) i")

    client = kinesis(server)
    writer = Writer(database, seed)
    try:
        for number in range(RESHARDS):
            if number == RESHARDS // 2:
                # In the middle of one: it has happened or it has not.
                killer = threading.Timer(chance.random() / 50, server.kill9)
                killer.start()
                with pytest.raises((BotoCoreError, ClientError)):
                    while True:
                        reshard(client, chance)
                killer.join()
                server.start()
                client = kinesis(server)
            wait_for_changes(server, 20)
            reshard(client, chance)
    finally:
        writer.stop()
    server.wait_durable(TASK, database.lsn(), delivered=True)

    versions = dict(database.sql("select id, v from a"))
    # A shard has a smaller number than what it became.
    logged = [json.loads(record["data"]) for shard in server.records(STREAM) for record in shard]
    check_order([(m["data"]["id"], m["data"]["v"]) for m in logged if m["op"] in "IU"], versions, once=True)
    check_order(seen_in(tmp_path / "seen"), versions, once=False)

    stream = server.get(f"/v1/streams/{STREAM}")
    closed = [shard for shard in stream["shards"] if shard["closed"]]
    assert len(closed) >= RESHARDS
    trigger = server.trigger("f")
    assert trigger["error"] == ""
    assert all(not cursor["waits_for_parent"] for cursor in trigger["cursors"])
    # A tail tells it all once more, what a shard became behind the shard.
    tail = server.run("tail", STREAM, "--from", "trim-horizon", "--limit", len(logged), "--json")
    told = [json.loads(json.loads(line)["data"]) for line in tail.stdout.splitlines()]
    check_order([(m["data"]["id"], m["data"]["v"]) for m in told if m["op"] in "IU"], versions, once=True)


def test_a_stream_made_through_the_api_has_its_place_everywhere(tailrace, handler, tmp_path):
    config = {"functions": {"f": python_function(handler, environment={"SEEN": str(tmp_path / "seen")})}}
    server = tailrace(config)
    client = kinesis(server)
    client.create_stream(StreamName="made", ShardCount=2)

    def put(number):
        data = json.dumps({"op": "I", "data": {"id": number, "v": 0}})
        client.put_record(StreamName="made", PartitionKey=str(number), Data=data)

    put(1)
    assert [stream["name"] for stream in server.status()["streams"]] == ["made"]
    assert 'tailrace_stream_records{stream="made"} 1' in server.get("/metrics")
    tail = server.run("tail", "made", "--from", "trim-horizon", "--limit", "1", "--json")
    assert json.loads(json.loads(tail.stdout)["data"])["data"]["id"] == 1

    # A trigger in the file may name it.
    server.configure(config | {"triggers": [{"stream": "made", "function": "f"}]})
    server.post("/v1/reload")
    shard = client.list_shards(StreamName="made")["Shards"][0]
    client.split_shard(
        StreamName="made", ShardToSplit=shard["ShardId"],
        NewStartingHashKey=str(int(shard["HashKeyRange"]["EndingHashKey"]) // 2))  # fmt: skip
    for number in range(2, 50):
        put(number)

    wait_until(
        lambda: {key for key, _ in seen_in(tmp_path / "seen")} == set(range(1, 50)),
        30,
        "the function sees every record",
    )
    # While the trigger names it, it stays.
    with pytest.raises(client.exceptions.ResourceInUseException):
        client.delete_stream(StreamName="made")


def test_a_stream_that_is_deleted_ends_its_tail(tailrace):
    server = tailrace({})
    client = kinesis(server)
    client.create_stream(StreamName="made", ShardCount=1)
    client.put_record(StreamName="made", PartitionKey="k", Data=b"x")

    with urllib.request.urlopen(
        f"http://{server.admin}/v1/streams/made/tail?from=trim-horizon", timeout=20
    ) as tail:
        assert json.loads(tail.readline())["data"] == "x"
        client.delete_stream(StreamName="made")
        assert "was deleted" in json.loads(tail.readline())["error"]["message"]
        assert tail.read() == b""
    with pytest.raises(AdminError):
        server.get("/v1/streams/made")
