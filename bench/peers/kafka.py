import base64
import socket
import struct
import subprocess
import uuid

from harness.waiting import free_port
from peers.peer import INSTALLED, Peer, lacks

LIBRARY = INSTALLED / "kafka/lib"
CLASSES = INSTALLED / "kafka/classes"
JAVA = ["java", "-cp", f"{CLASSES}:{LIBRARY}/*"]

VERSION = "Kafka 4.3.1"
FLUSHED = f"{VERSION}, flush.messages=1"


class Kafka(Peer):
    """One broker in KRaft mode, its clients in a JVM of their own (kafka/KafkaLoad.java)."""

    def __init__(self, flush_messages):
        super().__init__()
        self.properties = self.folder / "server.properties"
        self.flush_messages = flush_messages
        self.name = FLUSHED if flush_messages else VERSION
        self.acknowledged = "fsync" if flush_messages else "page cache"

    def missing(self):
        return lacks("kafka")

    def lay_out(self):
        controller = free_port()
        settings = {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@127.0.0.1:{controller}",
            "controller.listener.names": "CONTROLLER",
            "listeners": f"PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{controller}",
            "log.dirs": self.folder / "data",
            "offsets.topic.replication.factor": 1,
        }
        self.properties.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        subprocess.run(
            [*JAVA, "kafka.tools.StorageTool", "format", "-t", cluster, "-c", self.properties],
            check=True, capture_output=True)  # fmt: skip

    def launch(self):
        # The heap of its own start script.
        self.spawn(["java", "-Xmx1G", "-Xms1G", "-XX:+UseG1GC", *JAVA[1:], "kafka.Kafka", self.properties])

    def answers(self):
        """ApiVersions, which the broker answers once it serves."""
        with socket.create_connection(("127.0.0.1", self.port), 2) as connection:
            connection.sendall(struct.pack(">ihhih", 10, 18, 0, 1, -1))
            return len(connection.recv(8)) > 0

    def prepare(self):
        for topic, partitions in (("small", 4), ("large", 4), ("fan", 1)):
            subprocess.run(
                [*JAVA, "KafkaLoad", str(self.port), "create", topic, str(partitions), str(self.flush_messages)],
                check=True, capture_output=True)  # fmt: skip

    def load(self, kind, topic, *options, seconds):
        return self.run_load(*JAVA, "KafkaLoad", self.port, kind, topic, *options, seconds, seconds=seconds)

    def put_record(self, connections, seconds):
        return self.load("put", "small", connections, 1, 100, seconds=seconds)

    def put_records(self, connections, seconds):
        return self.load("put", "large", connections, 500, 1024, seconds=seconds)

    def get_records(self, connections, seconds):
        return self.load("get", "large", connections, 1000, seconds=seconds)

    def fan_out(self, per_second, seconds):
        return self.load("fan-out", "fan", per_second, 100, seconds=seconds)
