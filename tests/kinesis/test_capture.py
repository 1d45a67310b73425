"""What is put through the API and what is captured share a stream."""

import json

from conftest import STREAM, TASK, task_config
from kinesis.conftest import boto_client
from kinesis.producer import KILLED, Producer, check_acknowledged, producing, wait_for_puts
from kinesis.stream import Kinesis, Stream
from messages import READERS


def test_records_and_changes_share_a_stream_each_in_order_and_once(
    database, tailrace, no_settings_of_ours, seed
):
    database.sql("create table a (id int primary key)")
    server = tailrace(task_config(database.uri(), shards=2))
    server.wait_task(TASK, "running")
    producer = Producer(0, server.aws, STREAM, seed, ends=KILLED, puts_again=False)
    with producing(producer):
        for number in range(300):
            database.sql("insert into a values (%s)", number)
            if number == 150:
                wait_for_puts([producer], 10)
                server.kill9()
                server.start()
        wait_for_puts([producer], 10)
    server.wait_durable(TASK, database.lsn())

    kinesis = Kinesis(server, boto_client(server.aws))
    records = Stream(kinesis, STREAM).all_records()
    kinesis.close()
    check_acknowledged([producer], records)
    everything = [record for of_shard in records.values() for record in of_shard]
    put = [record["Data"] for record in everything if record["Data"] in producer.put]
    assert len(put) == len(set(put)), "something is there twice"
    captured = [record["Data"] for record in everything if record["Data"] not in producer.put]
    messages = [READERS["flat"](json.loads(data)) for data in captured]
    assert sorted(message.data["id"] for message in messages if message.is_data) == list(range(300))
    for of_shard in records.values():
        numbers = [int(record["SequenceNumber"]) for record in of_shard]
        assert numbers == sorted(set(numbers))
