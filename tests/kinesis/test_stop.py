"""A stop in the middle of work: what is under way comes to its end, and clients go on where they were."""

import contextlib
import json
import socket
import ssl
import threading

import pytest
from botocore.eventstream import EventStreamBuffer
from hyperframe.frame import DataFrame, Frame, GoAwayFrame

from harness.waiting import wait_until
from kinesis.producer import Producer, producing, wait_for_puts
from kinesis.raw import connect, head, http_2, read_to_the_end, read_until, request_2
from kinesis.stream import ROOT, events_until, records_of
from kinesis.wire import JSON, Wire, encode

PRODUCERS = 32
# What the server says of connections that did not end by themselves.
CUT = "connections of AWS clients are cut"


def stop(server):
    """No connection had to be cut."""
    assert server.stop() == 0
    assert CUT not in server.stderr()


def test_clients_that_put_again_what_was_not_acknowledged_double_nothing(own_kinesis, seed):
    """A put that was under way is answered before its connection closes, and one that came too late is not done."""
    kinesis = own_kinesis()
    stream = kinesis.stream(shards=2)
    producers = [
        Producer(number, kinesis.server.aws, stream.name, f"{seed} {number}") for number in range(PRODUCERS)
    ]
    with producing(*producers):
        for _ in range(3):
            wait_for_puts(producers, 5)
            stop(kinesis.server)
            kinesis.server.start()
        wait_for_puts(producers, 5)
    assert all(producer.interrupted for producer in producers)

    records = [record for of_shard in stream.all_records().values() for record in of_shard]
    acknowledged = {told.data: told.sequence_number for p in producers for told in p.acknowledged}
    assert {record["Data"]: record["SequenceNumber"] for record in records} == acknowledged
    assert len(records) == len(acknowledged), "nothing twice"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_who_keeps_a_connection_open_and_sends_nothing_is_not_waited_for(own_kinesis, certificate, scheme):
    """Nor for the answer to the end of TLS: a client looks into its pool when it next has something to send."""
    secure = scheme == "https"
    server = own_kinesis({"listen": {"tls": certificate}} if secure else {}).server
    context = ssl.create_default_context(cafile=certificate["certificate"]) if secure else None
    with contextlib.closing(Wire(server.aws, tls=context)) as idle:
        assert idle.call("ListStreams", {}).status == 200
        stop(server)
        assert idle.connection.sock.recv(1) == b"", "it was ended, not cut off"


def test_who_does_not_take_its_answer_is_cut_off_in_the_end(own_kinesis):
    kinesis = own_kinesis()
    stream = kinesis.stream()
    for _ in range(10):
        stream.put(b"x" * 1000000)
    body = encode({"ShardIterator": stream.iterator()}, JSON)
    with connect(kinesis) as peer:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.sendall(head(kinesis, "GetRecords", length=len(body)) + body)
        assert peer.recv(1) == b"H", "it is being answered"
        assert kinesis.server.stop() == 0
    assert CUT in kinesis.server.stderr()


def test_who_waits_for_records_is_answered(own_kinesis):
    kinesis = own_kinesis()
    stream = kinesis.stream()
    body = encode({"ShardIterator": stream.iterator("LATEST")}, JSON)
    waiting = head(kinesis, "GetRecords", "x-tailrace-wait-ms: 20000", length=len(body)) + body
    with connect(kinesis) as peer:
        # Who has answered the first has the second too.
        peer.sendall(head(kinesis) + b"{}" + waiting)
        got = read_until(peer, lambda got: got.endswith(b"}"))
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
    connection = http_2(window=(1 << 31) - 1)
    request_2(connection, kinesis, "SubscribeToShard", encode(document, JSON))
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
    own_kinesis, seed, subscribe, body_of
):
    kinesis = own_kinesis()
    stream = kinesis.stream()
    consumer = stream.consumer()
    with producing(Producer(0, kinesis.server.aws, stream.name, seed)), connect(kinesis) as peer:
        subscribe(
            kinesis,
            peer,
            {"ConsumerARN": consumer, "ShardId": ROOT, "StartingPosition": {"Type": "TRIM_HORIZON"}},
        )
        received = Received(peer)
        wait_until(lambda: received.bytes.count(b'"SequenceNumber"') > 20, 30, "events come")
        stop(kinesis.server)
        body = body_of(received.whole())

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
