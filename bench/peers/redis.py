import csv
import shutil
import subprocess

from harness.processes import spawn
from peers.peer import LOAD, Peer

# redis-server is this program under another name; its own package would start a service.
PROGRAM = "redis-check-rdb"
COLUMNS = {"p50": "p50_latency_ms", "p99": "p99_latency_ms", "max": "max_latency_ms"}


class Redis(Peer):
    """Streams: a shard is a key. redis-benchmark is its generator."""

    name = "Redis 7 Streams, always"
    acknowledged = "fdatasync"

    def missing(self):
        return None if shutil.which(PROGRAM) else f"{PROGRAM} is missing; run tools/bootstrap --for bench"

    def launch(self):
        with open(self.folder / "said", "ab") as said:
            self.process = spawn(
                ["redis-server", "--port", self.port, "--bind", "127.0.0.1", "--dir", self.folder,
                 "--appendonly", "yes", "--appendfsync", "always", "--save", ""],
                executable=shutil.which(PROGRAM), cwd=self.folder, stdin=subprocess.DEVNULL,
                stdout=said, stderr=said)  # fmt: skip

    def answers(self):
        ran = subprocess.run(["redis-cli", "-p", str(self.port), "ping"], capture_output=True, check=False)
        return ran.stdout.strip() == b"PONG"

    def prepare(self):
        pass  # a key is there with its first entry

    def benchmark(self, seconds, connections, pipeline, *command):
        """redis-benchmark counts requests, not time: a short run tells how many that time takes."""
        requests = 50 * connections * pipeline
        rate = self.benchmark_of(requests, connections, pipeline, *command)["records_per_second"]
        requests = max(requests, int(rate * seconds))
        return self.benchmark_of(requests, connections, pipeline, *command)

    def benchmark_of(self, requests, connections, pipeline, *command):
        ran = subprocess.run(
            ["redis-benchmark", "-p", str(self.port), "-n", str(requests), "-c", str(connections),
             "-P", str(pipeline), "-r", "4", "--csv", *command],
            check=True, capture_output=True, text=True)  # fmt: skip
        row = list(csv.DictReader(ran.stdout.splitlines()))[-1]
        return {
            "records_per_second": float(row["rps"]), "records": requests, "errors": 0, "first_error": "",
            "latency_ms": {name: float(row[column]) for name, column in COLUMNS.items()},
        }  # fmt: skip

    def put_record(self, connections, seconds):
        return self.benchmark(seconds, connections, 1, "XADD", "small:__rand_int__", "*", "d", "x" * 100)

    def put_records(self, connections, seconds):
        return self.benchmark(seconds, connections, 500, "XADD", "large:__rand_int__", "*", "d", "x" * 1024)

    def get_records(self, connections, seconds):
        limit = 1000
        figures = self.benchmark(
            seconds, connections, 1, "XRANGE", "large:__rand_int__", "-", "+", "COUNT", str(limit)
        )
        return figures | {"records_per_second": figures["records_per_second"] * limit}

    def fan_out(self, per_second, seconds):
        return self.run_load(
            LOAD, "redis-fan-out", "--port", self.port, "--stream", "fan", "--seconds", seconds,
            "--per-second", per_second, seconds=seconds)  # fmt: skip
