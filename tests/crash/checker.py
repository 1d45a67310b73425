"""The independent checker. It reads the stream through the public door and the tables through SQL, shares no
code with the program, and proves or refuses:

- every committed transaction is in the log once, whole, and no other is;
- each shard, and so each key, has them in commit order;
- a row's load stands before its changes;
- replaying the stream gives the tables;
- the function saw every record at least once, in order.
"""

import json
from collections import defaultdict
from dataclasses import dataclass

from crash.workload import TABLES

OPERATIONS = {"I", "U", "D", "T", "C"}


@dataclass(frozen=True, order=True)
class Place:
    """Where a change stands in the source's history."""

    commit: int
    ordinal: int
    half: int


class Wrong(AssertionError):
    pass


def require(condition, text):
    if not condition:
        raise Wrong(text)


def place_of(event_id):
    """A change's place from "<system>-<timeline>-<slot point>-<commit>-<ordinal>[-old|-new]"."""
    parts = event_id.split("-")
    half = {"old": 0, "new": 1}.get(parts[-1])
    if half is not None:
        parts.pop()
    require(len(parts) == 5, f"event id {event_id!r}")
    return Place(int(parts[3], 16), int(parts[4]), half or 0)


def load_of(event_id):
    """(snapshot, table's oid, ordinal) of a load row's "...-load-<snapshot>-<oid>-<ordinal>"."""
    parts = event_id.split("-load-")[1].split("-")
    return int(parts[0], 16), int(parts[1]), int(parts[2])


