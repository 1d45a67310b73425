"""Every action of the API, by every way to call it: the same answers."""

import base64
import json
import re
from datetime import UTC, datetime

import pytest

from kinesis.js_client import JsClient
from kinesis.wire import CBOR, JSON

# What AWS added in November 2026 beside streams. Tailrace has streams.
OF_QUEUES_AND_CHANNELS = {
    "AcknowledgeDeadLetterQueueRecords", "AcknowledgeQueueRecords", "CreateChannel", "CreateQueue",
    "DeleteChannel", "DeleteQueue", "DescribeChannel", "DescribeQueue", "ListChannels", "ListQueues",
    "ReceiveDeadLetterQueueRecords", "ReceiveQueueRecords", "RestoreDeadLetterQueueRecords", "UpdateChannel",
    "UpdateDeadLetterQueueRecordsVisibility", "UpdateQueue", "UpdateQueueRecordsVisibility",
    "UpdateStreamRecordDistributionStrategy",
}  # fmt: skip


def every_action(call, name):
    """Calls all of them on a stream of that name: each action and its answer, in order."""
    answers = []

    def did(action, **document):
        answer = call(action, document)
        answers.append((action, answer))
        return answer

    stream = {"StreamName": name}
    did("CreateStream", ShardCount=2, **stream)
    arn = did("DescribeStreamSummary", **stream)["StreamDescriptionSummary"]["StreamARN"]
    did("DescribeStream", **stream)
    did("DescribeLimits")
    did("ListStreams", Limit=10000, ExclusiveStartStreamName=name[:-1])
    did("UpdateMaxRecordSize", StreamARN=arn, MaxRecordSizeInKiB=2048)
    did("IncreaseStreamRetentionPeriod", RetentionPeriodHours=48, **stream)
    did("DecreaseStreamRetentionPeriod", RetentionPeriodHours=24, **stream)
    did("EnableEnhancedMonitoring", ShardLevelMetrics=["IncomingBytes", "OutgoingBytes"], **stream)
    did("DisableEnhancedMonitoring", ShardLevelMetrics=["IncomingBytes"], **stream)

    put = did("PutRecord", Data=b"\x00one\xff", PartitionKey="a", **stream)
    did("PutRecord", Data=b"two", PartitionKey="a", SequenceNumberForOrdering=put["SequenceNumber"], **stream)
    did("PutRecords", Records=[{"Data": b"", "PartitionKey": key} for key in ("a", "b", "ключ")], **stream)
    shard = {"ShardId": put["ShardId"], **stream}
    moment = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
    for position in (
        {"ShardIteratorType": "TRIM_HORIZON"},
        {"ShardIteratorType": "LATEST"},
        {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": moment},
        {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": put["SequenceNumber"]},
    ):
        iterator = did("GetShardIterator", **position, **shard)["ShardIterator"]
        did("GetRecords", ShardIterator=iterator, Limit=3)

    consumer = did("RegisterStreamConsumer", StreamARN=arn, ConsumerName="app")["Consumer"]["ConsumerARN"]
    did("DescribeStreamConsumer", ConsumerARN=consumer)
    did("ListStreamConsumers", StreamARN=arn)

    did("SplitShard", ShardToSplit=put["ShardId"], NewStartingHashKey=str(1 << 125), **stream)
    did("SubscribeToShard", ConsumerARN=consumer, ShardId=put["ShardId"], StartingPosition={"Type": "TRIM_HORIZON"})  # fmt: skip
    iterator = did("GetShardIterator", ShardIteratorType="TRIM_HORIZON", **shard)["ShardIterator"]
    end = did("GetRecords", ShardIterator=iterator)
    if end.get("NextShardIterator"):
        did("GetRecords", ShardIterator=end["NextShardIterator"])
    did(
        "MergeShards",
        ShardToMerge="shardId-000000000002",
        AdjacentShardToMerge="shardId-000000000003",
        **stream,
    )
    did("UpdateShardCount", TargetShardCount=4, ScalingType="UNIFORM_SCALING", **stream)
    did("ListShards", **stream)
    did("ListShards", ShardFilter={"Type": "AT_LATEST"}, **stream)
    did("DeregisterStreamConsumer", ConsumerARN=consumer)

    did("AddTagsToStream", Tags={"a": "1", "b": "2"}, **stream)
    did("TagResource", ResourceARN=arn, Tags={"c": "ключ"})
    did("ListTagsForStream", **stream)
    did("RemoveTagsFromStream", TagKeys=["a"], **stream)
    did("UntagResource", ResourceARN=arn, TagKeys=["b"])
    did("ListTagsForResource", ResourceARN=arn)
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": "kinesis:GetRecords", "Resource": arn}]}  # fmt: skip
    did("PutResourcePolicy", ResourceARN=arn, Policy=json.dumps(policy))
    did("GetResourcePolicy", ResourceARN=arn)
    did("DeleteResourcePolicy", ResourceARN=arn)
    key = {"EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"}
    did("StartStreamEncryption", **key, **stream)
    did("PutRecord", Data=b"x", PartitionKey="a", **stream)
    did("StopStreamEncryption", **key, **stream)
    did("UpdateStreamMode", StreamARN=arn, StreamModeDetails={"StreamMode": "ON_DEMAND"})
    did("DescribeAccountSettings")
    did("UpdateAccountSettings", MinimumThroughputBillingCommitment={"Status": "ENABLED"})
    did("UpdateStreamWarmThroughput", StreamARN=arn, WarmThroughputMiBps=10)
    did("DescribeStreamSummary", **stream)
    did("DeleteStream", **stream)
    return answers


def without_what_differs(value, name):
    """An answer without what belongs to one stream and one moment: its name, numbers, tokens and times."""
    match value:
        case dict():
            kept = {k: v for k, v in value.items() if v is not None and k != "ResponseMetadata"}
            return {
                k: "a token" if k in ("ShardIterator", "NextShardIterator", "StreamId") else
                   "milliseconds" if k == "MillisBehindLatest" else without_what_differs(v, name)
                for k, v in kept.items()
            }  # fmt: skip
        case list():
            return [without_what_differs(element, name) for element in value]
        case datetime():
            return "a moment"
        case str():
            value = re.sub(r"(?<=:)\d{10}$", "seconds", value.replace(name, "NAME"))
            return "a number" if re.fullmatch(r"\d{56}", value) else value
    return value


class Boto:
    def __init__(self, kinesis):
        self.client = kinesis.client

    def __call__(self, action, document):
        method = re.sub(r"(?<!^)(?=[A-Z])", "_", action).lower()
        answer = getattr(self.client, method)(**document)
        if "EventStream" in answer:
            return {"Events": [event["SubscribeToShardEvent"] for event in answer["EventStream"]]}
        return answer


class Raw:
    """Requests of our own. JSON's answers are read as the model has them, CBOR's say their types themselves."""

    def __init__(self, kinesis, content_type):
        self.wire = kinesis.wire(content_type=content_type)
        self.model = kinesis.client.meta.service_model

    def __call__(self, action, document):
        if action == "SubscribeToShard":
            answer, events = self.wire.subscribe(document)
            assert answer.status == 200
            first, *rest = events
            assert first.type == "initial-response"
            shape = self.model.shape_for("SubscribeToShardEvent")
            return {"Events": [self.typed(event.document, shape) for event in rest]}
        answer = self.wire.call(action, document)
        assert answer.status == 200, (action, answer.body)
        assert answer.headers["content-type"] == self.wire.content_type
        shape = self.model.operation_model(action).output_shape
        assert shape is not None or answer.body == b"", f"{action} has no output"
        return self.typed(answer.document, shape) if shape is not None else {}

    def typed(self, value, shape):
        if value is None:
            return None
        match shape.type_name:
            case "structure":
                assert set(value) <= set(shape.members), f"{set(value) - set(shape.members)} of {shape.name}"
                return {name: self.typed(member, shape.members[name]) for name, member in value.items()}
            case "list":
                return [self.typed(element, shape.member) for element in value]
            case "blob":
                value = base64.b64decode(value, validate=True) if self.wire.content_type == JSON else value
                assert isinstance(value, bytes)
            case "timestamp":
                value = datetime.fromtimestamp(value, UTC) if self.wire.content_type == JSON else value
                assert isinstance(value, datetime)
            case "string":
                assert isinstance(value, str)
            case "integer" | "long":
                assert isinstance(value, int) and not isinstance(value, bool)
            case "boolean":
                assert isinstance(value, bool)
        return value


class Js:
    def __init__(self, kinesis):
        self.client = JsClient(f"http://{kinesis.server.aws}")

    def __call__(self, action, document):
        if action == "SubscribeToShard":
            self.client.send(action, **document)
            return {"Events": list(self.client.events())}
        return self.client.call(action, **document)


CALLERS = {
    "boto3": Boto,
    "json": lambda kinesis: Raw(kinesis, JSON),
    "cbor": lambda kinesis: Raw(kinesis, CBOR),
    "javascript over h2c": Js,
}


def answers_of(own_kinesis, caller, name):
    call = CALLERS[caller](own_kinesis())
    answers = every_action(call, name)
    return [(action, without_what_differs(answer, name)) for action, answer in answers]


@pytest.mark.parametrize("caller", [name for name in CALLERS if name != "boto3"])
def test_every_action_answers_the_same_as_through_boto3(own_kinesis, caller):
    expected = answers_of(own_kinesis, "boto3", "a-stream")
    answers = answers_of(own_kinesis, caller, "another-stream")
    assert [action for action, _ in answers] == [action for action, _ in expected]
    for (action, answer), (_, of_boto3) in zip(answers, expected, strict=True):
        assert answer == of_boto3, action


def test_every_action_of_the_model_was_called(own_kinesis):
    kinesis = own_kinesis()
    called = {action for action, _ in every_action(Boto(kinesis), "a-stream")}
    assert called == set(kinesis.client.meta.service_model.operation_names) - OF_QUEUES_AND_CHANNELS
    assert len(called) == 39


def test_an_action_that_there_is_not_is_said_so(kinesis):
    for action in (*OF_QUEUES_AND_CHANNELS, "Nonsense", "putrecord", ""):
        answer = kinesis.wire().call(action, {})
        assert answer.status == 400
        assert answer.error[0] == "UnknownOperationException"
