"""Signatures, keys and what they may do; TLS; where the port may listen."""

import json
import socket
import ssl
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import botocore.auth
import pytest
from botocore.awsrequest import AWSRequest
from botocore.exceptions import ClientError

from kinesis.conftest import boto_client
from kinesis.js_client import JsClient
from kinesis.raw import http_2
from kinesis.stream import ACCOUNT, Kinesis, events_until, records_of, refused
from kinesis.wire import CBOR, JSON, TARGET, Wire

KEY, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
STREAMS = f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream"


def statement(effect, actions, resources):
    return {"Effect": effect, "Action": actions, "Resource": resources}


READER = {
    "Version": "2012-10-17",
    "Statement": [
        statement("Allow", ["kinesis:Get*", "kinesis:List*", "kinesis:Describe*", "kinesis:SubscribeToShard"], "*"),
        statement("Deny", "kinesis:*", f"{STREAMS}/secret*"),
    ],
}  # fmt: skip
KEYS = {
    KEY: {"secret": SECRET},
    "READER": {"secret": "a secret of the reader", "policy": READER},
    "WITHTOKEN": {"secret": "a secret with a token", "session_token": "the token"},
}


def client_of(key, **more):
    return {"aws_access_key_id": key, "aws_secret_access_key": KEYS[key]["secret"]} | more


@pytest.fixture
def guarded(own_kinesis):
    return own_kinesis({"aws": {"keys": KEYS}}, client=client_of(KEY))


def wire_of(kinesis, key=KEY, secret=None, **options):
    return kinesis.wire(key=key, secret=secret or KEYS[key]["secret"], **options)


def moved(monkeypatch, delta):
    """botocore signs as if it were another time."""
    monkeypatch.setattr(
        botocore.auth, "get_current_datetime", lambda: (datetime.now(UTC) + delta).replace(tzinfo=None)
    )


