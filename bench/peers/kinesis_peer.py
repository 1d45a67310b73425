import json
import urllib.error
import urllib.request

from harness.waiting import wait_until
from peers.peer import LOAD, Peer

# None of the servers looks at the signature; some want one to be there.
SIGNED = (
    "AWS4-HMAC-SHA256 Credential=AKIDBENCH/20260101/us-east-1/kinesis/aws4_request, "
    "SignedHeaders=host;x-amz-date, Signature=" + "0" * 64
)


class KinesisPeer(Peer):
    """A server that speaks the Kinesis API: all get the same bytes from the same generator."""

    def answers(self):
        self.call("ListStreams", {})
        return True

    def prepare(self):
        for stream, shards in (("small", 4), ("large", 4), ("fan", 1)):
            self.call("CreateStream", {"StreamName": stream, "ShardCount": shards})
            wait_until(lambda stream=stream: self.is_active(stream), 30, f"{self.name}: {stream} is there")

    def is_active(self, stream):
        described = self.call("DescribeStream", {"StreamName": stream})
        return described["StreamDescription"]["StreamStatus"] == "ACTIVE"

    def call(self, action, body):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/", json.dumps(body).encode(),
            {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"Kinesis_20131202.{action}",
             "X-Amz-Date": "20260101T000000Z", "Authorization": SIGNED})  # fmt: skip
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            raise ConnectionError(f"{self.name}: {action}: {error.code} {error.read()[:400]}") from None
        return json.loads(text) if text else {}

    def load(self, kind, stream, seconds, *options):
        return self.run_load(
            LOAD,
            kind,
            "--port",
            self.port,
            "--stream",
            stream,
            "--seconds",
            seconds,
            *options,
            seconds=seconds,
        )

    def put_record(self, connections, seconds):
        return self.load("put-record", "small", seconds, "--connections", connections)

    def put_records(self, connections, seconds):
        return self.load("put-records", "large", seconds, "--connections", connections, "--bytes", 1024)

    def get_records(self, connections, seconds):
        return self.load("get-records", "large", seconds, "--connections", connections)

    def fan_out(self, per_second, seconds):
        return self.load("fan-out", "fan", seconds, "--per-second", per_second)
