"""The API's requests without an SDK between: any bytes, either codec.

Values are Python's: bytes for a blob, a timezone-aware datetime for a timestamp."""

import base64
import contextlib
import http.client
import json
import struct
from dataclasses import dataclass
from datetime import UTC, datetime

import cbor2
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.eventstream import EventStreamBuffer

TARGET = "Kinesis_20131202."
JSON = "application/x-amz-json-1.1"
CBOR = "application/x-amz-cbor-1.1"


def millis(moment):
    return round(moment.timestamp() * 1000)


def to_json(value):
    match value:
        case dict():
            return {key: to_json(element) for key, element in value.items()}
        case list():
            return [to_json(element) for element in value]
        case bytes():
            return base64.b64encode(value).decode()
        case datetime():
            return millis(value) / 1000
    return value


def cbor_head(major, number):
    if number < 24:
        return bytes([major << 5 | number])
    for code, form in ((24, ">B"), (25, ">H"), (26, ">I"), (27, ">Q")):
        with contextlib.suppress(struct.error):
            return bytes([major << 5 | code]) + struct.pack(form, number)
    raise OverflowError(number)


def to_cbor(value):
    """As the AWS SDK for Java writes it: maps and lists of indefinite length, milliseconds under tag 1."""
    match value:
        case dict():
            return b"\xbf" + b"".join(to_cbor(k) + to_cbor(v) for k, v in value.items()) + b"\xff"
        case list():
            return b"\x9f" + b"".join(map(to_cbor, value)) + b"\xff"
        case datetime():
            return b"\xc1" + to_cbor(millis(value))
        case None:
            return b"\xf6"
        case bool():
            return b"\xf5" if value else b"\xf4"
        case int():
            return cbor_head(0, value) if value >= 0 else cbor_head(1, -1 - value)
        case bytes():
            return cbor_head(2, len(value)) + value
        case str():
            return cbor_head(3, len(value.encode())) + value.encode()
    raise TypeError(f"{value!r} in a request")


def read_cbor_time(number, _):
    assert isinstance(number, int), f"tag 1 around {number!r}: the AWS SDKs fail on what is no integer"
    return datetime.fromtimestamp(number / 1000, UTC)


def from_cbor(data):
    return cbor2.loads(data, semantic_decoders={1: read_cbor_time})


def encode(value, content_type):
    return to_cbor(value) if content_type.startswith(CBOR) else json.dumps(to_json(value)).encode()


@dataclass
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def document(self):
        """What the body says; of JSON with its blobs and timestamps as they stand there."""
        if not self.body:
            return {}
        return (
            from_cbor(self.body) if self.headers["content-type"].startswith(CBOR) else json.loads(self.body)
        )

    @property
    def error(self):
        """The error's type and text."""
        document = self.document
        return document["__type"], document.get("message", document.get("Message"))


@dataclass
class Event:
    type: str
    content_type: str
    payload: bytes

    @property
    def document(self):
        return from_cbor(self.payload) if self.content_type == CBOR else json.loads(self.payload)


class Wire:
    """A connection that stays open: call("PutRecord", {...}) is one request on it."""

    def __init__(self, address, content_type=JSON, key="test", secret="test", tls=None):
        host, _, port = address.rpartition(":")
        self.connection = (
            http.client.HTTPSConnection(host, int(port), timeout=60, context=tls)
            if tls
            else http.client.HTTPConnection(host, int(port), timeout=60)
        )
        self.address = address
        self.content_type = content_type
        self.credentials = Credentials(key, secret)

    def close(self):
        self.connection.close()

    def signed(self, body, headers):
        request = AWSRequest("POST", f"http://{self.address}/", data=body, headers=headers)
        SigV4Auth(self.credentials, "kinesis", "us-east-1").add_auth(request)
        return dict(request.headers.items())

    def send(self, method="POST", path="/", body=b"", headers=None, sign=True):
        """One request as it is told, and its answer."""
        headers = dict(headers or {})
        if sign:
            headers = self.signed(body, headers)
        self.connection.request(method, path, body=body, headers=headers)
        answer = self.connection.getresponse()
        return Answer(answer.status, answer.headers, answer.read())

    def call(self, action, document=None, body=None, **more):
        body = encode(document or {}, self.content_type) if body is None else body
        headers = {"Content-Type": self.content_type, "X-Amz-Target": TARGET + action}
        return self.send(body=body, headers=headers | {k.replace("_", "-"): v for k, v in more.items()})

    def subscribe(self, document):
        """SubscribeToShard: the answer's head, and its events as they arrive."""
        body = encode(document, self.content_type)
        headers = {"Content-Type": self.content_type, "X-Amz-Target": TARGET + "SubscribeToShard"}
        self.connection.request("POST", "/", body=body, headers=self.signed(body, headers))
        answer = self.connection.getresponse()

        def events():
            buffer = EventStreamBuffer()
            while chunk := answer.read1(65536):
                buffer.add_data(chunk)
                for message in buffer:
                    headers = message.headers
                    kind = headers.get(":event-type") or headers.get(":exception-type")
                    yield Event(kind, headers[":content-type"], message.payload)

        return answer, events()
