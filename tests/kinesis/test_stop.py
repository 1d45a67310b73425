"""A stop in the middle of work: what is under way comes to its end, and clients go on where they were."""

import contextlib
import http.client
import json
import threading
import time

import h2.config
import h2.connection
import pytest
from botocore.eventstream import EventStreamBuffer
from hyperframe.frame import DataFrame, Frame, GoAwayFrame

from harness.waiting import wait_until
from kinesis.raw import connect, head, read_to_the_end
from kinesis.stream import events_until, records_of
from kinesis.wire import JSON, TARGET, Wire, encode

PRODUCERS = 32
ROOT = "shardId-000000000000"


def stop(server):
    """Cut short by nothing: connections that it had to cut would cost it five seconds."""
    began = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - began < 5


class Producer(threading.Thread):
    """One connection. What was not acknowledged is put again, as SDKs do."""

    def __init__(self, number, address, stream):
        super().__init__(name=f"producer {number}", daemon=True)
        self.number = number
        self.address = address
        self.stream = stream
        self.acknowledged = {}  # data to sequence number
        self.interrupted = 0
        self.stopping = threading.Event()
        self.start()

    def run(self):
        wire = Wire(self.address)
        while not self.stopping.is_set():
            data = b"%d:%d" % (self.number, len(self.acknowledged))
            try:
                answer = wire.call(
                    "PutRecord", {"StreamName": self.stream, "Data": data, "PartitionKey": f"{self.number}"}
                )
                if answer.status != 200:
                    raise http.client.HTTPException(answer.body)
                self.acknowledged[data] = answer.document["SequenceNumber"]
            except (OSError, http.client.HTTPException):
                self.interrupted += 1
                wire.close()
                wire = Wire(self.address)
                self.stopping.wait(0.01)
        wire.close()


def test_clients_that_put_again_what_was_not_acknowledged_double_nothing(own_kinesis):
    """A put that was under way is answered before its connection closes, and one that came too late is not done."""
    kinesis = own_kinesis()
    stream = kinesis.stream(shards=2)
    producers = [Producer(number, kinesis.server.aws, stream.name) for number in range(PRODUCERS)]

    def wait_for_puts(more):
        wanted = [len(producer.acknowledged) + more for producer in producers]
        wait_until(
            lambda: all(len(p.acknowledged) >= n for p, n in zip(producers, wanted, strict=True)),
            60,
            "all put",
        )

    try:
        for _ in range(3):
            wait_for_puts(5)
            stop(kinesis.server)
            kinesis.server.start()
        wait_for_puts(5)
    finally:
        for producer in producers:
            producer.stopping.set()
        for producer in producers:
            producer.join(90)
    assert not any(producer.is_alive() for producer in producers)
    assert all(producer.interrupted for producer in producers)

    records = [record for of_shard in stream.all_records().values() for record in of_shard]
    acknowledged = {data: number for p in producers for data, number in p.acknowledged.items()}
    assert {record["Data"]: record["SequenceNumber"] for record in records} == acknowledged
    assert len(records) == len(acknowledged), "nothing twice"


def test_who_waits_for_records_is_answered(own_kinesis):
    kinesis = own_kinesis()
    stream = kinesis.stream()
    body = encode({"ShardIterator": stream.iterator("LATEST")}, JSON)
    waiting = head(kinesis, "GetRecords", "x-tailrace-wait-ms: 20000", length=len(body)) + body
    with connect(kinesis) as peer:
        # Who has answered the first has the second too.
        peer.sendall(head(kinesis) + b"{}" + waiting)
        got = b""
        while not got.endswith(b"}"):
            got += peer.recv(65536)
        assert got.count(b"HTTP/1.1 200") == 1 and b'"StreamNames"' in got
        stop(kinesis.server)
        answer = read_to_the_end(peer)
    assert answer.startswith(b"HTTP/1.1 200"), answer
    document = json.loads(answer.partition(b"\r\n\r\n")[2])
    assert document["Records"] == []
    kinesis.server.start()
    stream.put("a")
    assert stream.data(document["NextShardIterator"]) == [b"a"]