class TestSignatures:
    def test_a_configured_key_works(self, guarded):
        stream = guarded.stream()
        stream.put("a")
        assert [record["Data"] for record in stream.records()] == [b"a"]
        assert wire_of(guarded, content_type=CBOR).call("ListStreams", {}).status == 200

    def test_unknown_keys_and_wrong_secrets_are_refused_alike(self, guarded):
        answers = []
        for key, secret in (("UNKNOWN", SECRET), (KEY, SECRET + "x")):
            client = boto_client(guarded.server.aws, aws_access_key_id=key, aws_secret_access_key=secret)
            with pytest.raises(ClientError) as caught:
                client.list_streams()
            answers.append(caught.value.response["Error"])
            client.close()
        # So that nobody finds out by it which keys there are.
        assert answers[0] == answers[1]
        assert answers[0]["Code"] == "InvalidSignatureException"

    def test_without_a_signature_nothing_is_done(self, guarded):
        headers = {"Content-Type": JSON, "X-Amz-Target": TARGET + "ListStreams"}
        answer = guarded.wire().send(body=b"{}", headers=headers, sign=False)
        assert answer.status == 400
        assert answer.error == ("MissingAuthenticationTokenException", "Missing Authentication Token")

    def test_of_a_signature_every_piece_is_needed(self, guarded):
        headers = {"Content-Type": JSON, "X-Amz-Target": TARGET + "ListStreams"}
        answer = guarded.wire().send(
            body=b"{}", headers=headers | {"Authorization": "AWS4-HMAC-SHA256 "}, sign=False
        )
        error, text = answer.error
        assert error == "IncompleteSignatureException"
        for piece in ("Credential", "Signature", "SignedHeaders"):
            assert f"Authorization header requires '{piece}' parameter." in text

    def test_body_target_and_headers_are_what_was_signed(self, guarded):
        wire = wire_of(guarded)
        headers = {"Content-Type": JSON, "X-Amz-Target": TARGET + "ListStreams"}
        signed = wire.signed(b"{}", headers)
        assert wire.send(body=b"{}", headers=signed, sign=False).status == 200
        for changed, body in (
            ({}, b'{"Limit":1}'),
            ({"X-Amz-Target": TARGET + "DescribeLimits"}, b"{}"),
            ({"Content-Type": JSON + "; charset=utf-8"}, b"{}"),
            ({"X-Amz-Date": "20260101T000000Z"}, b"{}"),
        ):
            answer = wire.send(body=body, headers=signed | changed, sign=False)
            assert answer.error[0] == "InvalidSignatureException", changed

    @pytest.mark.parametrize(
        ("minutes", "text"), [(-6, "Signature expired: "), (6, "Signature not yet current: ")]
    )
    def test_clocks_may_differ_by_five_minutes(self, guarded, monkeypatch, minutes, text):
        moved(monkeypatch, timedelta(minutes=minutes))
        answer = wire_of(guarded).call("ListStreams", {})
        assert answer.error[0] == "InvalidSignatureException"
        assert answer.error[1].startswith(text)
        assert answer.headers["date"]
        moved(monkeypatch, timedelta(minutes=4 if minutes > 0 else -4))
        assert wire_of(guarded).call("ListStreams", {}).status == 200

    def test_region_and_service_are_those_of_the_scope(self, guarded):
        wire = wire_of(guarded)
        for region, service, text in (
            ("eu-west-1", "kinesis", "Credential should be scoped to a valid region, not 'eu-west-1'."),
            ("us-east-1", "dynamodb", "Credential should be scoped to correct service: 'kinesis'."),
        ):
            headers = {"Content-Type": JSON, "X-Amz-Target": TARGET + "ListStreams"}
            request = AWSRequest("POST", f"http://{guarded.server.aws}/", data=b"{}", headers=headers)
            botocore.auth.SigV4Auth(wire.credentials, service, region).add_auth(request)
            answer = wire.send(body=b"{}", headers=dict(request.headers.items()), sign=False)
            assert answer.status == 400
            assert answer.error == ("InvalidSignatureException", text)

    def test_session_tokens_are_needed_where_they_are_configured(self, guarded):
        with_token = boto_client(guarded.server.aws, **client_of("WITHTOKEN", aws_session_token="the token"))
        assert with_token.list_streams()["StreamNames"] == []
        for token in (None, "another"):
            client = boto_client(guarded.server.aws, **client_of("WITHTOKEN", aws_session_token=token))
            with refused(
                "UnrecognizedClientException", "The security token included in the request is invalid."
            ):
                client.list_streams()
            client.close()
        with_token.close()

    def test_a_signature_may_stand_in_the_query(self, guarded):
        """botocore signs queries only for requests without a body, so its parts are put together here."""
        wire = wire_of(guarded)
        auth = botocore.auth.SigV4Auth(wire.credentials, "kinesis", "us-east-1")
        headers = {"Content-Type": JSON, "X-Amz-Target": TARGET + "ListStreams"}
        now = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        query = {
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
            "X-Amz-Credential": f"{KEY}/{now[:8]}/us-east-1/kinesis/aws4_request",
            "X-Amz-Date": now,
            "X-Amz-Expires": "60",
            "X-Amz-SignedHeaders": "content-type;host;x-amz-target",
        }
        request = AWSRequest(
            "POST", f"http://{guarded.server.aws}/", data=b"{}", headers=headers, params=query
        )
        request.context["timestamp"] = now
        signature = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
        path = "/?" + urlencode(query) + "&X-Amz-Signature="
        answer = wire.send(path=path + signature, body=b"{}", headers=headers, sign=False)
        assert answer.status == 200, answer.body
        changed = signature[:-1] + ("0" if signature[-1] != "0" else "1")
        answer = wire.send(path=path + changed, body=b"{}", headers=headers, sign=False)
        assert answer.error[0] == "InvalidSignatureException"

    def test_javascript_signs_the_authority(self, guarded):
        stream = guarded.stream()
        js = JsClient(f"http://{guarded.server.aws}", KEY, SECRET)
        put = js.call("PutRecord", StreamName=stream.name, Data=b"x" * 1000000, PartitionKey="k")
        assert stream.records()[0]["SequenceNumber"] == put["SequenceNumber"]
        js.close()

    def test_with_no_keys_any_key_works_and_the_start_says_so(self, own_kinesis):
        kinesis = own_kinesis()
        assert wire_of(kinesis, "ANY", "thing").call("ListStreams", {}).status == 200
        assert (
            "any access key works" in kinesis.server.stderr() + (kinesis.server.folder / "stdout").read_text()
        )


