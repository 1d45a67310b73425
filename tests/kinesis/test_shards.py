"""Shards: filters, splits, merges and counts; parents, children and their order."""

from datetime import UTC, datetime, timedelta

import pytest

from harness.waiting import wait_until
from kinesis.numbers import HASH_KEYS, SequenceNumber, hash_of, hash_range
from kinesis.stream import ACCOUNT, ROOT, assert_covers_all_keys, refused


def parents(shard):
    return [shard[name] for name in ("ParentShardId", "AdjacentParentShardId") if name in shard]


@pytest.fixture
def family(kinesis):
    """0 is split into 2 and 3, and 1 merged with 3 into 4: with the moments between."""
    stream = kinesis.stream(shards=2)
    stream.moments = [now_of(stream)]
    assert stream.split() == ["shardId-000000000002", "shardId-000000000003"]
    stream.moments.append(now_of(stream))
    assert stream.merge("shardId-000000000003", "shardId-000000000001") == "shardId-000000000004"
    stream.moments.append(now_of(stream))
    return stream


def now_of(stream):
    """A moment after all that was, before all that comes: shards begin and end with whole milliseconds."""

    def next_millisecond(since):
        return (datetime.now(UTC) - since) > timedelta(milliseconds=20)

    since = datetime.now(UTC)
    wait_until(lambda: next_millisecond(since), 1, "time passes")
    moment = datetime.now(UTC)
    wait_until(lambda: next_millisecond(moment), 1, "time passes")
    return moment


def test_a_split_closes_the_parent_and_opens_two_children(kinesis):
    stream = kinesis.stream()
    low, high = stream.split(at=1000)
    parent, lower, upper = stream.shards()
    assert (low, high) == (lower["ShardId"], upper["ShardId"])
    assert "EndingSequenceNumber" in parent["SequenceNumberRange"]
    assert hash_range(lower) == (0, 999)
    assert hash_range(upper) == (1000, HASH_KEYS - 1)
    for child in (lower, upper):
        assert child["ParentShardId"] == ROOT
        assert "AdjacentParentShardId" not in child
        assert "EndingSequenceNumber" not in child["SequenceNumberRange"]
    assert stream.summary()["OpenShardCount"] == 2


def test_a_merge_makes_one_child_of_two_neighbours(kinesis):
    stream = kinesis.stream(shards=3)
    child = stream.shard(stream.merge("shardId-000000000001", "shardId-000000000002"))
    assert child["ParentShardId"] == "shardId-000000000001"
    assert child["AdjacentParentShardId"] == "shardId-000000000002"
    assert hash_range(child)[1] == HASH_KEYS - 1
    assert_covers_all_keys(stream.open_shards())
    assert stream.summary()["OpenShardCount"] == 2


def test_the_end_of_a_closed_shard_is_above_all_its_records(kinesis):
    stream = kinesis.stream()
    last = stream.put_many(["a", "b", "c"])[-1]
    stream.split()
    ending = stream.shard(ROOT)["SequenceNumberRange"]["EndingSequenceNumber"]
    assert int(ending) > int(last)
    parsed = SequenceNumber.parse(ending)
    assert parsed.counter == (1 << 63) - 1
    assert parsed.shard == 0
    for child in stream.open_shards():
        assert int(child["SequenceNumberRange"]["StartingSequenceNumber"]) > int(ending)


def test_records_before_a_split_stay_in_the_parent_and_later_ones_go_to_the_children(kinesis):
    stream = kinesis.stream()
    keys = [f"key {number}" for number in range(20)]
    for key in keys:
        stream.put(f"before {key}", key)
    stream.split()
    for key in keys:
        put = stream.put(f"after {key}", key)
        low, high = hash_range(stream.shard(put["ShardId"]))
        assert low <= hash_of(key) <= high
    records = stream.all_records()
    assert [r["Data"].decode() for r in records[ROOT]] == [f"before {key}" for key in keys]
    after = [r["Data"].decode() for shard_id in list(records)[1:] for r in records[shard_id]]
    assert sorted(after) == sorted(f"after {key}" for key in keys)


