"""Sequence numbers and hash keys, computed apart from the server."""

import hashlib
from dataclasses import dataclass

HASH_KEYS = 1 << 128


@dataclass(frozen=True)
class SequenceNumber:
    """The fields of a sequence number of version 2, as AWS gives them."""

    created: int  # seconds
    shard: int
    counter: int
    time: int  # seconds

    @classmethod
    def parse(cls, text):
        number = int(text)
        assert number.bit_length() == 186 and number >> 184 == 2 and number & 0xF == 2, text
        shard = number >> 4 & 0xFFFFFFFF
        assert number >> 144 & 0xF == shard & 0xF and number >> 72 & 0xFF == 0, text
        return cls(
            created=number >> 148 & (1 << 36) - 1,
            shard=shard,
            counter=number >> 80 & (1 << 64) - 1,
            time=number >> 36 & (1 << 36) - 1,
        )

    def text(self):
        return str(
            2 << 184
            | self.created << 148
            | (self.shard & 0xF) << 144
            | self.counter << 80
            | self.time << 36
            | self.shard << 4
            | 2
        )


def hash_of(partition_key):
    return int.from_bytes(hashlib.md5(partition_key.encode()).digest(), "big")


def hash_range(shard):
    """Of a shard as the API describes it, both ends included."""
    return int(shard["HashKeyRange"]["StartingHashKey"]), int(shard["HashKeyRange"]["EndingHashKey"])


def shard_number(shard_id):
    return int(shard_id.removeprefix("shardId-"))
