"""What botocore signs, the server verifies: random requests, each of which is refused once it is changed."""

import http.client
import json
import random
import urllib.parse

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

REQUESTS = 2000
KEYS = {
    "AKIDEXAMPLE": {"secret": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"},
    "WITHTOKEN": {"secret": "a secret with a token", "session_token": "FwoGZXIvYXdzEBYaDH/+=="},
}
LETTERS = "abcXYZ019 -_.~!*'();:@&=+$,/?#[]%\"\\<>|äßфы日本🙂\t"


class Presigned(SigV4QueryAuth):
    """botocore moves a body into the query, as S3 and Query APIs want it; here it stays a body."""

    def _modify_request_before_signing(self, request):
        body, request.data = request.data, b""
        super()._modify_request_before_signing(request)
        request.data = body


@pytest.fixture
def connection(tailrace):
    server = tailrace({"aws": {"keys": KEYS}})
    connection = http.client.HTTPConnection(server.aws)
    yield connection
    connection.close()


class Signer:
    def __init__(self, address, seed):
        self.address = address
        self.random = random.Random(seed)

    def text(self, length):
        return "".join(self.random.choices(LETTERS, k=self.random.randrange(length)))

    def headers(self):
        """Values with odd space between and around what can stand in a header."""
        for number in range(self.random.randrange(4)):
            words = [
                "".join(c for c in self.text(12) if "!" <= c <= "~") for _ in range(self.random.randrange(4))
            ]
            space = self.random.choice([" ", "  ", "   \t "])
            yield f"X-Odd-{number}", space.join([self.random.choice(["", " "]), *words])

    def url(self):
        pairs = [(self.text(8) or "k", self.text(8)) for _ in range(self.random.randrange(4))]
        if pairs and self.random.random() < 0.3:
            pairs.append((pairs[0][0], self.text(8)))
        query = urllib.parse.urlencode(pairs, quote_via=urllib.parse.quote, safe="")
        return f"http://{self.address}/" + (f"?{query}" if query else "")

    def request(self):
        # The service passes over members that it does not know.
        body = json.dumps({"Limit": 1, "Other": self.text(400)}, ensure_ascii=self.random.random() < 0.5)
        headers = {
            "Content-Type": "application/x-amz-json-1.1",
            "X-Amz-Target": "Kinesis_20131202.ListStreams",
            **dict(self.headers()),
        }
        key = self.random.choice(list(KEYS))
        credentials = Credentials(key, KEYS[key]["secret"], KEYS[key].get("session_token"))
        request = AWSRequest("POST", self.url(), headers=headers, data=body.encode())
        form = self.random.choice([SigV4Auth, SigV4Auth, Presigned])
        form(credentials, "kinesis", "us-east-1").add_auth(request)
        return request

    def changed(self, request):
        """One byte of the body is another one, still inside the text that nobody looks at."""
        place = request.data.rindex(b'"', 0, -2) + 1
        return request.data[:place] + b"z" + request.data[place:]


def send(connection, request, body):
    path = request.url.removeprefix(f"http://{connection.host}:{connection.port}")
    connection.request("POST", path, body, dict(request.headers.items()))
    answer = connection.getresponse()
    return answer.status, answer.read()


def test_what_botocore_signs_verifies_and_is_refused_once_changed(connection, seed):
    signer = Signer(f"{connection.host}:{connection.port}", seed)
    for number in range(REQUESTS):
        request = signer.request()
        status, body = send(connection, request, request.data)
        assert status == 200, (number, request.url, request.headers, request.data, body)
        status, body = send(connection, request, signer.changed(request))
        assert (status, json.loads(body)["__type"]) == (400, "InvalidSignatureException"), number
