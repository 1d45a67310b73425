"""Tags, policies, encryption, monitoring, throughput and the account: kept and told as they were set."""

import json

import pytest

from kinesis.stream import ACCOUNT, refused

METRICS = [
    "IncomingBytes",
    "IncomingRecords",
    "IteratorAgeMilliseconds",
    "OutgoingBytes",
    "OutgoingRecords",
    "ReadProvisionedThroughputExceeded",
    "WriteProvisionedThroughputExceeded",
]


def tags_of(kinesis, stream):
    return {tag["Key"]: tag["Value"] for tag in kinesis.list_tags_for_stream(StreamName=stream.name)["Tags"]}


class TestTags:
    def test_both_families_of_calls_see_the_same_tags(self, kinesis):
        stream = kinesis.stream()
        kinesis.add_tags_to_stream(StreamName=stream.name, Tags={"a": "1", "b": ""})
        kinesis.tag_resource(ResourceARN=stream.arn, Tags={"b": "2", "ключ": "значение"})
        assert tags_of(kinesis, stream) == {"a": "1", "b": "2", "ключ": "значение"}
        by_arn = kinesis.list_tags_for_resource(ResourceARN=stream.arn)["Tags"]
        assert {tag["Key"]: tag["Value"] for tag in by_arn} == tags_of(kinesis, stream)
        kinesis.remove_tags_from_stream(StreamName=stream.name, TagKeys=["a", "not there"])
        kinesis.untag_resource(ResourceARN=stream.arn, TagKeys=["ключ"])
        assert tags_of(kinesis, stream) == {"b": "2"}

    def test_they_are_listed_in_pages(self, kinesis):
        stream = kinesis.stream()
        kinesis.add_tags_to_stream(StreamName=stream.name, Tags={f"k{n:02}": str(n) for n in range(12)})
        first = kinesis.list_tags_for_stream(StreamName=stream.name, Limit=5)
        assert [tag["Key"] for tag in first["Tags"]] == [f"k{n:02}" for n in range(5)]
        assert first["HasMoreTags"] is True
        last = kinesis.list_tags_for_stream(StreamName=stream.name, Limit=10, ExclusiveStartTagKey="k04")
        assert [tag["Key"] for tag in last["Tags"]] == [f"k{n:02}" for n in range(5, 12)]
        assert last["HasMoreTags"] is False

    def test_fifty_are_enough(self, kinesis):
        stream = kinesis.stream()
        kinesis.add_tags_to_stream(StreamName=stream.name, Tags={f"k{n}": "" for n in range(50)})
        with refused(
            "InvalidArgumentException",
            f"Failed to add tags to stream {stream.name} under account {ACCOUNT} because a given resource cannot "
            "have more than 50 tags associated with it.",
        ):
            kinesis.add_tags_to_stream(StreamName=stream.name, Tags={"one more": ""})
        kinesis.add_tags_to_stream(StreamName=stream.name, Tags={"k1": "another value"})
        assert len(tags_of(kinesis, stream)) == 50

    @pytest.mark.parametrize("tags", [{"a;b": "x"}, {"a": "x;y"}, {"a%b": "x"}])
    def test_some_characters_are_not_for_tags(self, kinesis, tags):
        stream = kinesis.stream()
        with refused("InvalidArgumentException"):
            kinesis.add_tags_to_stream(StreamName=stream.name, Tags=tags)
        assert tags_of(kinesis, stream) == {}


class TestPolicies:
    def policy(self, resource):
        return json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
                        "Action": ["kinesis:PutRecord"],
                        "Resource": resource,
                    }
                ],
            }
        )

    def test_a_policy_is_kept_as_it_was_put(self, kinesis):
        stream = kinesis.stream()
        for arn in (stream.arn, stream.consumer()):
            assert json.loads(kinesis.get_resource_policy(ResourceARN=arn)["Policy"]) == {}
            kinesis.put_resource_policy(ResourceARN=arn, Policy=self.policy(arn))
            assert kinesis.get_resource_policy(ResourceARN=arn)["Policy"] == self.policy(arn)
            kinesis.delete_resource_policy(ResourceARN=arn)
            assert json.loads(kinesis.get_resource_policy(ResourceARN=arn)["Policy"]) == {}
            with refused("ResourceNotFoundException"):
                kinesis.delete_resource_policy(ResourceARN=arn)

    def test_what_is_no_policy_is_refused(self, kinesis):
        stream = kinesis.stream()
        with refused("InvalidArgumentException"):
            kinesis.put_resource_policy(ResourceARN=stream.arn, Policy="not JSON")

    def test_of_what_is_not_there(self, kinesis):
        arn = f"arn:aws:kinesis:us-east-1:{ACCOUNT}:stream/nowhere"
        with refused("ResourceNotFoundException"):
            kinesis.get_resource_policy(ResourceARN=arn)


