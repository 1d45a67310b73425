"""The AWS SDK for JavaScript as a process that is told its calls (js/call.mjs)."""

import base64
import json
import queue
import subprocess
import threading
from datetime import UTC, datetime
from pathlib import Path

from harness.processes import spawn

SCRIPT = Path(__file__).parent / "js/call.mjs"


class JsError(Exception):
    def __init__(self, error):
        self.name = error["name"]
        self.message = error["message"]
        self.status = error.get("status")
        super().__init__(f"{self.name}: {self.message}")


def to_line(value):
    match value:
        case dict():
            return {key: to_line(element) for key, element in value.items()}
        case list():
            return [to_line(element) for element in value]
        case bytes():
            return {"$bytes": base64.b64encode(value).decode()}
        case datetime():
            return {"$time": value.timestamp()}
    return value


def from_line(document):
    match document:
        case {"$bytes": data}:
            return base64.b64decode(data)
        case {"$time": seconds}:
            return datetime.fromtimestamp(seconds, UTC)
    return document


class JsClient:
    def __init__(self, endpoint, key="test", secret="test", **environment):
        if not (SCRIPT.parent / "node_modules").exists():
            raise RuntimeError("the AWS SDK for JavaScript is missing; run tools/bootstrap --for test")
        self.process = spawn(
            ["node", SCRIPT, endpoint, key, secret], env=environment or None,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # fmt: skip
        self.lines = queue.Queue()
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put(None)

    def close(self):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def answer(self, seconds=30):
        line = self.lines.get(timeout=seconds)
        assert line is not None, f"node ended with {self.process.wait(5)}"
        document = json.loads(line, object_hook=from_line)
        if "error" in document:
            raise JsError(document["error"])
        return document

    def send(self, command, **input):
        self.process.stdin.write(json.dumps({"command": command, "input": to_line(input)}) + "\n")
        self.process.stdin.flush()

    def call(self, command, **input):
        self.send(command, **input)
        return self.answer()

    def events(self, seconds=30):
        """Of a SubscribeToShard that was sent, until its end."""
        while "end" not in (event := self.answer(seconds)):
            yield event["SubscribeToShardEvent"]
