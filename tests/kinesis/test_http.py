"""The port as HTTP: what is answered besides calls, and connections that mean no good."""

import json
import random
import re
import resource
import selectors
import socket
import threading
import time
import uuid
from contextlib import ExitStack, contextmanager, suppress
from email.utils import parsedate_to_datetime

import h2.events
import pytest

from harness.processes import memory_bytes, memory_bytes_peak
from harness.waiting import wait_until
from kinesis.numbers import HASH_KEYS
from kinesis.raw import connect, head, headers_2, http_2, read_to_the_end, request_2
from kinesis.wire import CBOR, JSON, TARGET, Wire, encode


class TestAnswers:
    def test_have_what_clients_look_for(self, kinesis):
        wire = kinesis.wire()
        seen = set()
        for action in ("ListStreams", "Nonsense", "ListStreams"):
            before = time.time()
            headers = wire.call(action, {}).headers
            uuid.UUID(headers["x-amzn-requestid"])
            seen.add(headers["x-amzn-requestid"])
            assert 80 <= len(headers["x-amz-id-2"]) <= 120
            # SDKs correct their clock by it.
            assert before - 2 < parsedate_to_datetime(headers["date"]).timestamp() <= time.time()
            assert headers["content-type"] == JSON
            assert headers["content-length"]
            assert headers["x-amz-crc32"] is None
        assert len(seen) == 3

    def test_without_output_are_empty(self, kinesis):
        stream = kinesis.stream()
        for content_type in (JSON, CBOR):
            answer = kinesis.wire(content_type=content_type).call(
                "AddTagsToStream", {"StreamName": stream.name, "Tags": {"a": "b"}}
            )
            assert (answer.status, answer.body) == (200, b"")
            assert answer.headers["content-type"] == content_type

    def test_come_in_the_codec_of_the_request_whatever_its_parameters(self, kinesis):
        wire = kinesis.wire()
        for content_type in (JSON, CBOR):
            headers = {
                "Content-Type": content_type + "; charset=utf-8",
                "X-Amz-Target": TARGET + "ListStreams",
            }
            answer = wire.send(body=encode({}, content_type), headers=headers)
            assert answer.status == 200
            assert answer.headers["content-type"] == content_type

    def test_the_path_does_not_matter(self, kinesis):
        headers = {"Content-Type": JSON, "X-Amz-Target": TARGET + "ListStreams"}
        for path in ("/", "/some/where", "/?a=b"):
            answer = kinesis.wire().send(path=path, body=b"{}", headers=headers)
            assert answer.status == 200, path
            assert "StreamNames" in answer.document


class TestOtherRequests:
    @pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
    def test_only_post_is_a_call(self, kinesis, method):
        answer = kinesis.wire().send(method, sign=False)
        assert answer.status == 403
        assert b"AccessDeniedException" in answer.body
        assert b"Unable to determine service/operation name to be authorized" in answer.body

    def test_application_json_is_answered_but_never_served(self, kinesis):
        wire = kinesis.wire()
        headers = {"Content-Type": "application/json", "X-Amz-Target": TARGET + "ListStreams"}
        answer = wire.send(body=b"{}", headers=headers)
        assert answer.status == 404
        assert json.loads(answer.body) == {
            "Output": {"__type": "com.amazon.coral.service#UnknownOperationException"},
            "Version": "1.0",
        }
        answer = wire.send(body=b"{", headers=headers)
        assert answer.status == 400
        assert (
            json.loads(answer.body)["Output"]["__type"] == "com.amazon.coral.service#SerializationException"
        )

    @pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "nonsense"])
    def test_what_a_page_can_send_unasked_changes_nothing(self, kinesis, content_type):
        body = json.dumps({"StreamName": "forged", "ShardCount": 1}).encode()
        headers = {"Content-Type": content_type, "X-Amz-Target": TARGET + "CreateStream"}
        answer = kinesis.wire().send(body=body, headers=headers)
        assert answer.status >= 400
        assert "forged" not in kinesis.list_streams()["StreamNames"]

    def test_targets_are_of_kinesis(self, kinesis):
        wire = kinesis.wire()
        for target in (
            "DynamoDB_20120810.ListTables",
            "ListStreams",
            "Kinesis_20131202",
            "kinesis_20131202.ListStreams",
        ):
            answer = wire.send(body=b"{}", headers={"Content-Type": JSON, "X-Amz-Target": target})
            assert answer.status == 400
            assert answer.error[0] == "UnknownOperationException"
        answer = wire.send(body=b"{}", headers={"Content-Type": JSON})
        assert answer.error[0] == "UnknownOperationException"

    def test_pages_of_other_origins_are_refused(self, kinesis):
        """A page that somebody has open can reach this machine's ports as well."""
        wire = kinesis.wire()
        answer = wire.call(
            "CreateStream", {"StreamName": "forged", "ShardCount": 1}, Origin="https://example.com"
        )
        preflight = wire.send(
            "OPTIONS",
            headers={
                "Origin": "https://example.com",
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "x-amz-target,content-type",
            },
            sign=False,
        )
        for refusal in (answer, preflight):
            assert refusal.status == 403
            assert not [name for name in refusal.headers if name.lower().startswith("access-control")]
        assert "forged" not in kinesis.list_streams()["StreamNames"]

    def test_names_that_lead_here_only_today_are_refused(self, kinesis):
        """What a page does whose name server gives out another address from one moment to the next."""
        headers = {"Content-Type": JSON, "X-Amz-Target": TARGET + "ListStreams", "Host": "evil.example:4566"}
        assert kinesis.wire().send(body=b"{}", headers=headers).status == 403


