"""Requests as bytes on a socket: what no client sends, and what none shows of an answer."""

import socket
from contextlib import closing

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


def read_to_the_end(peer):
    got = b""
    try:
        while chunk := peer.recv(65536):
            got += chunk
    except (ConnectionResetError, BrokenPipeError):
        pass
    return got
