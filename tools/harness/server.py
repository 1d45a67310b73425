import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

from harness.processes import spawn
from harness.waiting import free_port, wait_until

ROOT = Path(__file__).resolve().parent.parent.parent


def tailrace_binary():
    return Path(os.environ.get("TAILRACE_BINARY", ROOT / "build/debug/tailrace")).resolve()


def clean_environment(**more):
    """Ours without what would change Tailrace's behaviour behind a test's back."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("TAILRACE_", "PG", "AWS_"))}
    return kept | {"NO_COLOR": "1"} | more


def run_tailrace(*arguments, seconds=30, cwd=None, **environment):
    """One command of the program, to its end."""
    return subprocess.run(
        [str(tailrace_binary()), *map(str, arguments)],
        check=False, cwd=cwd, env=clean_environment(**environment), stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=seconds)  # fmt: skip


class AdminError(Exception):
    def __init__(self, status, answer):
        self.status = status
        self.answer = answer
        super().__init__(f"HTTP {status}: {answer}")

    @property
    def fault(self):
        return self.answer.get("error", {}).get("fault")

    @property
    def message(self):
        return self.answer.get("error", {}).get("message", "")


class Tailrace:
    """The real program as a process of its own, with a folder that is gone afterwards."""

    def __init__(self, config, binary=None, dies_with_us=signal.SIGKILL, **environment):
        self.binary = binary or tailrace_binary()
        self.dies_with_us = dies_with_us
        self.environment = clean_environment(**environment)
        self.folder = Path(tempfile.mkdtemp(prefix="tailrace-"))
        self.admin = f"127.0.0.1:{free_port()}"
        self.aws = f"127.0.0.1:{free_port()}"
        self.config_file = self.folder / "tailrace.yaml"
        self.data = self.folder / "data"
        self.process = None
        self.configure(config)

    def configure(self, config):
        """Writes the configuration, with places of our own where it names none; JSON is YAML too."""
        listen = {"aws": self.aws, "admin": self.admin} | config.get("listen", {})
        places = {"data": str(self.data)} | config | {"listen": listen}
        self.config_file.write_text(json.dumps(places, indent=1))

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.remove()
            raise

    def __exit__(self, *_):
        self.remove()

    # The process

    def launch(self):
        with open(self.folder / "stderr", "ab") as stderr, open(self.folder / "stdout", "ab") as stdout:
            self.process = spawn(
                [self.binary, "run", "--config", self.config_file], dies_with_us=self.dies_with_us,
                cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL,
                stdout=stdout, stderr=stderr)  # fmt: skip
        return self

    def start(self, until="/readyz", seconds=30):
        """Until all of it works (/readyz), or until all of it was started, some of it perhaps with an error
        (/livez)."""
        self.launch()
        answers = self.is_ready if until == "/readyz" else self.is_started
        wait_until(answers, seconds, lambda: f"the server starts\n{self.diagnostics()}")
        return self

    def readiness(self):
        """The checks of /readyz by their names; none while it does not answer."""
        if self.process.poll() is not None:
            raise AssertionError(f"tailrace ended with {self.process.returncode}\n{self.diagnostics()}")
        try:
            checks = self.get("/readyz?verbose")["checks"]
        except AdminError as error:
            checks = error.answer.get("checks", [])
        except OSError:
            checks = []
        return {check["name"]: check for check in checks}

    def is_started(self):
        return self.readiness().get("start", {}).get("ok", False)

    def is_ready(self):
        return self.is_started() and all(check["ok"] for check in self.readiness().values())

    def wait_end(self, seconds=30):
        """The exit code."""
        return self.process.wait(seconds)

    def stop(self, seconds=30):
        """Drains and ends; the exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        return self.wait_end(seconds)

    def kill9(self):
        self.process.kill()
        self.process.wait()

    def restart(self, **how):
        self.stop()
        return self.start(**how)

    def remove(self):
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(15)
            except subprocess.TimeoutExpired:
                self.kill9()
        shutil.rmtree(self.folder, ignore_errors=True)

    def stderr(self):
        path = self.folder / "stderr"
        return path.read_text(errors="replace") if path.exists() else ""

    def diagnostics(self):
        code = self.process and self.process.poll()
        ended = "" if code is None else f"it ended with {code}\n"
        return f"--- tailrace's diagnostics ({self.config_file}):\n{self.stderr()[-12000:]}{ended}"

    def run(self, *arguments, seconds=30):
        """A client command against this server."""
        return run_tailrace(
            *arguments, seconds=seconds, cwd=self.folder, TAILRACE_ADMIN=self.admin,
            HOME=str(self.folder))  # fmt: skip

    # The admin API

    def request(self, method, path, body=None, seconds=60, headers=None):
        request = urllib.request.Request(f"http://{self.admin}{path}", method=method)
        if method != "GET":
            request.add_header("Content-Type", "application/json")
            request.data = json.dumps(body).encode() if body is not None else b""
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=seconds) as answer:
                text = answer.read().decode()
        except urllib.error.URLError as error:
            if not isinstance(error, urllib.error.HTTPError):
                raise ConnectionError(f"{method} {path}: {error.reason}") from None
            text = error.read().decode(errors="replace")
            try:
                raise AdminError(error.code, json.loads(text)) from None
            except json.JSONDecodeError:
                raise AdminError(error.code, {"text": text}) from None
        return json.loads(text) if text.startswith(("{", "[")) else text

    def get(self, path, **options):
        return self.request("GET", path, **options)

    def post(self, path, body=None, **options):
        return self.request("POST", path, body, **options)

    def status(self):
        return self.get("/v1/status")

    def task(self, name):
        return self.get(f"/v1/tasks/{name}")

    def trigger(self, function):
        return next(t for t in self.status()["triggers"] if t["function"] == function)

    def wait_task(self, name, *states, seconds=60):
        """Until the task is in one of the states; its status then."""

        def reached():
            task = self.task(name)
            return task if task["state"] in states else None

        return wait_until(
            reached,
            seconds,
            lambda: f"task {name} is {states}: {self.status()['tasks']}\n{self.diagnostics()}",
        )

    def wait_durable(self, task, lsn, delivered=False, seconds=60):
        """Until all that committed before the LSN is in the stream (delivered: and was handled)."""
        flag = "&delivered=true" if delivered else ""
        return self.get(
            f"/v1/tasks/{task}/wait?lsn={lsn}{flag}&timeout_ms={int(seconds * 1000)}", seconds=seconds + 10
        )

    def records(self, stream):
        """Every record of every shard, as a list per shard."""
        shards = self.get(f"/v1/streams/{stream}")["shards"]
        return [
            self.shard_records(stream, shard["shard_id"], shard["first_offset"], shard["end_offset"])
            for shard in shards
        ]

    def shard_records(self, stream, shard_id, offset, end):
        number = int(re.sub(r"\D", "", shard_id))
        records = []
        while offset < end:
            page = self.get(f"/v1/streams/{stream}/records?shard={number}&offset={offset}&limit=1000")
            if not page["records"]:
                raise AssertionError(f"{stream} {shard_id}: nothing from {offset} on, but the end is {end}")
            records += page["records"]
            offset = page["next_offset"]
        return records

    def logs(self, function):
        """The lines that the function printed, of those still kept."""
        return [
            line["text"] for line in self.get(f"/v1/functions/{function}/logs?after=0&limit=10000")["lines"]
        ]