@pytest.mark.parametrize("at", ["0", "1", str(HASH_KEYS - 1)])
def test_a_split_at_the_edge_of_a_shard_is_refused(kinesis, at):
    stream = kinesis.stream()
    with refused(
        "InvalidArgumentException",
        f"NewStartingHashKey {at} used in SplitShard() on shard {ROOT} in stream {stream.name} under account "
        f"{ACCOUNT} is not both greater than one plus the shard's StartingHashKey 0 and less than the shard's "
        f"EndingHashKey {HASH_KEYS - 1}.",
    ):
        stream.split(at=at)
    assert stream.shard_ids() == [ROOT]


def test_only_open_shards_are_split_and_merged(kinesis):
    stream = kinesis.stream(shards=2)
    stream.split()
    with refused("InvalidArgumentException"):
        kinesis.split_shard(StreamName=stream.name, ShardToSplit=ROOT, NewStartingHashKey="1000")
    with refused("InvalidArgumentException"):
        stream.merge(ROOT, "shardId-000000000001")
    with refused(
        "ResourceNotFoundException",
        f"Could not find shard shardId-000000000099 in stream {stream.name} under account {ACCOUNT}.",
    ):
        kinesis.split_shard(
            StreamName=stream.name, ShardToSplit="shardId-000000000099", NewStartingHashKey="1000"
        )
    assert len(stream.shards()) == 4


@pytest.mark.parametrize("pair", [(0, 2), (1, 0)])
def test_only_neighbours_are_merged_the_lower_first(kinesis, pair):
    stream = kinesis.stream(shards=3)
    lower, upper = (f"shardId-{number:012d}" for number in pair)
    with refused("InvalidArgumentException") as caught:
        stream.merge(lower, upper)
    assert f"Shards {lower} and {upper} in stream {stream.name} under account {ACCOUNT} are not an adjacent pair " \
        "of shards eligible for merging" in str(caught.value)  # fmt: skip


def test_shard_ids_are_read_loosely(kinesis):
    stream = kinesis.stream(shards=2)
    stream.put("x", "a")
    for loose in ("shardId-0", "0", "shard-000", "anything-0"):
        assert stream.data(stream.iterator(shard_id=loose)) == [b"x"]
    for wrong in ("shardId-2", "shardId-x", "nonsense"):
        with refused("ResourceNotFoundException"):
            stream.iterator(shard_id=wrong)


