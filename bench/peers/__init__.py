"""The servers that bench/kinesis.py compares, each behind the same few verbs (peer.py)."""

from peers.emulators import EMULATORS
from peers.kafka import Kafka
from peers.redis import Redis
from peers.tailrace import TailraceServer

# In the order of the table.
ALL = [
    lambda: TailraceServer("always"),
    lambda: TailraceServer("interval"),
    *EMULATORS,
    Redis,
    lambda: Kafka(flush_messages=0),
    lambda: Kafka(flush_messages=1),
]
