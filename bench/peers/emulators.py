"""What people use today in place of Kinesis: they keep records in memory."""

import shutil

from harness.waiting import free_port
from peers.kinesis_peer import KinesisPeer
from peers.peer import INSTALLED, Unsupported, lacks

NODE_MODULES = INSTALLED / "node/node_modules"


class Kinesalite(KinesisPeer):
    name = "kinesalite 3.3.3"
    acknowledged = "memory"
    program = NODE_MODULES / "kinesalite/cli.js"

    def missing(self):
        return lacks("node")

    def launch(self):
        self.spawn(["node", self.program, "--port", self.port, "--createStreamMs", 0])

    def fan_out(self, per_second, seconds):
        raise Unsupported("has no SubscribeToShard")


class KinesisMock(KinesisPeer):
    name = "kinesis-mock 0.6.2"
    acknowledged = "memory"
    program = NODE_MODULES / "kinesis-local/main.js"

    def missing(self):
        return lacks("node")

    def launch(self):
        self.spawn(
            ["node", self.program], KINESIS_MOCK_PLAIN_PORT=str(self.port), KINESIS_MOCK_TLS_PORT=str(free_port()),
            KINESIS_MOCK_CERT_PATH=str(self.program.parent / "server.json"), LOG_LEVEL="WARN")  # fmt: skip


class Moto(KinesisPeer):
    name = "moto 5.2.5"
    acknowledged = "memory"
    program = INSTALLED / "moto/bin/moto_server"

    def missing(self):
        return lacks("moto")

    def launch(self):
        self.spawn([self.program, "-H", "127.0.0.1", "-p", self.port])

    def fan_out(self, per_second, seconds):
        raise Unsupported("its SubscribeToShard is not implemented")


class LocalStack(KinesisPeer):
    """Starts kinesis-mock for Kinesis and passes requests on to it. It fetches its copy with npm at the first
    request; a folder that is kept saves that, and the time for it, from the second start on."""

    name = "LocalStack 4.14.0"
    acknowledged = "memory"
    python = INSTALLED / "localstack/bin/python"

    def missing(self):
        return lacks("localstack")

    def launch(self):
        home = INSTALLED / "localstack-home"
        shutil.rmtree(home / "var/lib/localstack/state", ignore_errors=True)
        self.spawn(
            [self.python, "-m", "localstack.runtime.main"], HOME=str(self.folder), FILESYSTEM_ROOT=str(home),
            OVERRIDE_IN_DOCKER="0", GATEWAY_LISTEN=f"127.0.0.1:{self.port}", SERVICES="kinesis",
            EAGER_SERVICE_LOADING="1", DISABLE_EVENTS="1", SKIP_SSL_CERT_DOWNLOAD="1", LS_LOG="error",
            KINESIS_LATENCY="0")  # fmt: skip


EMULATORS = (Kinesalite, KinesisMock, Moto, LocalStack)