class TestListShards:
    def test_without_a_filter_all_are_listed(self, family):
        ids = family.shard_ids()
        assert ids == [f"shardId-{number:012d}" for number in range(5)]
        assert family.shard_ids(ShardFilter={"Type": "FROM_TRIM_HORIZON"}) == ids

    def test_at_latest_lists_the_open_ones(self, family):
        listed = family.shards(ShardFilter={"Type": "AT_LATEST"})
        assert [shard["ShardId"] for shard in listed] == ["shardId-000000000002", "shardId-000000000004"]
        assert_covers_all_keys(listed)

    def test_at_trim_horizon_lists_those_open_then(self, family):
        listed = family.shards(ShardFilter={"Type": "AT_TRIM_HORIZON"})
        assert [shard["ShardId"] for shard in listed] == ["shardId-000000000000", "shardId-000000000001"]
        assert_covers_all_keys(listed)

    @pytest.mark.parametrize(("moment", "numbers"), [(0, [0, 1]), (1, [1, 2, 3]), (2, [2, 4])])
    def test_at_timestamp_lists_those_open_then(self, family, moment, numbers):
        listed = family.shards(ShardFilter={"Type": "AT_TIMESTAMP", "Timestamp": family.moments[moment]})
        assert [shard["ShardId"] for shard in listed] == [f"shardId-{number:012d}" for number in numbers]
        assert_covers_all_keys(listed)

    @pytest.mark.parametrize(("moment", "numbers"), [(0, [0, 1, 2, 3, 4]), (1, [1, 2, 3, 4]), (2, [2, 4])])
    def test_from_timestamp_lists_those_and_all_after_them(self, family, moment, numbers):
        listed = family.shard_ids(ShardFilter={"Type": "FROM_TIMESTAMP", "Timestamp": family.moments[moment]})
        assert listed == [f"shardId-{number:012d}" for number in numbers]

    def test_after_a_shard_id_as_by_its_start(self, family):
        expected = ["shardId-000000000003", "shardId-000000000004"]
        by_filter = {"ShardFilter": {"Type": "AFTER_SHARD_ID", "ShardId": "shardId-000000000002"}}
        assert family.shard_ids(**by_filter) == expected
        assert family.shard_ids(ExclusiveStartShardId="shardId-000000000002") == expected

    @pytest.mark.parametrize(
        "wrong",
        [
            {"Type": "AFTER_SHARD_ID"},
            {"Type": "AT_TIMESTAMP"},
            {"Type": "FROM_TIMESTAMP"},
            {"Type": "AT_LATEST", "ShardId": ROOT},
            {"Type": "AT_LATEST", "Timestamp": datetime(2026, 1, 1, tzinfo=UTC)},
        ],
    )
    def test_what_a_filter_needs_belongs_to_its_type(self, family, wrong):
        with refused("InvalidArgumentException"):
            family.shards(ShardFilter=wrong)

    def test_pages_go_on_with_the_token_alone(self, kinesis):
        stream = kinesis.stream(shards=25)
        first = kinesis.list_shards(StreamName=stream.name, MaxResults=10)
        assert len(first["Shards"]) == 10
        second = kinesis.list_shards(NextToken=first["NextToken"], MaxResults=10)
        third = kinesis.list_shards(NextToken=second["NextToken"], MaxResults=10)
        assert "NextToken" not in third
        assert first["Shards"] + second["Shards"] + third["Shards"] == stream.shards()

    def test_more_than_a_thousand_shards_are_paginated_by_botocore(self, kinesis):
        """AWS refuses name and token together, which breaks botocore's paginator there."""
        stream = kinesis.stream(shards=1100)
        pages = list(kinesis.get_paginator("list_shards").paginate(StreamName=stream.name))
        assert [len(page["Shards"]) for page in pages] == [1000, 100]

    def test_a_token_of_another_stream_does_not_go_with_a_name(self, kinesis):
        stream, other = kinesis.stream(shards=3), kinesis.stream(shards=3)
        token = kinesis.list_shards(StreamName=stream.name, MaxResults=1)["NextToken"]
        with refused("InvalidArgumentException", "NextToken and StreamName cannot be provided together."):
            kinesis.list_shards(StreamName=other.name, NextToken=token)

    def test_something_to_list_is_needed(self, kinesis):
        with refused("InvalidArgumentException", "Either NextToken or StreamName should be provided."):
            kinesis.list_shards()

    def test_a_token_is_ours_or_refused(self, kinesis):
        with refused("InvalidArgumentException"):
            kinesis.list_shards(NextToken="bm90IG91cnM=")


class TestUpdateShardCount:
    @pytest.mark.parametrize(("before", "target"), [(1, 2), (2, 4), (4, 2), (3, 5), (5, 3), (4, 3), (2, 1)])
    def test_the_count_is_reached_by_shards_with_parents(self, kinesis, before, target):
        stream = kinesis.stream(shards=before)
        old = set(stream.shard_ids())
        answer = kinesis.update_shard_count(
            StreamName=stream.name, TargetShardCount=target, ScalingType="UNIFORM_SCALING"
        )
        assert (answer["StreamName"], answer["StreamARN"]) == (stream.name, stream.arn)
        assert (answer["CurrentShardCount"], answer["TargetShardCount"]) == (before, target)
        wait_until(lambda: stream.summary()["OpenShardCount"] == target, 10, "the count is reached")
        assert stream.summary()["StreamStatus"] == "ACTIVE"
        assert_covers_all_keys(stream.open_shards())
        shards = {shard["ShardId"]: shard for shard in stream.shards()}
        for shard_id, shard in shards.items():
            if shard_id in old:
                continue
            assert parents(shard), f"{shard} has no parents"
            for parent in parents(shard):
                assert "EndingSequenceNumber" in shards[parent]["SequenceNumberRange"]
            low, high = hash_range(shard)
            covered = [hash_range(shards[parent]) for parent in parents(shard)]
            assert min(start for start, _ in covered) <= low <= high <= max(end for _, end in covered)
        width = HASH_KEYS / target
        for low, high in map(hash_range, stream.open_shards()):
            assert abs((high - low) - width) < 1e-6 * width

    def test_the_same_count_changes_nothing(self, kinesis):
        stream = kinesis.stream(shards=2)
        before = stream.shards()
        kinesis.update_shard_count(StreamName=stream.name, TargetShardCount=2, ScalingType="UNIFORM_SCALING")
        assert stream.shards() == before


