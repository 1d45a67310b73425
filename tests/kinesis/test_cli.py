"""The AWS CLI, as a person types it."""

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kinesis.stream import ACCOUNT

AWS = Path(sys.executable).parent / "aws"


class Failed(Exception):
    pass


@pytest.fixture
def aws(kinesis, tmp_path):
    """aws("put-record --stream-name s ..."): what it prints, as text."""
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL_KINESIS": f"http://{kinesis.server.aws}",
    }

    def run(words, *more):
        ran = subprocess.run(
            [AWS, "kinesis", *words.split(), *more], env=environment, capture_output=True, text=True, timeout=60,
            check=False)  # fmt: skip
        if ran.returncode != 0:
            raise Failed(ran.stderr)
        return ran.stdout

    return run


def test_a_session(kinesis, aws):
    name = "typed-by-hand"
    aws(f"create-stream --stream-name {name} --shard-count 2")
    kinesis.streams.append(type("Named", (), {"name": name}))
    aws(f"wait stream-exists --stream-name {name}")
    assert name in json.loads(aws("list-streams"))["StreamNames"]
    summary = json.loads(aws(f"describe-stream-summary --stream-name {name}"))["StreamDescriptionSummary"]
    assert summary["StreamARN"] == f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/{name}"

    # The first version of the CLI takes data as it is typed, and shows it in base64.
    put = json.loads(aws(f"put-record --stream-name {name} --partition-key a --data", "héllo"))
    data = base64.b64encode("héllo".encode()).decode()
    assert put["ShardId"] == "shardId-000000000000"
    records = "Data=héllo,PartitionKey=a Data=héllo,PartitionKey=b"
    assert json.loads(aws(f"put-records --stream-name {name} --records {records}"))["FailedRecordCount"] == 0

    # With --query people get the iterator in quotes, and paste it so.
    iterator = aws(
        f"get-shard-iterator --stream-name {name} --shard-id shardId-000000000000 "
        "--shard-iterator-type TRIM_HORIZON --query ShardIterator"
    ).strip()
    assert iterator.startswith('"')
    got = json.loads(aws("get-records --shard-iterator", iterator))["Records"]
    assert [record["Data"] for record in got] == [data, data]
    assert got[0]["SequenceNumber"] == put["SequenceNumber"]

    moment = aws(
        f"get-shard-iterator --stream-name {name} --shard-id shardId-000000000000 "
        "--shard-iterator-type AT_TIMESTAMP --timestamp 2026-01-01T00:00:00Z --query ShardIterator --output text"
    ).strip()
    assert len(json.loads(aws(f"get-records --shard-iterator {moment} --limit 1"))["Records"]) == 1

    aws(
        f"split-shard --stream-name {name} --shard-to-split shardId-000000000000 --new-starting-hash-key 1000"
    )
    shards = json.loads(aws(f"list-shards --stream-name {name}"))["Shards"]
    assert [shard["ShardId"] for shard in shards] == [f"shardId-{number:012d}" for number in range(4)]
    assert (
        len(json.loads(aws(f"list-shards --stream-name {name} --shard-filter Type=AT_LATEST"))["Shards"]) == 3
    )
    aws(f"update-shard-count --stream-name {name} --target-shard-count 4 --scaling-type UNIFORM_SCALING")
    aws(f"increase-stream-retention-period --stream-name {name} --retention-period-hours 48")
    aws(f"add-tags-to-stream --stream-name {name} --tags team=blue,size=2")
    assert len(json.loads(aws(f"list-tags-for-stream --stream-name {name}"))["Tags"]) == 2
    consumer = json.loads(
        aws(f"register-stream-consumer --stream-arn {summary['StreamARN']} --consumer-name app")
    )
    aws(f"describe-stream-consumer --consumer-arn {consumer['Consumer']['ConsumerARN']}")
    aws(f"update-max-record-size --stream-arn {summary['StreamARN']} --max-record-size-in-ki-b 4096")
    aws(f"delete-stream --stream-name {name} --enforce-consumer-deletion")
    aws(f"wait stream-not-exists --stream-name {name}")


def test_errors_are_shown_as_people_know_them(aws):
    with pytest.raises(Failed) as caught:
        aws("describe-stream --stream-name nowhere")
    assert (
        "An error occurred (ResourceNotFoundException) when calling the DescribeStream operation: "
        f"Stream nowhere under account {ACCOUNT} not found."
    ) in str(caught.value)


def test_all_shards_of_a_large_stream_are_listed(kinesis, aws):
    stream = kinesis.stream(shards=1001)
    assert len(json.loads(aws(f"list-shards --stream-name {stream.name}"))["Shards"]) == 1001
