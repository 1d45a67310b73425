"""What is refused, with the texts that AWS has for it."""

import json

import cbor2
import pytest

from kinesis.conftest import boto_client
from kinesis.stream import ACCOUNT
from kinesis.wire import CBOR, JSON, to_cbor


@pytest.fixture(params=[JSON, CBOR], ids=["json", "cbor"])
def wire(kinesis, request):
    return kinesis.wire(content_type=request.param)


def assert_invalid(answer, *items):
    """A ValidationException that lists exactly these, in any order."""
    assert answer.status == 400
    assert answer.headers["x-amzn-errortype"] == "ValidationException"
    error, text = answer.error
    assert error == "ValidationException"
    count, _, listed = text.partition(" detected: ")
    assert count == f"{len(items)} validation error{'s' if len(items) > 1 else ''}"
    assert sorted(listed.split("; ")) == sorted(items)


NAME_PATTERN = "Member must satisfy regular expression pattern: [a-zA-Z0-9_.-]+"


class TestConstraints:
    def test_missing_members(self, wire):
        assert_invalid(
            wire.call("PutRecord", {"StreamName": "s"}),
            "Value null at 'data' failed to satisfy constraint: Member must not be null",
            "Value null at 'partitionKey' failed to satisfy constraint: Member must not be null",
        )

    def test_null_is_missing(self, wire):
        assert_invalid(
            wire.call("CreateStream", {"StreamName": None, "ShardCount": 1}),
            "Value null at 'streamName' failed to satisfy constraint: Member must not be null",
        )

    def test_numbers(self, wire):
        assert_invalid(
            wire.call("CreateStream", {"StreamName": "s", "ShardCount": 0}),
            "Value '0' at 'shardCount' failed to satisfy constraint: "
            "Member must have value greater than or equal to 1",
        )
        assert_invalid(
            wire.call("GetRecords", {"ShardIterator": "x", "Limit": 10001}),
            "Value '10001' at 'limit' failed to satisfy constraint: "
            "Member must have value less than or equal to 10000",
        )

    def test_numbers_beyond_32_bits_are_clamped(self, wire):
        assert_invalid(
            wire.call("GetRecords", {"ShardIterator": "x", "Limit": 1 << 40}),
            "Value '2147483647' at 'limit' failed to satisfy constraint: "
            "Member must have value less than or equal to 10000",
        )

    def test_lengths_and_patterns(self, wire):
        assert_invalid(
            wire.call("DescribeStream", {"StreamName": ""}),
            "Value '' at 'streamName' failed to satisfy constraint: "
            "Member must have length greater than or equal to 1",
            f"Value '' at 'streamName' failed to satisfy constraint: {NAME_PATTERN}",
        )
        long = "s" * 129
        assert_invalid(
            wire.call("DescribeStream", {"StreamName": long}),
            f"Value '{long}' at 'streamName' failed to satisfy constraint: "
            "Member must have length less than or equal to 128",
        )
        assert_invalid(
            wire.call("DescribeStream", {"StreamName": "no spaces"}),
            f"Value 'no spaces' at 'streamName' failed to satisfy constraint: {NAME_PATTERN}",
        )

    def test_enumerations(self, wire):
        answer = wire.call(
            "GetShardIterator", {"StreamName": "s", "ShardId": "shardId-0", "ShardIteratorType": "FIRST"}
        )
        error, text = answer.error
        assert error == "ValidationException"
        assert text.startswith(
            "1 validation error detected: Value 'FIRST' at 'shardIteratorType' failed to satisfy constraint: "
            "Member must satisfy enum value set: ["
        )
        values = text.rpartition("[")[2].removesuffix("]").split(", ")
        assert set(values) == {"AFTER_SEQUENCE_NUMBER", "AT_SEQUENCE_NUMBER", "AT_TIMESTAMP", "LATEST", "TRIM_HORIZON"}  # fmt: skip

    def test_members_of_lists_are_counted_from_one(self, wire):
        assert_invalid(
            wire.call("PutRecords", {"StreamName": "s", "Records": [{"Data": b"x", "PartitionKey": "k"}, {"PartitionKey": ""}]}),
            "Value null at 'records.2.member.data' failed to satisfy constraint: Member must not be null",
            "Value '' at 'records.2.member.partitionKey' failed to satisfy constraint: "
            "Member must have length greater than or equal to 1",
        )  # fmt: skip

    def test_large_data_is_not_repeated(self, wire):
        size = 10 * 1024 * 1024 + 1
        assert_invalid(
            wire.call("PutRecord", {"StreamName": "s", "Data": b"x" * size, "PartitionKey": "k"}),
            f"Value 'java.nio.HeapByteBuffer[pos=0 lim={size} cap={size}]' at 'data' failed to satisfy "
            "constraint: Member must have length less than or equal to 10485760",
        )

    def test_keys_are_counted_in_characters(self, wire):
        stream = wire.call("DescribeStream", {"StreamName": "s"})
        assert stream.error[0] == "ResourceNotFoundException"
        put = wire.call("PutRecord", {"StreamName": "s", "Data": b"", "PartitionKey": "é" * 256})
        assert put.error[0] == "ResourceNotFoundException"
        put = wire.call("PutRecord", {"StreamName": "s", "Data": b"", "PartitionKey": "é" * 257})
        assert put.error[0] == "ValidationException"

    def test_at_most_ten_are_listed(self, wire):
        answer = wire.call("PutRecords", {"StreamName": "s", "Records": [{}] * 20})
        error, text = answer.error
        assert error == "ValidationException"
        assert text.startswith("10 validation errors detected: ")
        assert len(text.split("; ")) == 10

    def test_between_one_and_five_hundred_records(self, wire):
        answer = wire.call("PutRecords", {"StreamName": "s", "Records": []})
        assert "Member must have length greater than or equal to 1" in answer.error[1]
        records = [{"Data": b"", "PartitionKey": "k"}] * 501
        answer = wire.call("PutRecords", {"StreamName": "s", "Records": records})
        assert "Member must have length less than or equal to 500" in answer.error[1]

    def test_sequence_numbers_and_hash_keys_are_decimal(self, wire):
        for number in ("01", "-1", "x", "1.5"):
            answer = wire.call(
                "PutRecord",
                {"StreamName": "s", "Data": b"", "PartitionKey": "k", "ExplicitHashKey": number},
            )
            assert_invalid(
                answer,
                f"Value '{number}' at 'explicitHashKey' failed to satisfy constraint: "
                r"Member must satisfy regular expression pattern: 0|([1-9]\d{0,38})",
            )

    def test_members_that_there_are_not_are_ignored(self, kinesis, wire):
        stream = kinesis.stream()
        answer = wire.call("DescribeStreamSummary", {"StreamName": stream.name, "Nonsense": {"a": [1, None]}})
        assert answer.status == 200


