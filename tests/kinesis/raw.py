"""Requests as bytes on a socket: what no client sends, and what none shows of an answer."""

import socket
from contextlib import closing

import h2.config
import h2.connection

from kinesis.wire import JSON, TARGET


def connect(kinesis, seconds=20):
    host, _, port = kinesis.server.aws.rpartition(":")
    return closing(socket.create_connection((host, int(port)), timeout=seconds))


def head(kinesis, action="ListStreams", *more, length=2):
    lines = [
        "POST / HTTP/1.1",
        f"Host: {kinesis.server.aws}",
        f"Content-Type: {JSON}",
        f"X-Amz-Target: {TARGET}{action}",
        "Authorization: AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/kinesis/aws4_request, "
        f"SignedHeaders=host;x-amz-date, Signature={'0' * 64}",
        "X-Amz-Date: 20260101T000000Z",
        *more,
    ]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n"


def read_until(peer, enough):
    """What comes up to the first piece with which enough(bytes) holds."""
    got = b""
    while not enough(got):
        piece = peer.recv(65536)
        assert piece, f"hung up after {got}"
        got += piece
    return got


def read_to_the_end(peer):
    got = b""
    try:
        while chunk := peer.recv(65536):
            got += chunk
    except (ConnectionResetError, BrokenPipeError):
        pass
    return got


def http_2(window=None):
    """The client's side of a connection; `window` bytes of answers may be on their way without its leave."""
    connection = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
    if window is not None:
        connection.local_settings.initial_window_size = window
    connection.initiate_connection()
    if window is not None:
        connection.increment_flow_control_window(window - connection.inbound_flow_control_window)
    return connection


def headers_2(kinesis, action="ListStreams"):
    return [
        (":method", "POST"), (":path", "/"), (":scheme", "http"), (":authority", kinesis.server.aws),
        ("content-type", JSON), ("x-amz-target", TARGET + action),
    ]  # fmt: skip


def request_2(connection, kinesis, action, body):
    """Puts a request on the connection's next stream."""
    number = connection.get_next_available_stream_id()
    connection.send_headers(number, headers_2(kinesis, action))
    connection.send_data(number, body, end_stream=True)