class TestEncryption:
    @pytest.mark.parametrize("key", ["alias/aws/kinesis", "1234abcd-12ab-34cd-56ef-1234567890ab"])
    def test_it_is_told_while_it_is_on(self, kinesis, key):
        stream = kinesis.stream()
        assert stream.put("plain").get("EncryptionType", "NONE") == "NONE"
        kinesis.start_stream_encryption(StreamName=stream.name, EncryptionType="KMS", KeyId=key)
        for told in (stream.summary(), stream.description()):
            assert told["EncryptionType"] == "KMS"
            assert told["KeyId"] == key
        assert stream.put("with a key")["EncryptionType"] == "KMS"
        many = kinesis.put_records(StreamName=stream.name, Records=[{"Data": b"x", "PartitionKey": "k"}])
        assert many["EncryptionType"] == "KMS"
        kinesis.stop_stream_encryption(StreamName=stream.name, EncryptionType="KMS", KeyId=key)
        assert stream.summary()["EncryptionType"] == "NONE"
        assert "KeyId" not in stream.summary()
        assert [record["Data"] for record in stream.records()] == [b"plain", b"with a key", b"x"]


class TestMonitoring:
    def names(self, answer, which):
        return sorted(answer[f"{which}ShardLevelMetrics"])

    def test_metrics_are_switched_on_and_off(self, kinesis):
        stream = kinesis.stream()
        name = {"StreamName": stream.name}
        on = kinesis.enable_enhanced_monitoring(ShardLevelMetrics=["IncomingBytes", "OutgoingBytes"], **name)
        assert (on["StreamName"], on["StreamARN"]) == (stream.name, stream.arn)
        assert self.names(on, "Current") == []
        assert self.names(on, "Desired") == ["IncomingBytes", "OutgoingBytes"]
        off = kinesis.disable_enhanced_monitoring(ShardLevelMetrics=["IncomingBytes"], **name)
        assert self.names(off, "Current") == ["IncomingBytes", "OutgoingBytes"]
        assert self.names(off, "Desired") == ["OutgoingBytes"]
        assert stream.summary()["EnhancedMonitoring"] == [{"ShardLevelMetrics": ["OutgoingBytes"]}]

    def test_all_of_them(self, kinesis):
        stream = kinesis.stream()
        on = kinesis.enable_enhanced_monitoring(StreamName=stream.name, ShardLevelMetrics=["ALL"])
        assert self.names(on, "Desired") == METRICS
        assert stream.summary()["EnhancedMonitoring"] == [
            {"ShardLevelMetrics": on["DesiredShardLevelMetrics"]}
        ]
        off = kinesis.disable_enhanced_monitoring(StreamName=stream.name, ShardLevelMetrics=["ALL"])
        assert off["DesiredShardLevelMetrics"] == []


def test_warm_throughput_is_for_on_demand_streams(kinesis):
    with refused("ValidationException"):
        kinesis.update_stream_warm_throughput(StreamName=kinesis.stream().name, WarmThroughputMiBps=10)


def test_the_account_s_commitment_is_kept(own_kinesis):
    kinesis = own_kinesis()
    name = "MinimumThroughputBillingCommitment"
    assert kinesis.describe_account_settings()[name]["Status"] == "DISABLED"
    enabled = kinesis.update_account_settings(MinimumThroughputBillingCommitment={"Status": "ENABLED"})
    assert enabled[name]["Status"] == "ENABLED"
    kinesis.server.restart()
    assert kinesis.describe_account_settings()[name]["Status"] == "ENABLED"

    stream = kinesis.stream(shards=None, StreamModeDetails={"StreamMode": "ON_DEMAND"})
    warm = kinesis.update_stream_warm_throughput(StreamARN=stream.arn, WarmThroughputMiBps=10)
    assert (warm["StreamName"], warm["StreamARN"]) == (stream.name, stream.arn)
    assert warm["WarmThroughput"]["TargetMiBps"] == 10
    assert stream.summary()["WarmThroughput"]["TargetMiBps"] == 10


def test_settings_survive_a_kill(own_kinesis):
    kinesis = own_kinesis()
    stream = kinesis.stream(shards=2, Tags={"a": "b"}, MaxRecordSizeInKiB=5000)
    name = {"StreamName": stream.name}
    kinesis.increase_stream_retention_period(RetentionPeriodHours=99, **name)
    kinesis.start_stream_encryption(EncryptionType="KMS", KeyId="alias/x", **name)
    kinesis.enable_enhanced_monitoring(ShardLevelMetrics=["IncomingBytes"], **name)
    kinesis.put_resource_policy(ResourceARN=stream.arn, Policy=TestPolicies().policy(stream.arn))
    kinesis.update_stream_mode(StreamARN=stream.arn, StreamModeDetails={"StreamMode": "ON_DEMAND"})

    def all_of_it():
        return (
            stream.summary(),
            tags_of(kinesis, stream),
            kinesis.get_resource_policy(ResourceARN=stream.arn)["Policy"],
        )

    before = all_of_it()
    kinesis.server.kill9()
    kinesis.server.start()
    assert all_of_it() == before
    assert before[0]["RetentionPeriodHours"] == 99 and before[0]["KeyId"] == "alias/x"
