"""Messages of the stream, read by their formats alone (docs/messages.md)."""

import base64
import json
from dataclasses import dataclass, field
from decimal import Decimal


@dataclass
class Message:
    operation: str  # load, insert, update, delete, truncate, or that of a control message
    schema: str
    table: str
    data: dict | None
    before: dict | None
    is_data: bool
    unchanged: list = field(default_factory=list)
    transaction: int | None = None
    event_id: str | None = None
    key: str = ""
    shard: str = ""
    offset: int = 0
    document: dict = field(default_factory=dict, repr=False)

    @property
    def is_load(self):
        return self.operation == "load"

    @property
    def short(self):
        return (self.operation, self.data)


def text_of(record):
    if "data" in record:
        return record["data"]
    return base64.b64decode(record["data_base64"]).decode()


def read_message(record, message_format):
    # Decimal keeps every digit, so that a comparison sees what a consumer with exact numbers sees.
    document = json.loads(text_of(record), parse_float=Decimal)
    message = READERS[message_format](document)
    message.document = document
    message.key = record["partition_key"]
    message.shard = record["shard_id"]
    message.offset = record["offset"]
    return message


def read_flat(document):
    operations = {"U": "update", "D": "delete", "T": "truncate", "C": "load-complete"}
    operation = operations.get(document["op"]) or ("load" if document.get("snapshot") else "insert")
    return Message(
        operation=operation,
        schema=document["schema-name"],
        table=document["table-name"],
        data=document.get("data"),
        before=document.get("before-data"),
        is_data=operation != "load-complete",
        unchanged=document.get("unchanged", []),
        transaction=document.get("transaction-id"),
        event_id=document["event-id"],
    )


def read_dms(document):
    about = document["metadata"]
    operation = {"truncate-table": "truncate"}.get(about["operation"], about["operation"])
    return Message(
        operation=operation,
        schema=about["schema-name"],
        table=about["table-name"],
        data=document.get("data"),
        before=document.get("before-image"),
        is_data=about["record-type"] == "data" or operation == "truncate",
        unchanged=about.get("unchanged-columns", []),
        transaction=about.get("transaction-id"),
        event_id=about["event-id"],
    )


def read_debezium(document):
    operations = {
        "r": "load",
        "c": "insert",
        "u": "update",
        "d": "delete",
        "t": "truncate",
        "m": "load-complete",
    }
    operation = operations[document["op"]]
    before, after = document.get("before"), document.get("after")
    return Message(
        operation=operation,
        schema=document["source"]["schema"],
        table=document["source"]["table"],
        # As the other formats have it: a delete's row is its data.
        data=before if operation == "delete" else after,
        before=None if operation == "delete" else before,
        is_data=operation != "load-complete",
        unchanged=document.get("unchanged", []),
        transaction=document["source"]["txId"],
        event_id=document["event-id"],
    )


def read_cloudevents(document):
    message = read_flat(document["data"])
    kinds = {
        "io.tailrace.row.load": "load",
        "io.tailrace.row.insert": "insert",
        "io.tailrace.row.update": "update",
        "io.tailrace.row.delete": "delete",
        "io.tailrace.table.truncate": "truncate",
        "io.tailrace.table.load-complete": "load-complete",
    }
    if kinds[document["type"]] != message.operation or document["id"] != message.event_id:
        raise AssertionError(f"the event's attributes and its data disagree: {document}")
    return message


READERS = {"flat": read_flat, "dms": read_dms, "debezium": read_debezium, "cloudevents": read_cloudevents}


class Replica:
    """A table as a consumer of its messages builds it, refusing what cannot happen in a table."""

    def __init__(self, *key):
        self.key = key
        self.rows = {}

    def key_of(self, row):
        return tuple(row[column] for column in self.key)

    def apply(self, message):
        if message.operation == "truncate":
            self.rows.clear()
            return self
        key = self.key_of(message.data)
        known = self.rows.get(key)
        match message.operation:
            case "load" | "insert":
                if known is not None:
                    raise AssertionError(f"there already: {message}")
                self.rows[key] = message.data
            case "update":
                old = self.key_of(message.before) if message.before else key
                if old not in self.rows:
                    raise AssertionError(f"no such row: {message}")
                # What the update left alone keeps its value.
                self.rows[key] = self.rows.pop(old) | message.data
            case "delete":
                if known is None:
                    raise AssertionError(f"no such row: {message}")
                del self.rows[key]
        return self

    def apply_all(self, messages):
        for message in messages:
            self.apply(message)
        return self


def ids(messages):
    return [m.data["id"] for m in messages]


def without_earlier_loads(messages, table="a"):
    """A table's rows and changes, but for rows of loads that were begun again."""
    of_table = [m for m in messages if m.table == table]
    last = [m for m in of_table if m.operation == "load-complete"][-1].document["snapshot-lsn"]
    return [m for m in of_table if m.is_data and (not m.is_load or m.document["snapshot-lsn"] == last)]


def loaded_last(messages, table="a"):
    """The rows of a table's last load."""
    return [m for m in without_earlier_loads(messages, table) if m.is_load]
