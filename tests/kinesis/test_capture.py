"""What is put through the API and what is captured share a stream."""

import itertools
import json
import threading

from botocore.exceptions import BotoCoreError, ClientError

from conftest import STREAM, TASK, task_config
from harness.waiting import wait_until
from kinesis.conftest import boto_client
from kinesis.stream import Kinesis, Stream
from messages import READERS


def test_records_and_changes_share_a_stream_each_in_order_and_once(database, tailrace, no_settings_of_ours):
    database.sql("create table a (id int primary key)")
    server = tailrace(task_config(database.uri(), shards=2))
    server.wait_task(TASK, "running")
    kinesis = Kinesis(server, boto_client(server.aws))
    stream = Stream(kinesis, STREAM)
    put = []
    done = threading.Event()

    def write():
        for number in itertools.count():
            if done.is_set():
                break
            try:
                put.append(stream.put(f"put {number}", "one key")["SequenceNumber"])
            except (BotoCoreError, ClientError):
                # Killed, or starting: whether it is there is not known, and it is not put again.
                done.wait(0.02)

    def wait_for_puts(more):
        wanted = len(put) + more
        wait_until(lambda: len(put) >= wanted, 60, "records are put")

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    try:
        for number in range(300):
            database.sql("insert into a values (%s)", number)
            if number == 150:
                wait_for_puts(10)
                server.kill9()
                server.start()
        wait_for_puts(10)
    finally:
        done.set()
        # A put has an answer or a timeout within a minute.
        writer.join(90)
    assert not writer.is_alive()
    server.wait_durable(TASK, database.lsn())

    records = stream.all_records()
    for of_shard in records.values():
        numbers = [int(record["SequenceNumber"]) for record in of_shard]
        assert numbers == sorted(set(numbers))
    everything = [record for of_shard in records.values() for record in of_shard]
    of_writer = [record for record in everything if record["PartitionKey"] == "one key"]
    assert [record["SequenceNumber"] for record in of_writer if record["SequenceNumber"] in set(put)] == put
    messages = [READERS["flat"](json.loads(r["Data"])) for r in everything if r["PartitionKey"] != "one key"]
    inserted = [message.data["id"] for message in messages if message.is_data]
    assert sorted(inserted) == list(range(300))
    kinesis.close()
