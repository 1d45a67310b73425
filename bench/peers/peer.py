import json
import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from harness.processes import children_of, cpu_seconds, memory_bytes, spawn
from harness.waiting import free_port, wait_until

ROOT = Path(__file__).resolve().parent.parent.parent
INSTALLED = ROOT / "build/peers"  # tools/install_peers.py fills it
LOAD = ROOT / "build/release/bench/load/kinesis_load"


def lacks(name):
    """Why the peer of build/peers/NAME cannot be run; None when all of it is installed."""
    if (INSTALLED / name / ".installed").exists():
        return None
    failed = INSTALLED / f"{name}.failed"
    if failed.exists():
        return f"it could not be installed: {failed.read_text().strip()}"
    return f"{(INSTALLED / name).relative_to(ROOT)} is not installed; run tools/bootstrap --for bench"


class Unsupported(Exception):
    """The server has no such thing."""


class Peer:
    """One server that keeps records, as a process of its own with a folder that is gone afterwards.

    After prepare() there are the streams `small` and `large` of 4 shards and `fan` of one, all empty. Loads
    answer with the figures of kinesis_load."""

    name = ""
    acknowledged = ""  # what an acknowledged record has survived by then
    start_timeout = 120

    def __init__(self):
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="tailrace-bench-"))
        self.process = None
        self.start_seconds = None

    # What each server says for itself

    def missing(self):
        """Why it cannot be run here; None when it can."""
        raise NotImplementedError

    def lay_out(self):
        """What a server needs once, before its first start."""

    def launch(self):
        raise NotImplementedError

    def answers(self):
        """Whether it serves requests by now."""
        raise NotImplementedError

    def prepare(self):
        raise NotImplementedError

    def put_record(self, connections, seconds):
        raise NotImplementedError

    def put_records(self, connections, seconds):
        raise NotImplementedError

    def get_records(self, connections, seconds):
        raise NotImplementedError

    def fan_out(self, per_second, seconds):
        raise NotImplementedError

    # What all have

    def __enter__(self):
        try:
            self.lay_out()
            began = time.monotonic()
            self.launch()
            wait_until(self.is_up, self.start_timeout, lambda: f"{self.name} starts\n{self.said()}")
            self.start_seconds = time.monotonic() - began
            self.prepare()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def spawn(self, command, **environment):
        with open(self.folder / "said", "ab") as said:
            self.process = spawn(
                command, cwd=self.folder, env=os.environ | environment, stdin=subprocess.DEVNULL,
                stdout=said, stderr=said)  # fmt: skip

    def is_up(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"{self.name} ended with {self.process.returncode}\n{self.said()}")
        try:
            return self.answers()
        except OSError:
            return False

    def said(self):
        file = self.folder / "said"
        return file.read_text(errors="replace")[-4000:] if file.exists() else ""

    def close(self):
        if self.process is not None:
            family = self.family()
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            for pid in family[1:]:
                try:
                    os.kill(pid, 9)
                except ProcessLookupError:
                    continue
            self.process = None
        shutil.rmtree(self.folder, ignore_errors=True)

    def family(self):
        """The process and all that it started."""
        found = [self.process.pid]
        for pid in found:
            found += children_of(pid)
        return found

    def memory_bytes(self):
        return sum(memory_bytes(pid) for pid in self.family())

    def cpu_seconds(self):
        return sum(cpu_seconds(pid) for pid in self.family())

    def run_load(self, *command, seconds):
        """The figures that a load generator printed."""
        ran = subprocess.run(
            [str(word) for word in command], check=False, capture_output=True, text=True,
            cwd=self.folder, timeout=seconds + 120)  # fmt: skip
        if ran.returncode != 0:
            raise RuntimeError(f"{self.name}: {ran.stderr.strip()[-2000:]}")
        return json.loads(ran.stdout)
