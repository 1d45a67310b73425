"""The Kinesis Client Library and the Kinesis Producer Library for Java, as they are, with CBOR and HTTP/2."""

import re
import subprocess
import threading
import time
from collections import defaultdict

import pytest

from harness.waiting import wait_until
from kinesis.java_clients import DynamoDb, Sts, Worker, produce

# How the data of an aggregate begins.
AGGREGATE = bytes.fromhex("f3899ac2")


@pytest.fixture(scope="session")
def dynamodb():
    server = DynamoDb()
    try:
        yield server.start()
    finally:
        server.remove()


class Application:
    """Workers that share their leases, and the file in which they write down what they see."""

    def __init__(self, kinesis, dynamodb, stream, mode, folder, endpoint=None, properties=()):
        self.how = {
            "kinesis_endpoint": endpoint or f"http://{kinesis.server.aws}", "dynamodb": dynamodb, "stream": stream.name,
            "application": f"app-{stream.name}", "mode": mode, "lines": folder / "lines", "properties": properties,
        }  # fmt: skip
        self.folder = folder
        self.file = folder / "lines"
        self.file.touch()
        self.workers = []

    def start(self, name):
        self.workers.append(Worker(name, log=self.folder / f"{name}.log", **self.how))
        return self.workers[-1]

    def lines(self):
        """(worker, shard, event, ...) in the order in which they happened."""
        # A worker may be in the middle of its next line.
        written, _, _ = self.file.read_text().rpartition("\n")
        return [tuple(line.split(" ", 5)) for line in written.splitlines()]

    def seen(self):
        """(key, data) of each record, in order."""
        return [(line[4], line[5]) for line in self.lines() if line[2] == "record"]

    def reads(self, shard_id):
        return any(line[1:3] == (shard_id, "record") for line in self.lines())

    def logs(self):
        return "".join(f"--- {w.name}:\n{w.log.read_text()[-6000:]}\n" for w in self.workers)

    def wait_for(self, condition, seconds, what):
        wait_until(condition, seconds, lambda: f"{what}\n{self.file.read_text()[-1000:]}\n{self.logs()}")

    def stop(self):
        for worker in self.workers:
            if worker.process.poll() is None:
                worker.stop()


@pytest.fixture
def application(kinesis, dynamodb, tmp_path):
    made = []

    def make(stream, mode, **more):
        made.append(Application(kinesis, dynamodb, stream, mode, tmp_path, **more))
        return made[-1]

    yield make
    for application in made:
        application.stop()


class Puts(threading.Thread):
    """Puts numbers 0, 1, 2... under each of some keys, until it is stopped."""

    def __init__(self, stream, keys=20):
        super().__init__(daemon=True)
        self.stream = stream
        self.keys = [f"key-{number}" for number in range(keys)]
        self.put = []
        self.stopping = threading.Event()
        self.failure = None
        self.start()

    def run(self):
        try:
            number = 0
            while not self.stopping.wait(0.01):
                for key in self.keys:
                    self.stream.put(f"{number}", key)
                    self.put.append((key, f"{number}"))
                number += 1
        except Exception as error:
            self.failure = error

    def stop(self):
        self.stopping.set()
        self.join(90)
        assert not self.is_alive()
        if self.failure:
            raise self.failure
        return self.put


def assert_complete_and_in_order(application, put, stream):
    seen = application.seen()
    assert set(seen) == set(put)
    by_key = defaultdict(list)
    for key, data in dict.fromkeys(seen):
        by_key[key].append(int(data))
    # What was not checkpointed is seen again, but nothing is seen before what was put before it.
    for key, numbers in by_key.items():
        assert numbers == sorted(numbers), key

    # Nothing of a shard before its parents were read to their end.
    parents = {
        shard["ShardId"]: [shard[n] for n in ("ParentShardId", "AdjacentParentShardId") if n in shard]
        for shard in stream.shards()
    }
    ended = set()
    for _, shard, event, *_ in application.lines():
        if event == "end":
            ended.add(shard)
        elif event == "record":
            assert set(parents[shard]) <= ended, f"{shard} before its parents {parents[shard]}"
    assert ended == {parent for of_shard in parents.values() for parent in of_shard}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("mode", ["fanout", "polling"])
def test_an_application_goes_through_split_merge_and_the_death_of_a_worker(kinesis, application, mode):
    stream = kinesis.stream(shards=2)
    workers = application(stream, mode)
    puts = Puts(stream)
    # One after the other: two that both make their tables for the first time hinder each other.
    first = workers.start("first")
    workers.wait_for(lambda: len(workers.seen()) > 500, 180, "records are read")
    workers.start("second")
    lower, upper = stream.split("shardId-000000000000")
    workers.wait_for(lambda: workers.reads(upper), 120, "a child is read")
    first.kill9()
    merged = stream.merge(lower, upper)
    workers.wait_for(lambda: workers.reads(merged), 180, "the merged shard is read")
    put = puts.stop()
    workers.wait_for(lambda: set(workers.seen()) >= set(put), 120, "all is read")
    workers.stop()
    assert_complete_and_in_order(workers, put, stream)
    if mode == "fanout":
        (consumer,) = kinesis.list_stream_consumers(StreamARN=stream.arn)["Consumers"]
        assert consumer["ConsumerName"] == f"app-{stream.name}"
    for worker in workers.workers:
        complaints = worker.log.read_text()
        assert not re.search(r"Invalid(Argument|State)Exception|ReadTimeout|protocol error", complaints), (
            complaints[-5000:]
        )


@pytest.mark.timeout(600)
def test_the_producer_library_s_aggregates_are_read_by_the_client_library(
    own_kinesis, dynamodb, tmp_path, certificate
):
    kinesis = own_kinesis({"listen": {"tls": certificate}})
    stream = kinesis.stream(shards=3)
    host, _, port = kinesis.server.aws.rpartition(":")
    sts = Sts(certificate)
    try:
        told = produce(host, int(port), sts, tmp_path, stream.name, keys=30, records=100)
    finally:
        sts.remove()
    assert len(told) == 3000
    outer = [record for records in stream.all_records().values() for record in records]
    aggregates = [record for record in outer if record["Data"].startswith(AGGREGATE)]
    assert len(aggregates) > 10 and len(outer) < 3000
    assert {sequence for _, sequence, _, _ in told} == {record["SequenceNumber"] for record in outer}

    # Over TLS too: HTTP/2 by ALPN, with the certificate verified.
    trusted = tmp_path / "trusted.p12"
    subprocess.run(
        ["keytool", "-importcert", "-noprompt", "-alias", "tailrace", "-file", certificate["certificate"],
         "-keystore", trusted, "-storepass", "changeit"], check=True, capture_output=True)  # fmt: skip
    application = Application(
        kinesis, dynamodb, stream, "fanout", tmp_path, endpoint=f"https://localhost:{port}",
        properties=[f"-Djavax.net.ssl.trustStore={trusted}", "-Djavax.net.ssl.trustStorePassword=changeit"],
    )  # fmt: skip
    try:
        application.start("only")
        expected = {(key, data) for _, _, key, data in told}
        application.wait_for(lambda: set(application.seen()) >= expected, 180, "all is read")
        time.sleep(1)  # for what would come from nowhere
    finally:
        application.stop()
    assert set(application.seen()) == expected
