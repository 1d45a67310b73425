import os
from pathlib import Path

from harness.server import Tailrace
from peers.kinesis_peer import KinesisPeer
from peers.peer import LOAD

ACKNOWLEDGED = {"always": "fdatasync", "interval": "page cache; fdatasync every moment"}


class TailraceServer(KinesisPeer):
    def __init__(self, sync):
        super().__init__()
        self.name = f"Tailrace, {sync}"
        self.acknowledged = ACKNOWLEDGED[sync]
        shards = {"small": 4, "large": 4, "fan": 1}
        self.server = Tailrace({"streams": {n: {"shards": s, "sync": sync} for n, s in shards.items()}})
        self.port = int(self.server.aws.rsplit(":", 1)[1])

    def missing(self):
        binary = Path(os.environ["TAILRACE_BINARY"])
        absent = [file for file in (binary, LOAD) if not file.exists()]
        return f"{absent[0]} is not built" if absent else None

    def launch(self):
        self.process = self.server.launch().process

    def said(self):
        return self.server.diagnostics()

    def prepare(self):
        for stream in ("small", "large", "fan"):
            assert self.is_active(stream), stream

    def close(self):
        self.server.remove()
        super().close()