def test_a_connection_serves_many_calls(kinesis):
    wire = kinesis.wire()
    wire.call("ListStreams", {})
    peer = wire.connection.sock
    for _ in range(200):
        assert wire.call("ListStreams", {}).status == 200
    assert wire.connection.sock is peer


def test_requests_sent_ahead_are_answered_in_order(kinesis):
    stream = kinesis.stream()
    bodies = [
        json.dumps({"StreamName": stream.name, "Data": "", "PartitionKey": f"{n}"}).encode()
        for n in range(20)
    ]
    with connect(kinesis) as peer:
        for body in bodies:
            last = ["Connection: close"] if body is bodies[-1] else []
            peer.sendall(head(kinesis, "PutRecord", *last, length=len(body)) + body)
        answers = read_to_the_end(peer)
    numbers = [int(number) for number in re.findall(rb'"SequenceNumber":"(\d+)"', answers)]
    assert len(numbers) == 20
    assert numbers == sorted(numbers)
    assert [record["PartitionKey"] for record in stream.records()] == [f"{n}" for n in range(20)]


# What such a head says of its length and more: each of them two ways to read what follows, or none.
PROBES = {
    "two lengths": ("doubled content-length", ["Content-Length: 2", "Content-Length: 3"]),
    "the same length twice": ("doubled content-length", ["Content-Length: 2", "Content-Length: 2"]),
    "a list of lengths": ("bad content-length", ["Content-Length: 2, 2"]),
    "a length with a sign": ("bad content-length", ["Content-Length: +2"]),
    "a length in hexadecimal": ("bad content-length", ["Content-Length: 0x2"]),
    "a length beyond 64 bits": ("bad content-length", ["Content-Length: 36893488147419103234"]),
    "chunked and a length": (
        "content-length beside transfer-encoding",
        ["Transfer-Encoding: chunked", "Content-Length: 2"],
    ),
    "an unknown coding": ("unknown transfer-encoding", ["Transfer-Encoding: xchunked"]),
    "chunked not last": ("unknown transfer-encoding", ["Transfer-Encoding: chunked, identity"]),
    "chunked twice": ("unknown transfer-encoding", ["Transfer-Encoding: chunked, chunked"]),
    "a space before the colon": (
        "bad character in a header name",
        ["Transfer-Encoding : chunked", "Content-Length: 2"],
    ),
    "a folded line": ("folded header line", ["X-Folded: a", " b", "Content-Length: 2"]),
    "a control character": ("control character in a header", ["X-Control: a\x00b", "Content-Length: 2"]),
    "a name that is no name": ("bad character in a header name", ["X Y: a", "Content-Length: 2"]),
    "a line without colon": ("header without a name", ["nonsense", "Content-Length: 2"]),
    "two hosts": ("doubled host", ["Host: elsewhere", "Content-Length: 2"]),
    "a bare carriage return": (
        "control character in a header",
        ["X-Bare: a\rTransfer-Encoding: chunked", "Content-Length: 2"],
    ),
}