class TestTypes:
    @pytest.mark.parametrize(
        ("action", "document"),
        [
            ("DescribeStream", {"StreamName": 5}),
            ("DescribeStream", {"StreamName": ["s"]}),
            ("CreateStream", {"StreamName": "s", "ShardCount": "1"}),
            ("CreateStream", {"StreamName": "s", "ShardCount": True}),
            ("PutRecords", {"StreamName": "s", "Records": {}}),
            ("PutRecords", {"StreamName": "s", "Records": ["x"]}),
            ("AddTagsToStream", {"StreamName": "s", "Tags": []}),
            ("AddTagsToStream", {"StreamName": "s", "Tags": {"a": 1}}),
            ("GetShardIterator", {"StreamName": "s", "Timestamp": "2026-01-01T00:00:00Z"}),
            ("DeleteStream", {"StreamName": "s", "EnforceConsumerDeletion": "true"}),
        ],
    )
    def test_a_value_of_the_wrong_type(self, wire, action, document):
        answer = wire.call(action, document)
        assert answer.status == 400
        assert answer.document["__type"] == "SerializationException"
        assert "Message" in answer.document

    @pytest.mark.parametrize(
        "data", ["a", "ab", "abc", "a===", "YQ", "YR==", "YQ==\n", "Y Q=", "YQ-_", "é==="]
    )
    def test_base64_is_canonical_or_refused(self, kinesis, data):
        answer = kinesis.wire().call("PutRecord", {"StreamName": "s", "Data": data, "PartitionKey": "k"})
        assert answer.document["__type"] == "SerializationException"


