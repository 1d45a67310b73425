"""Tells what happened to which product: a handler exactly as AWS Lambda runs it for a Kinesis event.

Each record of the event holds one change of table products as AWS DMS writes it: the row in "data",
the row as it was in "before-image" if the table has REPLICA IDENTITY FULL, the rest in "metadata".
"""

import base64
import json
from datetime import UTC, datetime
from decimal import Decimal


def lambda_handler(event, context):
    now = datetime.now(UTC)
    for record in event["Records"]:
        # Decimal keeps a price as it is written: 349.00, not 349.0.
        message = json.loads(base64.b64decode(record["kinesis"]["data"]), parse_float=Decimal)
        if message["metadata"]["record-type"] != "data":
            continue
        print(describe(message) + lag(message["metadata"], now))
    return {"records": len(event["Records"])}


def describe(message):
    after, before = message.get("data") or {}, message.get("before-image") or {}
    row = before | after
    product = f"product {row.get('id')}" + (f" ({row['name']})" if row.get("name") else "")
    match message["metadata"]["operation"]:
        case "load":
            return f"{product}: in stock {row['stock']}, price {row['price']}"
        case "insert":
            return f"{product}: new, in stock {row['stock']}, price {row['price']}"
        case "update":
            return f"{product}: {', '.join(differences(before, after)) or 'touched'}"
        case "delete":
            return f"{product}: gone"
        case other:
            return f"{product}: {other}"


def differences(before, after):
    for column, value in after.items():
        if column not in before:
            yield f"{column} {value}"
        elif before[column] != value:
            yield f"{column} {before[column]} -> {value}"


def lag(metadata, now):
    """How long ago the change was committed; rows of the first load have no commit of their own."""
    if "commit-timestamp" not in metadata:
        return ""
    committed = datetime.fromisoformat(metadata["commit-timestamp"])
    return f" [{(now - committed).total_seconds() * 1000:.1f} ms after its commit]"