class TestPolicies:
    @pytest.fixture
    def reader(self, guarded):
        reader = Kinesis(guarded.server, boto_client(guarded.server.aws, **client_of("READER")))
        yield reader
        reader.close()

    def test_what_is_allowed_is_done_and_nothing_else(self, guarded, reader):
        stream = guarded.stream()
        stream.put("a")
        iterator = reader.get_shard_iterator(
            StreamName=stream.name, ShardId="shardId-0", ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        assert len(reader.get_records(ShardIterator=iterator)["Records"]) == 1
        with refused("AccessDeniedException") as caught:
            reader.put_record(StreamName=stream.name, Data=b"b", PartitionKey="k")
        assert "kinesis:PutRecord" in str(caught.value)
        assert stream.arn in str(caught.value)
        with refused("AccessDeniedException"):
            reader.create_stream(StreamName="another", ShardCount=1)
        assert len(stream.records()) == 1

    def test_a_denial_outdoes_what_is_allowed_by_name_and_by_iterator(self, guarded, reader):
        secret = guarded.stream(name="secret-things")
        secret.put("a")
        iterator = secret.iterator()
        with refused("AccessDeniedException"):
            reader.describe_stream_summary(StreamName=secret.name)
        with refused("AccessDeniedException"):
            reader.describe_stream_summary(StreamARN=secret.arn)
        with refused("AccessDeniedException"):
            reader.get_records(ShardIterator=iterator)
        consumer = secret.consumer()
        with refused("AccessDeniedException"):
            reader.subscribe_to_shard(
                ConsumerARN=consumer, ShardId="shardId-0", StartingPosition={"Type": "LATEST"}
            )


class TestTls:
    @pytest.fixture
    def secured(self, own_kinesis, certificate):
        return own_kinesis(
            {"listen": {"tls": certificate}}, scheme="https", client={"verify": certificate["certificate"]}
        )

    def test_boto3_verifies_the_certificate(self, secured):
        stream = secured.stream()
        stream.put("a")
        assert [record["Data"] for record in stream.records()] == [b"a"]

    def test_the_fan_out_too(self, secured):
        stream = secured.stream()
        events = stream.subscribe(stream.consumer())
        stream.put("a")
        assert [record["Data"] for record in records_of(events_until(events, records_of))] == [b"a"]
        events.close()

    def test_javascript_negotiates_http_2(self, secured, certificate):
        js = JsClient(
            f"https://localhost:{secured.server.aws.rpartition(':')[2]}", NODE_EXTRA_CA_CERTS=certificate["certificate"], PATH="/usr/local/bin:/usr/bin:/bin")  # fmt: skip
        assert js.call("ListStreams")["StreamNames"] == []
        js.close()

    @pytest.mark.parametrize(
        ("offered", "chosen"), [(["h2", "http/1.1"], "h2"), (["http/1.1"], "http/1.1"), ([], None)]
    )
    def test_alpn(self, secured, certificate, offered, chosen):
        context = ssl.create_default_context(cafile=certificate["certificate"])
        if offered:
            context.set_alpn_protocols(offered)
        host, _, port = secured.server.aws.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=10) as plain:
            with context.wrap_socket(plain, server_hostname="localhost") as peer:
                assert peer.selected_alpn_protocol() == chosen
                assert peer.version() in ("TLSv1.2", "TLSv1.3")
                if chosen == "h2":
                    connection = http_2()
                    peer.sendall(connection.data_to_send())
                    assert connection.receive_data(peer.recv(65536))

    def test_plain_text_is_still_served_on_loopback(self, secured):
        wire = Wire(secured.server.aws)
        assert wire.call("ListStreams", {}).status == 200
        wire.close()

    def test_old_versions_of_tls_are_refused(self, secured):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
        host, _, port = secured.server.aws.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=10) as plain:
            with pytest.raises((ssl.SSLError, ConnectionError)):
                context.wrap_socket(plain)


def test_beyond_loopback_it_listens_only_with_tls_and_keys(own_kinesis, certificate):
    kinesis = own_kinesis({}, start=False)
    server = kinesis.server
    everywhere = {"aws": f"0.0.0.0:{server.aws.rpartition(':')[2]}"}
    tls, keys = {"tls": certificate}, {"aws": {"keys": KEYS}}
    for config, lacking in (
        ({"listen": everywhere}, "which needs TLS (listen.tls) and keys (aws.keys);"),
        ({"listen": everywhere} | keys, "which needs TLS (listen.tls);"),
        ({"listen": everywhere | tls}, "which needs keys (aws.keys);"),
    ):
        server.configure(config)
        server.launch()
        assert server.wait_end() == 2
        assert lacking in server.stderr()
    server.configure({"listen": everywhere | tls} | keys)
    server.start()
    client = boto_client(server.aws, scheme="https", verify=certificate["certificate"], **client_of(KEY))
    assert client.list_streams()["StreamNames"] == []
    client.close()
    plain = Wire(server.aws, key=KEY, secret=SECRET)
    answer = plain.call("ListStreams", {})
    assert (answer.status, answer.body) == (400, b'{"error":"this port speaks TLS only"}')
    plain.close()


def test_secrets_are_in_no_output(guarded):
    guarded.stream().put("a")
    wire_of(guarded, KEY, "wrong").call("ListStreams", {})
    said = guarded.server.stderr() + (guarded.server.folder / "stdout").read_text()
    said += json.dumps(guarded.server.get("/v1/status")) + guarded.server.get("/metrics")
    for secret in (key["secret"] for key in KEYS.values()):
        assert secret not in said