class Checker:
    def __init__(self, shards):
        """`shards`: the records of each shard, in order, as the admin API gives them."""
        self.shards = shards
        self.messages = []  # (place, message) of changes
        self.loads = defaultdict(lambda: defaultdict(dict))  # table -> snapshot -> key -> row
        self.loaded = {}  # table -> the snapshot whose load is complete
        for shard in shards:
            self.read_shard(shard)

    def read_shard(self, records):
        last = None
        started = set()  # tables with changes in this shard
        key_order = {}
        for number, record in enumerate(records):
            require(
                number == 0 or record["offset"] == records[number - 1]["offset"] + 1,
                f"offset {record['offset']} follows {records[number - 1]['offset']}",
            )
            message = json.loads(record["data"])
            require(message["op"] in OPERATIONS, f"operation of {message}")
            table = message["table-name"]
            if message["op"] == "C":
                self.loaded[table] = max(self.loaded.get(table, 0), self.snapshot_of_completion(message))
            elif message.get("snapshot"):
                snapshot, _, _ = load_of(message["event-id"])
                require(table not in started, f"a load row of {table} after its changes: {message}")
                self.loads[table][snapshot][self.key(table, message["data"])] = message["data"]
            else:
                place = place_of(message["event-id"])
                require(last is None or last < place, f"{place} after {last} in shard {record['shard_id']}")
                last = place
                started.add(table)
                key = record["partition_key"]
                require(
                    key_order.get(key, place) <= place, f"{place} after {key_order.get(key)} for key {key}"
                )
                key_order[key] = place
                self.messages.append((place, message))

    @staticmethod
    def snapshot_of_completion(message):
        high, low = message["snapshot-lsn"].split("/")
        return (int(high, 16) << 32) | int(low, 16)

    @staticmethod
    def key(table, data):
        return tuple(data[column] for column in TABLES[table])

    def check_once(self):
        seen = set()
        for _, message in self.messages:
            identity = message["event-id"]
            require(identity not in seen, f"{identity} is in the log twice")
            seen.add(identity)

    def check_transactions(self, journal):
        """`journal`: the table's rows, id -> changes. Those that a load brought need no transaction here."""
        transactions = defaultdict(set)
        entries = {}
        for place, message in self.messages:
            transactions[message["transaction-id"], place.commit].add(place.ordinal)
            if message["table-name"] == "journal":
                require(message["op"] == "I", f"the journal is only written: {message}")
                entry = message["data"]["id"]
                require(entry not in entries, f"journal entry {entry} is in the log twice")
                entries[entry] = (message["transaction-id"], place.commit)
        of_load = {key[0] for key in self.loads["journal"].get(self.loaded.get("journal", 0), {})}
        for entry, changes in journal.items():
            if entry in of_load:
                require(entry not in entries, f"journal entry {entry} is in the load and in the changes")
                continue
            require(entry in entries, f"journal entry {entry} was committed and is not in the log")
            ordinals = transactions[entries[entry]]
            wanted = set(range(1, changes + 1))
            require(
                ordinals <= wanted and (ordinals == wanted or self.partly_loaded(entries[entry][1])),
                f"transaction of entry {entry} made {changes} changes; the log has "
                f"{len(ordinals)}, missing {sorted(wanted - ordinals)[:5]}, "
                f"too many {sorted(ordinals - wanted)[:5]}",
            )
        for entry in entries:
            require(entry in journal, f"journal entry {entry} is in the log and was never committed")
        owned = set(entries.values())
        strays = [t for t in transactions if t not in owned and t[1] >= self.loaded["journal"]]
        require(not strays, f"transactions in the log that have no journal entry: {strays[:5]}")
        return len(entries)

    def partly_loaded(self, commit):
        """Whether some table has what this transaction changed from its load: a load that was killed is read
        again from a later snapshot, for the tables that were not complete. Replaying shows that it is there."""
        return any(commit < snapshot for snapshot in self.loaded.values())

    def replay(self):
        """The tables that a consumer has after all of it."""
        tables = {}
        for table in TABLES:
            require(table in self.loaded, f"{table} has no completed load")
            tables[table] = dict(self.loads[table].get(self.loaded[table], {}))
        moved = {}
        for place, message in sorted(self.messages, key=lambda m: m[0]):
            table = message["table-name"]
            # The load holds what committed before its snapshot.
            require(place.commit >= self.loaded[table], f"a change from before the load: {message}")
            rows = tables[table]
            if message["op"] == "D":
                key = self.key(table, message["data"])
                require(key in rows, f"deleted and not there: {message}")
                moved[table, place.commit, place.ordinal] = rows.pop(key)
                continue
            key = self.key(table, message["data"])
            row = dict(message["data"])
            old = rows.get(key)
            if message["op"] == "I":
                require(old is None, f"inserted and there already: {message}")
                old = moved.pop((table, place.commit, place.ordinal), None)
            else:
                require(old is not None, f"updated and not there: {message}")
            for column in message.get("unchanged", ()):
                require(column not in row, f"unchanged and yet sent: {message}")
                require(old is not None, f"unchanged, of no known row: {message}")
                row[column] = old[column]
            rows[key] = row
        return tables

    def check_tables(self, expected):
        """`expected`: table -> list of rows as the database has them."""
        replayed = self.replay()
        for table, rows in expected.items():
            wanted = {self.key(table, row): row for row in rows}
            have = replayed[table]
            missing = [key for key in wanted if key not in have]
            extra = [key for key in have if key not in wanted]
            require(not missing and not extra, f"{table}: missing {missing[:5]}, too many {extra[:5]}")
            for key, row in wanted.items():
                require(have[key] == row, f"{table} {key}: replayed {have[key]}, the table has {row}")

    def check_function(self, seen):
        """`seen`: per shard id, the sequence numbers in the order in which the function got them."""
        for records in self.shards:
            if not records:
                continue
            shard = records[0]["shard_id"]
            expected = [record["sequence_number"] for record in records]
            place = {number: index for index, number in enumerate(expected)}
            next_new = 0
            for number in seen.get(shard, []):
                require(number in place, f"the function saw {number} of {shard}, which is not in the log")
                require(
                    place[number] <= next_new,
                    f"{shard}: record {place[number]} reached the function before record {next_new}",
                )
                next_new = max(next_new, place[number] + 1)
            require(
                next_new == len(expected), f"{shard}: the function saw {next_new} of {len(expected)} records"
            )
