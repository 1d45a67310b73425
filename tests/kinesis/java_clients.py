"""The clients for Java as processes: workers of the Kinesis Client Library, the producer library, and DynamoDB
Local, where the workers keep their leases."""

import http.server
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
from pathlib import Path

from harness.processes import spawn
from harness.server import ROOT
from harness.waiting import free_port, wait_until
from kinesis.stream import ACCOUNT

PACKAGES = ROOT / "build/kinesis"


def java(main_class, *arguments, classpath, properties=(), heap="256m", **options):
    if not (PACKAGES / "classes").exists():
        raise RuntimeError("the clients for Java are missing; run tools/bootstrap --for test")
    return spawn(
        ["java", f"-Xmx{heap}", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", *properties,
         "-cp", ":".join(str(PACKAGES / part) for part in classpath), main_class, *arguments],
        **options)  # fmt: skip


def accepts(port):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False


class DynamoDb:
    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="tailrace-dynamodb-"))
        self.port = free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self.process = None

    def start(self):
        with open(self.folder / "log", "wb") as log:
            self.process = java(
                "com.amazonaws.services.dynamodbv2.local.main.ServerRunner",
                "-inMemory", "-sharedDb", "-disableTelemetry", "-port", self.port,
                classpath=["dynamodb/*"], properties=[f"-Djava.library.path={PACKAGES / 'dynamodb'}"],
                cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)  # fmt: skip
        wait_until(lambda: accepts(self.port), 60, (self.folder / "log").read_text)
        return self

    def remove(self):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


class Worker:
    """A worker of an application of the Kinesis Client Library (java/clients/src/Consumer.java)."""

    def __init__(
        self, name, kinesis_endpoint, dynamodb, application, stream, mode, lines, log, properties=()
    ):
        self.name = name
        self.log = log
        with open(log, "ab") as said:
            self.process = java(
                "Consumer", kinesis_endpoint, dynamodb.endpoint, application, stream, name, mode, lines,
                classpath=["classes", "clients/*"],
                properties=["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
                            "-Dorg.slf4j.simpleLogger.showDateTime=true", *properties],
                dies_with_us=signal.SIGKILL, stdin=subprocess.DEVNULL, stdout=said, stderr=said)  # fmt: skip

    def kill9(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(40)
        except subprocess.TimeoutExpired:
            self.kill9()


class Sts(http.server.ThreadingHTTPServer):
    """The one call that the producer library makes elsewhere: it asks whose account its key belongs to."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            body = (
                "<GetCallerIdentityResponse><GetCallerIdentityResult>"
                f"<Arn>arn:aws:iam::{ACCOUNT}:root</Arn><UserId>{ACCOUNT}</UserId><Account>{ACCOUNT}</Account>"
                "</GetCallerIdentityResult></GetCallerIdentityResponse>"
            ).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    def __init__(self, certificate):
        super().__init__(("127.0.0.1", 0), self.Answer)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate["certificate"], certificate["key"])
        self.socket = context.wrap_socket(self.socket, server_side=True)
        self.port = self.server_address[1]
        self.thread = threading.Thread(target=self.serve_forever, daemon=True)
        self.thread.start()

    def remove(self):
        self.shutdown()
        self.server_close()
        self.thread.join()


def produce(host, port, sts, folder, stream, keys, records):
    """Puts with the producer library; (shard, sequence number, key, data) of each record it was told of."""
    ran = java(
        "Producer", host, port, sts.port, folder, stream, keys, records, classpath=["classes", "clients/*"],
        properties=["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # fmt: skip
    said, complaints = ran.communicate(timeout=150)
    assert ran.returncode == 0, complaints
    return [line.split() for line in said.splitlines()]