class TestTheEndOfAShard:
    def test_it_is_told_once_all_was_read_with_the_children(self, kinesis):
        stream = kinesis.stream()
        iterator = stream.iterator()
        stream.put_many(["a", "b", "c"])
        stream.split()
        answer = stream.get(iterator, Limit=2)
        assert [record["Data"] for record in answer["Records"]] == [b"a", b"b"]
        assert "ChildShards" not in answer or answer["ChildShards"] == []
        assert answer["NextShardIterator"]
        records, last = stream.drain(answer["NextShardIterator"])
        assert [record["Data"] for record in records] == [b"c"]
        assert "NextShardIterator" not in last
        lower, upper = stream.open_shards()
        assert last["ChildShards"] == [
            {"ShardId": child["ShardId"], "ParentShards": [ROOT], "HashKeyRange": child["HashKeyRange"]}
            for child in (lower, upper)
        ]

    def test_of_an_open_shard_there_is_always_a_next_iterator(self, kinesis):
        stream = kinesis.stream()
        answer = stream.get(stream.iterator())
        assert answer["NextShardIterator"]
        assert not answer.get("ChildShards")

    def test_latest_of_a_closed_shard_is_its_end(self, kinesis):
        stream = kinesis.stream()
        stream.put_many(["a", "b"])
        stream.split()
        answer = stream.get(stream.iterator("LATEST"))
        assert answer["Records"] == []
        assert "NextShardIterator" not in answer
        assert len(answer["ChildShards"]) == 2

    def test_a_merged_child_is_told_by_both_parents(self, kinesis):
        stream = kinesis.stream(shards=2)
        child = stream.merge("shardId-000000000000", "shardId-000000000001")
        for parent in ("shardId-000000000000", "shardId-000000000001"):
            _, last = stream.drain(stream.iterator(shard_id=parent))
            assert "NextShardIterator" not in last
            (told,) = last["ChildShards"]
            assert told["ShardId"] == child
            assert told["ParentShards"] == ["shardId-000000000000", "shardId-000000000001"]

    def test_an_iterator_from_before_the_split_reaches_it(self, kinesis):
        stream = kinesis.stream()
        iterator = stream.get(stream.iterator("LATEST"))["NextShardIterator"]
        stream.split()
        answer = stream.get(iterator)
        assert "NextShardIterator" not in answer and len(answer["ChildShards"]) == 2

    def test_an_iterator_after_the_ending_number_reaches_it(self, kinesis):
        stream = kinesis.stream()
        stream.put("a")
        stream.split()
        ending = stream.shard(ROOT)["SequenceNumberRange"]["EndingSequenceNumber"]
        for kind in ("AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"):
            answer = stream.get(stream.at(ending, kind))
            assert answer["Records"] == []
            assert "NextShardIterator" not in answer


def test_shards_are_as_they_were_after_a_restart(own_kinesis):
    kinesis = own_kinesis()
    stream = kinesis.stream(shards=2)
    stream.put_many(["a", "b"])
    stream.split()
    stream.merge("shardId-000000000003", "shardId-000000000001")
    stream.put_many(["c", "d"])
    shards, records, summary = stream.shards(), stream.all_records(), stream.summary()
    kinesis.server.kill9()
    kinesis.server.start()
    assert stream.shards() == shards
    assert stream.all_records() == records
    assert stream.summary() == summary