class TestBodies:
    @pytest.mark.parametrize(
        "body", [b"", b" ", b"{", b"{}{}", b"[]", b"null", b"'a'", b'{"a":}', b'{"StreamName":"\xff"}']
    )
    def test_what_is_no_json_object(self, kinesis, body):
        answer = kinesis.wire().call("DescribeStream", body=body)
        assert answer.status == 400
        assert answer.document["__type"] == "SerializationException"

    @pytest.mark.parametrize(
        "body",
        [
            b"\xbf",
            b"\xff",
            to_cbor({"StreamName": "s"})[:-3],
            b"\xbf\x61",
            b"\x9f\xff",
            b"\xf6",
            b"\xa1\x01\x02",
            b"\xbb\xff\xff\xff\xff\xff\xff\xff\xff",
            b"\x9f" * 100000,
            b"\xbf\x6aStreamName\x7b\x7f\xff\xff\xff\xff\xff\xff\xff",
        ],
    )
    def test_what_is_no_cbor_map(self, kinesis, body):
        answer = kinesis.wire(content_type=CBOR).call("DescribeStream", body=body)
        assert answer.status == 400
        assert answer.headers["content-type"] == CBOR
        assert answer.document["__type"] == "SerializationException"

    def test_nesting_without_end(self, kinesis):
        body = b'{"a":' * 100000
        assert kinesis.wire().call("DescribeStream", body=body).document["__type"] == "SerializationException"

    def test_cbor_of_definite_length_works_as_well(self, kinesis):
        stream = kinesis.stream()
        wire = kinesis.wire(content_type=CBOR)
        body = cbor2.dumps({"StreamName": stream.name, "Data": b"\x00x", "PartitionKey": "k"})
        assert wire.call("PutRecord", body=body).status == 200
        # A string of two pieces, and a timestamp without its tag.
        chunks = (
            b"\xbf\x6aStreamName\x7f"
            + b"".join(to_cbor(part) for part in (stream.name[:1], stream.name[1:]))
            + b"\xff"
        )
        position = to_cbor({"ShardId": "shardId-0", "ShardIteratorType": "AT_TIMESTAMP", "Timestamp": 1})[1:]
        answer = wire.call("GetShardIterator", body=chunks + position)
        assert answer.status == 200, answer.document
        (record,) = wire.call("GetRecords", answer.document).document["Records"]
        assert record["Data"] == b"\x00x"

    def test_operations_without_input_take_an_empty_object(self, wire):
        for action in ("DescribeLimits", "ListStreams", "DescribeAccountSettings"):
            assert wire.call(action, {}).status == 200


def test_of_each_error_the_name_is_in_body_and_header(wire):
    answer = wire.call("DescribeStream", {"StreamName": "nowhere"})
    assert answer.status == 400
    assert answer.headers["x-amzn-errortype"] == "ResourceNotFoundException"
    assert answer.document == {
        "__type": "ResourceNotFoundException",
        "message": f"Stream nowhere under account {ACCOUNT} not found.",
    }
    assert answer.headers["content-type"] == wire.content_type


def test_boto3_without_its_own_checks_gets_ours(shared_tailrace):
    client = boto_client(shared_tailrace.aws, unchecked=True)
    with pytest.raises(client.exceptions.ClientError) as caught:
        client.create_stream(ShardCount=0)
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert "2 validation errors detected: " in caught.value.response["Error"]["Message"]
    client.close()


def test_json_errors_are_json(kinesis):
    answer = kinesis.wire().call("DescribeStream", {"StreamName": "nowhere"})
    assert list(json.loads(answer.body)) == ["__type", "message"]