class Received(threading.Thread):
    """Every byte that a server sends on a connection."""

    def __init__(self, peer):
        super().__init__(daemon=True)
        self.peer = peer
        self.bytes = b""
        self.start()

    def run(self):
        with contextlib.suppress(ConnectionResetError):
            while chunk := self.peer.recv(65536):
                self.bytes += chunk

    def whole(self):
        self.join(30)
        assert not self.is_alive(), "the connection is still open"
        return self.bytes


def subscribe_1(kinesis, peer, document):
    body = encode(document, JSON)
    peer.sendall(head(kinesis, "SubscribeToShard", length=len(body)) + body)


def body_1(received):
    """Of an answer in chunks, the last of which has come."""
    answer, _, rest = received.partition(b"\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200") and b"\r\ntransfer-encoding: chunked" in answer.lower()
    body = b""
    while True:
        size, _, rest = rest.partition(b"\r\n")
        if int(size, 16) == 0:
            assert rest == b"\r\n"
            return body
        chunk, end, rest = rest[: int(size, 16)], rest[int(size, 16) :][:2], rest[int(size, 16) + 2 :]
        assert end == b"\r\n", "a chunk is cut off"
        body += chunk


def subscribe_2(kinesis, peer, document):
    connection = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
    connection.local_settings.initial_window_size = (1 << 31) - 1
    connection.initiate_connection()
    connection.increment_flow_control_window(1 << 30)
    connection.send_headers(
        1,
        [(":method", "POST"), (":path", "/"), (":scheme", "http"), (":authority", kinesis.server.aws),
         ("content-type", JSON), ("x-amz-target", TARGET + "SubscribeToShard")],
    )  # fmt: skip
    connection.send_data(1, encode(document, JSON), end_stream=True)
    peer.sendall(connection.data_to_send())


def body_2(received):
    """Of an answer on stream 1, which is ended, and the connection with it by a GOAWAY without an error."""
    body, ended, goaway = b"", False, None
    while received:
        assert len(received) >= 9, "a frame is cut off"
        frame, length = Frame.parse_frame_header(memoryview(received[:9]))
        assert len(received) >= 9 + length, "a frame is cut off"
        frame.parse_body(memoryview(received[9 : 9 + length]))
        received = received[9 + length :]
        if isinstance(frame, DataFrame):
            assert frame.stream_id == 1 and not ended
            body += frame.data
            ended = "END_STREAM" in frame.flags
        elif isinstance(frame, GoAwayFrame):
            goaway = frame.error_code
    assert ended, "the stream is cut off"
    assert goaway == 0
    return body


@pytest.mark.parametrize(
    ("subscribe", "body_of"), [(subscribe_1, body_1), (subscribe_2, body_2)], ids=["1.1", "2"]
)
def test_a_subscription_ends_behind_a_whole_event_and_its_consumer_goes_on_there(
    own_kinesis, subscribe, body_of
):
    kinesis = own_kinesis()
    stream = kinesis.stream()
    consumer = stream.consumer()
    producer = Producer(0, kinesis.server.aws, stream.name)
    with connect(kinesis) as peer:
        subscribe(
            kinesis,
            peer,
            {"ConsumerARN": consumer, "ShardId": ROOT, "StartingPosition": {"Type": "TRIM_HORIZON"}},
        )
        received = Received(peer)
        wait_until(lambda: received.bytes.count(b'"SequenceNumber"') > 20, 30, "events come")
        stop(kinesis.server)
        body = body_of(received.whole())
    producer.stopping.set()
    producer.join(90)
    assert not producer.is_alive()

    frames = EventStreamBuffer()
    frames.add_data(body)
    messages = list(frames)
    assert sum(message.prelude.total_length for message in messages) == len(body), "an event is cut off"
    assert messages[0].headers[":event-type"] == "initial-response"
    events = [json.loads(message.payload) for message in messages[1:]]
    seen = [record["SequenceNumber"] for event in events for record in event["Records"]]

    kinesis.server.start()
    more = stream.subscribe(
        consumer, "AFTER_SEQUENCE_NUMBER", SequenceNumber=events[-1]["ContinuationSequenceNumber"]
    )
    stored = [record["SequenceNumber"] for record in stream.records()]
    last = stream.put("the last")["SequenceNumber"]
    rest = records_of(
        events_until(
            more, lambda events: records_of(events)[-1:] and records_of(events)[-1]["SequenceNumber"] == last
        )
    )
    more.close()
    assert seen + [record["SequenceNumber"] for record in rest] == [*stored, last]