class TestSmuggling:
    """Each probe is refused and its connection closed: what follows in it is never a request."""

    def assert_refused(self, answers, reason):
        assert re.findall(rb"HTTP/1\.1 (\d+)", answers) == [b"400"], answers
        assert answers.endswith(b'{"error":"%s"}' % reason.encode())

    @pytest.mark.parametrize("probe", PROBES)
    def test_a_head_with(self, kinesis, probe):
        reason, lines = PROBES[probe]
        request = head(kinesis, "ListStreams", *lines, length=None)
        with connect(kinesis) as peer:
            peer.sendall(request + b"{}" + head(kinesis) + b"{}")
            answers = read_to_the_end(peer)
        self.assert_refused(answers, reason)

    @pytest.mark.parametrize(
        "chunks",
        [
            b"2\n{}\r\n0\r\n\r\n",
            b"+2\r\n{}\r\n0\r\n\r\n",
            b"0x2\r\n{}\r\n0\r\n\r\n",
            b"2 \r\n{}\r\n0\r\n\r\n",
            b"2\r\n{}0\r\n\r\n",
            b"2\r\n{}\n0\r\n\r\n",
            b"2;a\nb\r\n{}\r\n0\r\n\r\n",
            b"2;" + b"x" * 100000 + b"\r\n{}\r\n0\r\n\r\n",
            b"ffffffffffffffff2\r\n{}\r\n0\r\n\r\n",
            b"-2\r\n{}\r\n0\r\n\r\n",
            b"2;extension=x\r\n{}\r\n0\r\n\r\n",
        ],
    )
    def test_chunks_that_are_none(self, kinesis, chunks):
        request = head(kinesis, "ListStreams", "Transfer-Encoding: chunked", length=None)
        with connect(kinesis) as peer:
            with suppress(ConnectionError):  # refused before the end
                peer.sendall(request + chunks + head(kinesis) + b"{}")
            answers = read_to_the_end(peer)
        self.assert_refused(answers, "bad chunked body")

    def test_a_chunked_body_as_it_should_be(self, kinesis):
        request = head(kinesis, "ListStreams", "Transfer-Encoding: chunked", "Connection: close", length=None)
        with connect(kinesis) as peer:
            peer.sendall(request + b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n")
            assert read_to_the_end(peer).startswith(b"HTTP/1.1 200")

    @pytest.mark.parametrize(
        ("line", "reason"),
        [
            (b"POST / HTTP/1.2", "unsupported version"),
            (b"POST / HTTP/11", "unsupported version"),
            (b"POST  / HTTP/1.1", "target must be a path"),
            (b"POST / http/1.1", "unsupported version"),
            (b"POST /", "bad request line"),
            (b"\x16\x03\x01", "bad request line"),
            (b"PRI * HTTP/2.0", "unknown method"),
        ],
    )
    def test_a_request_line_that_is_none(self, kinesis, line, reason):
        with connect(kinesis) as peer:
            peer.sendall(line + b"\r\n" + head(kinesis).partition(b"\r\n")[2] + b"{}" + head(kinesis) + b"{}")
            peer.shutdown(socket.SHUT_WR)
            self.assert_refused(read_to_the_end(peer), reason)


MiB = 1 << 20
# What all requests may hold together (held_bytes_max in http/server.h).
HELD_MAX = 256 * MiB


def assert_serves(kinesis, stream):
    put = stream.put("still")
    assert stream.data(stream.at(put["SequenceNumber"])) == [b"still"]


@contextmanager
def as_many_files_as_may_be():
    """How many files we may have open meanwhile."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        yield hard
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def wait_until_answered(peers):
    """Until all of them could read the beginning of an answer, which none does."""
    with selectors.DefaultSelector() as waited_for:
        for peer in peers:
            waited_for.register(peer, selectors.EVENT_READ)
        wait_until(lambda: len(waited_for.select(0)) == len(peers), 30, "all are answered")


def statuses_2(peer, connection, count):
    """Of so many answers, of whose bodies is taken what comes without a WINDOW_UPDATE."""
    statuses = []
    while len(statuses) < count:
        received = peer.recv(65536)
        assert received, f"hung up after {statuses}"
        events = connection.receive_data(received)
        statuses += [dict(e.headers)[":status"] for e in events if isinstance(e, h2.events.ResponseReceived)]
    return statuses


class TestFloods:
    """A server of its own each: what is left of a flood is no other test's concern. How much memory it takes
    meanwhile is measured by its peak; a flood that makes the server hold what it is sent would need far more."""

    @pytest.fixture
    def flooded(self, own_kinesis, request):
        kinesis = own_kinesis()
        stream = kinesis.stream()
        stream.put("warm")
        pid = kinesis.server.process.pid
        before = memory_bytes(pid)
        yield kinesis, stream
        assert_serves(kinesis, stream)
        assert kinesis.server.process.poll() is None
        # A sanitizer keeps what was freed for a while: there this only proves that it serves on.
        if not {"asan", "tsan"} & set(kinesis.server.binary.parts):
            grown_max = request.node.get_closest_marker("grown_max")
            assert memory_bytes_peak(pid) - before < (grown_max.args[0] if grown_max else 32 * MiB)
            wait_until(lambda: memory_bytes(pid) - before < 200 * MiB, 20, "the memory is given back")

    @pytest.mark.grown_max(64 * MiB)
    def test_thousands_of_silent_connections(self, flooded):
        kinesis, stream = flooded
        with as_many_files_as_may_be() as files, ExitStack() as stack:
            for _ in range(min(3000, files - 200)):
                stack.enter_context(connect(kinesis))
            # They may be held or closed; a client that means it gets through.
            wait_until(lambda: serves(kinesis), 60, "another client is served")
        assert_serves(kinesis, stream)

    def test_bodies_that_never_come(self, flooded):
        kinesis, stream = flooded
        with ExitStack() as stack:
            for _ in range(300):
                peer = stack.enter_context(connect(kinesis))
                peer.sendall(head(kinesis, "PutRecord", length=16 << 20) + b'{"Data":"')
            assert_serves(kinesis, stream)

    def test_heads_byte_by_byte(self, flooded):
        kinesis, stream = flooded
        with ExitStack() as stack:
            peers = [stack.enter_context(connect(kinesis)) for _ in range(200)]
            for byte in head(kinesis)[:60]:
                for peer in peers:
                    try:
                        peer.send(bytes([byte]))
                    except OSError:
                        pass
            assert_serves(kinesis, stream)

    def test_heads_without_end(self, flooded):
        kinesis, _ = flooded
        with connect(kinesis) as peer:
            try:
                peer.sendall(b"POST / HTTP/1.1\r\n")
                for number in range(100000):
                    peer.sendall(b"X-%d: %s\r\n" % (number, b"x" * 1000))
            except OSError:
                pass
            assert read_to_the_end(peer).startswith(b"HTTP/1.1 431 ")

    @pytest.mark.grown_max(2 * HELD_MAX)  # as much again for answers that are being made
    def test_readers_that_never_read(self, flooded):
        """80 answers of ten megabytes that nobody takes: few of them wait in buffers of the server's."""
        kinesis, stream = flooded
        for _ in range(10):
            stream.put(b"x" * 1000000)
        body = encode({"ShardIterator": stream.iterator()}, JSON)
        with ExitStack() as stack:
            peers = [stack.enter_context(connect(kinesis)) for _ in range(8)]
            for peer in peers:
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                peer.sendall((head(kinesis, "GetRecords", length=len(body)) + body) * 10)
            wait_until_answered(peers)
            for _ in range(20):
                assert_serves(kinesis, stream)
                time.sleep(0.05)  # others come by for a second

    def test_noise(self, flooded):
        kinesis, _ = flooded
        noise = random.Random(3)
        for _ in range(300):
            with connect(kinesis) as peer:
                try:
                    peer.sendall(noise.randbytes(noise.randrange(1, 4000)))
                except OSError:
                    pass

    def test_clients_that_leave_in_the_middle(self, flooded):
        kinesis, stream = flooded
        body = encode({"StreamName": stream.name, "Data": b"x" * 100000, "PartitionKey": "k"}, JSON)
        whole = head(kinesis, "PutRecord", length=len(body)) + body
        cuts = random.Random(4)
        for _ in range(300):
            with connect(kinesis) as peer:
                peer.sendall(whole[: cuts.randrange(1, len(whole))])
        assert [record["Data"] for record in stream.records()] == [b"warm"]

    def test_many_clients_at_once(self, flooded):
        kinesis, stream = flooded
        failures = []

        def client():
            try:
                wire = Wire(kinesis.server.aws)
                for number in range(50):
                    answer = wire.call(
                        "PutRecord", {"StreamName": stream.name, "Data": b"x", "PartitionKey": f"{number}"}
                    )
                    assert answer.status == 200, answer.body
                wire.close()
            except Exception as error:
                failures.append(error)

        clients = [threading.Thread(target=client) for _ in range(100)]
        for thread in clients:
            thread.start()
        for thread in clients:
            thread.join()
        assert not failures
        assert len(stream.records()) == 5001

    def connect_2(self, kinesis, stack):
        peer, connection = stack.enter_context(connect(kinesis)), http_2()
        peer.sendall(connection.data_to_send())
        return peer, connection

    def test_streams_that_are_reset_as_soon_as_they_begin(self, flooded):
        kinesis, _ = flooded
        with ExitStack() as stack:
            peer, connection = self.connect_2(kinesis, stack)
            try:
                for _ in range(20000):
                    number = connection.get_next_available_stream_id()
                    connection.send_headers(number, headers_2(kinesis))
                    connection.reset_stream(number)
                    peer.sendall(connection.data_to_send())
            except OSError:
                pass
            read_to_the_end(peer)  # there is one: it was hung up

    def test_header_blocks_without_end(self, flooded):
        kinesis, _ = flooded
        with ExitStack() as stack:
            peer, _ = self.connect_2(kinesis, stack)
            # HEADERS without END_HEADERS on stream 1, then CONTINUATION after CONTINUATION.
            frame = bytes.fromhex("000001 01 00 00000001".replace(" ", "")) + b"\x82"
            more = bytes.fromhex("003fff 09 00 00000001".replace(" ", "")) + b"\x00\x01a" + b"\x01b" * 8190
            try:
                peer.sendall(frame)
                for _ in range(5000):
                    peer.sendall(more[: 9 + 0x3FFF])
            except OSError:
                pass
            read_to_the_end(peer)  # there is one: it was hung up

    @pytest.mark.grown_max(2 * HELD_MAX)  # as much again for answers that are being made
    def test_windows_that_are_never_opened(self, flooded):
        """100 answers of ten megabytes for which there is no room at the peers, and soon none at the server."""
        kinesis, stream = flooded
        for _ in range(10):
            stream.put(b"x" * 1000000)
        body = encode({"ShardIterator": stream.iterator()}, JSON)
        with ExitStack() as stack:
            peers = [self.connect_2(kinesis, stack) for _ in range(10)]
            for peer, connection in peers:
                for _ in range(10):
                    request_2(connection, kinesis, "GetRecords", body)
                peer.sendall(connection.data_to_send())
            statuses = [status for peer in peers for status in statuses_2(*peer, count=10)]
            assert set(statuses) == {"200", "503"}
            assert statuses.count("200") * 10_000_000 <= HELD_MAX
            for _ in range(20):
                assert_serves(kinesis, stream)


def serves(kinesis):
    try:
        with connect(kinesis, 2) as peer:
            peer.sendall(head(kinesis, "ListStreams", "Connection: close") + b"{}")
            return b" 200 " in read_to_the_end(peer)
    except OSError:
        return False


def test_pings_are_answered_and_streams_multiplexed(kinesis):
    """As the client library for Java checks its connections, with hundreds of streams on each."""
    stream = kinesis.stream()
    with connect(kinesis) as peer:
        connection = http_2()
        connection.ping(b"12345678")
        body = encode({"StreamName": stream.name, "Data": b"x", "PartitionKey": "k", "ExplicitHashKey": str(HASH_KEYS - 1)}, JSON)  # fmt: skip
        for _ in range(100):
            request_2(connection, kinesis, "PutRecord", body)
        peer.sendall(connection.data_to_send())
        pongs, statuses, ended = 0, [], 0
        while ended < 100:
            received = peer.recv(65536)
            assert received, f"hung up after {ended} answers"
            for event in connection.receive_data(received):
                match event:
                    case h2.events.PingAckReceived():
                        pongs += 1
                    case h2.events.ResponseReceived():
                        statuses.append(dict(event.headers)[":status"])
                    case h2.events.StreamEnded():
                        ended += 1
            peer.sendall(connection.data_to_send())
    assert pongs == 1
    assert statuses == ["200"] * 100
    assert len(stream.records()) == 100
    assert connection.remote_settings.max_concurrent_streams >= 100
