"""What happens to a task when its source, its disk or its peers fail: nothing lost, nothing doubled, and
whatever needs a person says so."""

import itertools
import os
import signal
import socket
import subprocess
import threading
import time

import psycopg
import pytest

from conftest import STREAM, TASK, Capture, fill, reload, says, task_config
from harness.postgres import version_available
from harness.processes import cpu_seconds, memory_bytes, memory_bytes_peak
from harness.server import Tailrace
from harness.waiting import wait_until
from messages import Replica, ids, loaded_last, read_message, without_earlier_loads


def resume(server):
    ran = server.run("task", "resume", TASK)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def wait_for_changes(server, more):
    """Until the task has captured that many more."""
    wanted = server.task(TASK)["changes"] + more
    wait_until(
        lambda: server.task(TASK)["changes"] >= wanted, 60, lambda: f"capture goes on: {server.task(TASK)}"
    )


def table_ids(database, table="a"):
    return [row[0] for row in database.sql(f"select id from {table} order by id")]


@pytest.fixture
def holder(request):
    """A connection whose transaction has written and stays open."""
    open_ones = []

    def hold(database, sql="select pg_current_xact_id()"):
        connection = database.connect(autocommit=False)
        connection.execute(sql)
        open_ones.append(connection)
        return connection

    yield hold
    for connection in open_ones:
        connection.close()


# The server ends and comes back


@pytest.mark.parametrize("how", ["fast", "immediate", "kill9"])
def test_a_server_that_ends_under_writers_loses_and_doubles_nothing(
    own_postgres, make_database, tailrace, how
):
    postgres = own_postgres()
    database = make_database(postgres)
    database.sql("create table a (id bigint primary key); create table b (id bigint primary key)")
    server = tailrace(task_config(database.uri(), "a", "b", shards=2))
    server.wait_task(TASK, "running")
    stop = threading.Event()

    def write(worker):
        numbers = itertools.count(worker * 10_000_000)
        while not stop.is_set():
            try:
                with database.connect() as connection:
                    while not stop.is_set():
                        number = next(numbers)
                        with connection.transaction():
                            connection.execute("insert into a values (%s)", (number,))
                            connection.execute("insert into b values (%s)", (number,))
            except psycopg.Error:
                stop.wait(0.05)

    writers = [threading.Thread(target=write, args=(worker,)) for worker in (1, 2)]
    for writer in writers:
        writer.start()
    try:
        for _ in range(3):
            # Writers and the task are at work again.
            wait_for_changes(server, 40)
            if how == "kill9":
                postgres.kill9()
            else:
                postgres.stop({"fast": signal.SIGINT, "immediate": signal.SIGQUIT}[how])
            postgres.start()
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    database.connection = database.connect()

    changes = Capture(database, server, "flat").changes(seconds=60)
    for table in ("a", "b"):
        got = ids(m for m in changes if m.table == table)
        assert len(got) >= 60, "writers were at work"
        assert len(got) == len(set(got)), "nothing twice"
        assert sorted(got) == table_ids(database, table)


def test_a_server_that_crashes_during_a_load_is_loaded_from_again(own_postgres, make_database, tailrace):
    postgres = own_postgres()
    database = make_database(postgres)
    database.sql("create table a (id int primary key, v text); create table b (id int primary key)")
    database.sql("insert into a select g, repeat('v', 200) from generate_series(1, 150000) g")
    database.sql("insert into b select generate_series(1, 10)")
    server = tailrace(task_config(database.uri(), "a", "b", load_workers=1), until="/livez")
    capture = Capture(database, server, "flat")
    wait_until(lambda: any(t["loaded_rows"] > 0 for t in server.task(TASK)["tables"]), 30, "it loads")
    postgres.kill9()
    postgres.start()
    database.connection = database.connect()
    database.sql("insert into a values (0, 'after')")
    server.wait_task(TASK, "running")
    database.sql("delete from a where id = 1")

    messages = capture.messages()
    rows = Replica("id").apply_all(without_earlier_loads(messages)).rows
    assert len(rows) == 150000
    assert sorted(ids(loaded_last(messages, "b"))) == list(range(1, 11))
    assert not any((server.data / "tasks").glob("**/aside/*")), "nothing is left of what waited"


def test_a_server_stops_quickly_though_a_task_is_connected(own_postgres, make_database, tailrace):
    postgres = own_postgres()
    database = make_database(postgres)
    database.sql("create table a (id int primary key)")
    server = tailrace(task_config(database.uri(), "a"))
    server.wait_task(TASK, "running")
    database.sql("insert into a values (1)")
    database.connection.close()

    began = time.monotonic()
    postgres.stop(patience=30)
    assert time.monotonic() - began < 5
    postgres.start()
    server.wait_task(TASK, "running")


# The slot


def test_a_slot_made_anew_under_its_name_is_not_taken_for_the_old_one(database, capture):
    database.sql("create table a (id int primary key); insert into a values (1)")
    task = capture("a")
    task.server.stop()
    database.sql("select pg_drop_replication_slot('tailrace_t')")
    database.sql("insert into a values (2)")
    database.sql("delete from a where id = 1")
    database.sql("select pg_create_logical_replication_slot('tailrace_t', 'pgoutput')")

    task.server.start(until="/livez")
    status = task.server.wait_task(TASK, "failed", "running")
    assert (status["state"], status["error"]["fault"]) == ("failed", "gap")
    says(status["error"]["message"], "tailrace_t", "reload")

    reload(task.server)
    database.sql("insert into a values (3)")
    messages = task.messages()
    assert ids(loaded_last(messages)) == [2]
    assert ids(messages[-1:]) == [3]
    status = task.task()
    assert not status["error"]
    assert [(t["name"], t["state"], t["loaded_rows"]) for t in status["tables"]] == [("a", "streaming", 1)]


def test_a_slot_dropped_under_a_running_task_stops_it(database, capture):
    database.sql("create table a (id int primary key); insert into a values (1)")
    task = capture("a")

    def dropped():
        database.sql(
            "select pg_terminate_backend(active_pid) from pg_replication_slots where slot_name = 'tailrace_t'"
        )
        try:
            database.sql("select pg_drop_replication_slot('tailrace_t')")
        except psycopg.errors.ObjectInUse:
            return False
        return True

    wait_until(dropped, 20, "the slot is dropped")
    status = task.server.wait_task(TASK, "failed")
    assert status["error"]["fault"] == "gap"
    database.sql("insert into a values (2)")
    reload(task.server)
    assert ids(loaded_last(task.messages())) == [1, 2]


def test_an_old_transaction_is_named_while_the_slot_waits_for_it(database, tailrace, holder):
    database.sql("create table a (id int primary key); insert into a values (1)")
    old = holder(database)
    server = tailrace(task_config(database.uri(), "a"), until="/livez")
    wait_until(lambda: server.task(TASK)["error"], 30, "it says what it waits for")
    says(server.task(TASK)["error"]["message"], f"pid {old.info.backend_pid}", "idle in transaction")

    began = time.monotonic()
    assert server.run("task", "stop", TASK).returncode == 0
    assert time.monotonic() - began < 5
    wait_until(lambda: database.slot() is None, 10, "nothing is left of the slot")

    resume(server)
    old.rollback()
    server.wait_task(TASK, "running")
    assert ids(Capture(database, server, "flat").rows()) == [1]


def test_a_kill_while_the_slot_waits_is_mended_by_itself(database, tailrace, holder):
    database.sql("create table a (id int primary key); insert into a values (1)")
    old = holder(database)
    server = tailrace(task_config(database.uri(), "a"), until="/livez")
    # Where the server does not notice that its client is gone.
    waits = (
        "select 1 from pg_stat_activity where application_name = 'tailrace t' and "
        "datname = current_database() and wait_event = 'transactionid'"
    )
    wait_until(lambda: database.sql(waits), 30, "the slot waits for the transaction")
    server.kill9()
    server.start(until="/livez")
    status = server.wait_task(TASK, "retrying", "failed")
    assert status["state"] == "retrying", status["error"]
    says(status["error"]["message"], "tailrace_t", "pg_terminate_backend")
    old.rollback()
    server.wait_task(TASK, "running")
    assert ids(Capture(database, server, "flat").rows()) == [1]


# The publication


@pytest.mark.parametrize("version", [15, 18])
def test_a_publication_made_anew_does_not_hide_what_was_lost(own_postgres, make_database, tailrace, version):
    if not version_available(version):
        pytest.skip(f"PostgreSQL {version} is not here")
    database = make_database(own_postgres(version))
    database.sql("create table a (id int primary key)")
    server = tailrace(task_config(database.uri(), "a"))
    server.wait_task(TASK, "running")
    capture = Capture(database, server, "flat")
    database.sql("insert into a values (1)")
    capture.caught_up()
    database.sql("drop publication tailrace_t")
    database.sql("insert into a values (2)")
    database.sql("create publication tailrace_t for table only a with (publish_via_partition_root = true)")
    database.sql("insert into a values (3)")

    status = server.wait_task(TASK, "failed")
    assert status["error"]["fault"] == "gap"
    says(status["error"]["message"], "publication", "tailrace_t", "reload")
    # Asking again does not step over it.
    for _ in range(2):
        resume(server)
        assert server.wait_task(TASK, "failed")["error"]["fault"] == "gap"
    server.restart(until="/livez")
    assert server.wait_task(TASK, "failed")["error"]["fault"] == "gap"

    reload(server)
    database.sql("insert into a values (4)")
    messages = capture.messages()
    assert ids(m for m in messages if m.is_data and not m.is_load) == [1, 4]
    assert ids(loaded_last(messages)) == [1, 2, 3]


def test_a_missing_publication_is_not_made_again_in_silence(database, capture):
    database.sql("create table a (id int primary key)")
    task = capture("a")
    task.server.stop()
    database.sql("drop publication tailrace_t")
    task.server.start(until="/livez")
    status = task.server.wait_task(TASK, "failed", "running")
    assert (status["state"], status["error"]["fault"]) == ("failed", "gap")
    says(status["error"]["message"], "publication tailrace_t is gone", "reload")
    database.sql("insert into a values (1)")
    reload(task.server)
    assert ids(loaded_last(task.messages())) == [1]


def test_a_table_taken_out_of_the_publication_is_loaded_again(database, capture):
    database.sql("create table a (id int primary key); create table b (id int primary key)")
    task = capture("a", "b")
    database.sql("insert into a values (1); insert into b values (1)")
    task.caught_up()
    task.server.stop()
    database.sql("alter publication tailrace_t drop table a")
    database.sql("insert into a values (2)")
    database.sql("insert into b values (2)")
    task.server.start()
    task.server.wait_task(TASK, "running")
    database.sql("insert into a values (3)")

    messages = task.messages()
    assert ids(loaded_last(messages)) == [1, 2]
    assert ids(m for m in messages if m.table == "a" and m.operation == "insert") == [1, 3]
    assert ids(m for m in messages if m.table == "b" and m.operation == "insert") == [1, 2]
    assert len([m for m in messages if m.table == "b" and m.operation == "load-complete"]) == 1


def test_a_table_taken_out_of_the_publication_while_running_is_noticed_and_loaded_again(database, capture):
    database.sql("create table a (id int primary key); create table b (id int primary key)")
    task = capture("a", "b")
    database.sql("insert into a values (1); insert into b values (1)")
    task.caught_up()
    database.sql("alter publication tailrace_t drop table a")
    database.sql("insert into a values (2)")
    database.sql("insert into b values (2)")
    wait_until(lambda: "was taken out of publication tailrace_t" in task.server.stderr(), 30, "it is noticed")
    wait_until(
        lambda: database.sql("select 1 from pg_publication_tables where tablename = 'a'"), 30, "it is back"
    )
    task.server.wait_task(TASK, "running")
    database.sql("insert into a values (3)")

    messages = task.messages()
    assert ids(loaded_last(messages)) == [1, 2]
    assert ids(m for m in messages if m.table == "a" and m.operation == "insert") == [1, 3]
    assert ids(m for m in messages if m.table == "b" and m.operation == "insert") == [1, 2]


def test_a_task_that_does_not_load_stops_when_a_table_is_taken_out_of_the_publication(database, capture):
    database.sql("create table a (id int primary key); create table b (id int primary key)")
    task = capture("a", "b", migration_type="cdc")
    database.sql("alter publication tailrace_t drop table a")
    status = task.server.wait_task(TASK, "failed")
    assert status["error"]["fault"] == "gap"
    says(status["error"]["message"], "public.a", "taken out", "reload")


# The first load


@pytest.fixture
def held_load():
    """Stops the server's side of a load in the middle of the table z, as a network that is stuck:
    load = held_load(capture), load.go_on()."""
    stopped = []

    class HeldLoad:
        def __init__(self, task):
            wait_until(lambda: any(t["name"] == "z" and t["loaded_rows"] > 0 for t in task.task()["tables"]),
                       30, lambda: f"z is being loaded: {task.task()}", pause_max=0.002)  # fmt: skip
            self.pids = [pid for (pid,) in task.database.sql(
                "select pid from pg_stat_activity where application_name = 'tailrace t load' and "
                "datname = current_database()")]  # fmt: skip
            for pid in self.pids:
                os.kill(pid, signal.SIGSTOP)
            stopped.append(self)
            assert task.table("z")["state"] == "loading"

        def go_on(self):
            for pid in self.pids:
                try:
                    os.kill(pid, signal.SIGCONT)
                except ProcessLookupError:
                    continue
            self.pids = []

    yield HeldLoad
    for load in stopped:
        load.go_on()


def make_large(database, rows=60000):
    """The largest is read first; with one worker all other tables wait for it."""
    database.sql("create table z (id int primary key, pad text)")
    database.sql("insert into z select g, repeat('z', 1000) from generate_series(1, %s::int) g", rows)


def test_a_long_load_lets_the_source_forget_its_log_and_survives_a_kill(database, capture, held_load):
    database.sql("create table a (id int primary key, v text); insert into a values (1, 'one')")
    make_large(database)
    task = capture("a", "z", load_workers=1, state=None, until="/livez")
    server = task.server
    load = held_load(task)

    def write(first):
        for part in range(5):
            database.sql("insert into a select g, repeat('w', 1000) from generate_series(%s::int, %s::int) g",
                         first + part * 1000, first + part * 1000 + 999)  # fmt: skip
        return database.lsn()

    def passes(lsn):
        return database.value("select confirmed_flush_lsn >= %s::pg_lsn from pg_replication_slots "
                              "where slot_name = 'tailrace_t'", lsn)  # fmt: skip

    first = write(100000)
    wait_until(lambda: passes(first), 30, "what came during the load is acknowledged")
    status = server.task(TASK)
    assert status["state"] == "loading"
    assert status["kept_aside_bytes"] > 5_000_000

    # It moves when the server notes its running transactions, which it does every 15 s.
    def released():
        return database.value("select restart_lsn >= %s::pg_lsn from pg_replication_slots "
                              "where slot_name = 'tailrace_t'", first)  # fmt: skip

    write(200000)
    wait_until(released, 60, lambda: f"WAL is released: {database.slot()}")

    server.kill9()
    load.go_on()
    server.start(until="/livez")
    load = held_load(task)
    last = write(300000)
    wait_until(lambda: passes(last), 60, "also after a kill")
    load.go_on()
    server.wait_task(TASK, "running")
    database.sql("update a set v = 'ONE' where id = 1")

    messages = task.messages()
    replica = Replica("id").apply_all(without_earlier_loads(messages))
    assert {key[0] for key in replica.rows} == set(table_ids(database))
    inserts = ids(m for m in messages if m.operation == "insert" and m.table == "a")
    assert len(inserts) == len(set(inserts))
    assert not any((server.data / "tasks").glob("**/aside/*")), "nothing is left of what waited"


def test_a_table_rewritten_before_its_rows_are_read_is_loaded_again(database, capture, held_load):
    database.sql("create table a (id int primary key); insert into a select generate_series(1, 100)")
    database.sql("create table p (id int primary key, v int) partition by range (id)")
    database.sql("create table p1 partition of p for values from (0) to (1000)")
    database.sql("insert into p select generate_series(1, 100)")
    make_large(database)
    task = capture("a", "p", "z", load_workers=1, state=None, until="/livez")
    load = held_load(task)
    # Transactions with an older snapshot find such a table empty.
    database.sql("alter table a alter column id type bigint")
    database.sql("alter table p alter column v type bigint")
    load.go_on()
    task.server.wait_task(TASK, "running")
    database.sql("insert into a values (101)")

    messages = task.messages()
    for table in ("a", "p"):
        assert sorted(ids(loaded_last(messages, table))) == list(range(1, 101)), table
        assert task.table(table)["loaded_rows"] == 100
    assert len([m for m in messages if m.table == "z" and m.operation == "load-complete"]) == 1


def test_a_table_dropped_during_the_load_does_not_hold_up_the_others(database, capture, held_load):
    database.sql("create table a (id int primary key); create table gone (id int primary key)")
    database.sql("insert into a values (1); insert into gone values (1)")
    make_large(database)
    task = capture("a", "gone", "z", load_workers=1, state=None, until="/livez")
    load = held_load(task)
    database.sql("drop table gone")
    load.go_on()
    task.server.wait_task(TASK, "running")
    database.sql("insert into a values (2)")

    messages = task.messages()
    assert ids(m for m in messages if m.is_data and m.table == "a") == [1, 2]
    says(task.table("gone")["error"], "does not exist", "resume")
    # The dropped table stays in the mappings: that is said, and the others go on.
    task.server.restart(until="/livez")
    task.server.wait_task(TASK, "running")
    database.sql("insert into a values (3)")
    assert ids(task.changes("a")) == [2, 3]
    assert any("public.gone does not exist" in warning for warning in task.task()["warnings"])
    assert [t["name"] for t in task.task()["tables"]] == ["a", "z"]


def test_a_table_that_cannot_be_read_is_loaded_once_it_can(own_postgres, make_database, tailrace):
    database = make_database(own_postgres())
    database.sql(
        "create role cdc login replication; create table a (id int primary key); create table b (id int primary key)"
    )
    database.sql("insert into a values (1); insert into b values (1); grant select on a, b to cdc")
    # A policy hides rows from this role, so a load of it would not be whole.
    database.sql("alter table b enable row level security")
    database.sql(
        "create publication tailrace_t for table only a, only b with (publish_via_partition_root = true)"
    )
    server = tailrace(task_config(database.postgres.uri(database.name, "cdc"), "a", "b"), until="/livez")
    server.wait_task(TASK, "running")
    capture = Capture(database, server, "flat")
    says(capture.table("b")["error"], "row-level security", "resume")
    database.sql("insert into a values (2); insert into b values (2)")
    assert ids(capture.rows("a")) == [1, 2]
    assert capture.rows("b") == []

    database.sql("alter table b disable row level security")
    assert server.run("task", "stop", TASK).returncode == 0
    resume(server)
    server.wait_task(TASK, "running")
    database.sql("insert into b values (3)")
    assert sorted(ids(m for m in capture.rows("b") if m.is_load)) == [1, 2]
    assert ids(capture.changes("b")) == [3]
    assert ids(capture.rows("a")) == [1, 2]
    assert not capture.table("b")["error"]


# The tables change


def test_a_table_renamed_out_of_the_mappings_says_so(database, capture):
    database.sql("create table a (id int primary key); create table b (id int primary key)")
    task = capture("a", "b")
    database.sql("insert into a values (1)")
    database.sql("alter table a rename to elsewhere")
    database.sql("insert into elsewhere values (2)")
    database.sql("insert into b values (1)")
    assert [(m.table, m.data["id"]) for m in task.changes()] == [("a", 1), ("b", 1)]
    says(task.table("a")["error"], "public.elsewhere", "reload")
    assert not task.table("b")["error"]


def test_a_new_table_joins_at_the_next_start_or_with_the_publication(database, capture):
    database.sql("create table a (id int primary key)")
    task = capture("%")
    database.sql("create table later (id int primary key); insert into later values (1)")
    database.sql("create table added (id int primary key); insert into added values (1)")
    database.sql("alter publication tailrace_t add table only added")
    database.sql("insert into added values (2); insert into later values (2)")
    assert [(m.table, m.short) for m in task.rows()] == [("added", ("insert", {"id": 2}))]

    task.server.restart()
    task.server.wait_task(TASK, "running")
    database.sql("insert into later values (3)")
    assert sorted(m.short[1]["id"] for m in task.rows("later") if m.is_load) == [1, 2]
    assert ids(task.changes("later")) == [3]
    assert ids(task.rows("added")) == [2], "what joined by hand is not loaded behind one's back"


def test_a_table_made_anew_under_its_name_is_loaded_at_the_next_start(database, capture):
    database.sql("create table a (id int primary key); create table b (id int primary key)")
    database.sql("insert into a values (1)")
    task = capture("a", "b")
    database.sql("drop table a; create table a (id int primary key, v text); insert into a values (7, 'new')")
    task.server.restart()
    task.server.wait_task(TASK, "running")
    database.sql("insert into a values (8, 'newer')")
    messages = task.messages()
    assert [m.data for m in loaded_last(messages)] == [{"id": 7, "v": "new"}]
    assert messages[-1].data == {"id": 8, "v": "newer"}
    assert [t["name"] for t in task.task()["tables"]] == ["a", "b"]


# Large transactions


def test_a_huge_transaction_takes_disk_and_not_memory(database, capture):
    database.sql("create table a (id int primary key, v text)")
    database.sql(f"alter database {database.name} set logical_decoding_work_mem = '1MB'")
    task = capture("a")
    pid = task.server.process.pid
    before = memory_bytes(pid)
    with database.connection.transaction(force_rollback=True):
        database.sql("insert into a select g, repeat('x', 400) from generate_series(1, 100000) g")
    with database.connection.transaction():
        database.sql("insert into a select g, repeat('v', 400) from generate_series(1, 300000) g")
    task.caught_up(120)
    grown = memory_bytes_peak(pid) - before
    assert grown < 160 << 20, f"{grown} bytes more"
    assert task.table("a")["inserts"] == 300000
    assert not list((task.server.data / "tasks").glob("**/spill/*")), "no spill file is left"


def test_a_kill_in_the_middle_of_a_huge_commit_repeats_no_row(database, capture):
    database.sql("create table a (id int primary key, v text)")
    database.sql(f"alter database {database.name} set logical_decoding_work_mem = '64kB'")
    task = capture("a", shards=2)
    with database.connection.transaction():
        # Wide enough that what is left of it takes far longer than it takes to kill.
        database.sql("insert into a select g, repeat('v', 2000) from generate_series(1, 60000) g")
    end = database.lsn()

    def rows():
        shards = task.server.get(f"/v1/streams/{STREAM}")["shards"]
        return sum(shard["end_offset"] for shard in shards)

    for eighth in range(1, 6):
        wait_until(
            lambda eighth=eighth: rows() >= eighth * 60000 // 8,
            60,
            "the transaction is on its way",
            pause_max=0.002,
        )
        assert rows() < 60000, "it is on its way"
        task.server.kill9()
        task.server.start(until="/livez")
    task.server.wait_durable(TASK, end, seconds=120)
    changes = task.changes()
    assert sorted(ids(changes)) == list(range(1, 60001))
    for shard in {m.shard for m in changes}:
        got = ids(m for m in changes if m.shard == shard)
        assert got == sorted(got)


# The disk


def test_a_disk_that_is_full_during_a_load_holds_it_until_there_is_room(
    database, servers_of_test, small_disk
):
    database.sql("create table a (id int primary key, v text)")
    database.sql("insert into a select g, repeat('v', 1000) from generate_series(1, 25000) g")
    ballast = fill(small_disk, leave=16 << 20)
    server = Tailrace(task_config(database.uri(), "a") | {"data": str(small_disk / "data")})
    servers_of_test.append(server)
    try:
        server.start(until="/livez")
        wait_until(lambda: server.task(TASK)["error"], 60, "the status says that the disk is full")
        says(server.task(TASK)["error"]["message"], "no space", "make room")
        used = cpu_seconds(server.process.pid)
        time.sleep(2)  # in which whoever spins uses a processor
        assert cpu_seconds(server.process.pid) - used < 1, "it waits without spinning"
        database.sql("insert into a values (0, 'meanwhile')")
        ballast.unlink()
        server.wait_task(TASK, "running")
        capture = Capture(database, server, "flat")
        assert sorted(ids(loaded_last(capture.messages()))) == list(range(1, 25001))
        assert ids(capture.changes()) == [0]
        wait_until(lambda: not server.task(TASK)["error"], 10, "nothing is wrong any more")
    finally:
        server.remove()


def test_a_full_disk_costs_no_processor_and_a_stop_is_quick(database, servers_of_test, small_disk):
    database.sql("create table a (id int primary key, v text)")
    server = Tailrace(task_config(database.uri(), "a") | {"data": str(small_disk / "data")})
    servers_of_test.append(server)
    try:
        server.start()
        server.wait_task(TASK, "running")
        ballast = fill(small_disk)
        database.sql("insert into a select g, repeat('v', 1000) from generate_series(1, 12000) g")
        wait_until(lambda: server.task(TASK)["error"], 30, "the status says that the disk is full")
        used = cpu_seconds(server.process.pid)
        time.sleep(2)  # in which whoever spins uses a processor
        assert cpu_seconds(server.process.pid) - used < 1, "it waits without spinning"
        began = time.monotonic()
        server.stop()
        assert time.monotonic() - began < 10
        ballast.unlink()
        server.start()
        assert ids(Capture(database, server, "flat").changes()) == list(range(1, 12001))
    finally:
        server.remove()


def test_a_disk_too_small_for_an_open_transaction_is_named_and_goes_on_with_room(
    database, servers_of_test, small_disk
):
    database.sql("create table a (id int primary key, v text)")
    database.sql(f"alter database {database.name} set logical_decoding_work_mem = '64kB'")
    server = Tailrace(task_config(database.uri(), "a") | {"data": str(small_disk / "data")})
    servers_of_test.append(server)
    try:
        server.start()
        server.wait_task(TASK, "running")
        # Room for its end state and none for what waits for the commit.
        ballast = fill(small_disk, leave=1 << 20)
        with database.connection.transaction():
            database.sql("insert into a select g, repeat('v', 1000) from generate_series(1, 12000) g")
            status = wait_until(lambda: (s := server.task(TASK))["error"] and s, 60, "it says so")
            says(status["error"]["message"], "no space", "make room", str(small_disk))
            # The server would send the transaction again and again.
            wait_until(lambda: "tried again every" in (server.task(TASK)["error"] or {}).get("message", ""), 60,
                       "it waits longer and longer")  # fmt: skip
            assert not list((small_disk / "data/tasks").glob("**/spill/*")), "meanwhile others have the room"
            assert server.task(TASK)["reconnects"] < 8
            ballast.unlink()
        rows = Capture(database, server, "flat").changes(seconds=100)
        assert ids(rows) == list(range(1, 12001))
        assert server.wait_task(TASK, "running")["error"] is None
    finally:
        server.remove()


# Stopping is quick


def stop_seconds(server):
    began = time.monotonic()
    assert server.stop() == 0
    return time.monotonic() - began


def test_a_stop_is_quick_while_nobody_answers(tailrace):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(16)
        silent.settimeout(30)
        uri = f"postgresql://postgres@127.0.0.1:{silent.getsockname()[1]}/postgres"
        server = tailrace(task_config(uri, "a"), until="/livez")
        task, _ = silent.accept()
        with task:
            task.settimeout(30)
            assert task.recv(1), "it has asked"
            assert stop_seconds(server) < 5


def test_a_stop_is_quick_while_the_slot_waits(database, tailrace, holder):
    database.sql("create table a (id int primary key); insert into a values (1)")
    old = holder(database)
    server = tailrace(task_config(database.uri(), "a"), until="/livez")
    wait_until(database.slot, 30, "the slot is being made")
    assert stop_seconds(server) < 5
    old.rollback()
    server.start(until="/livez")
    server.wait_task(TASK, "running")
    assert ids(Capture(database, server, "flat").rows()) == [1]


def test_a_stop_is_quick_while_a_load_waits_for_a_locked_table(database, capture, held_load, holder):
    database.sql("create table a (id int primary key); insert into a values (1)")
    make_large(database)
    task = capture("a", "z", load_workers=1, state=None, until="/livez")
    load = held_load(task)
    lock = holder(database, "lock table a in access exclusive mode")
    load.go_on()
    wait_until(lambda: task.table("a")["state"] == "loading", 60, "the load waits for the lock")
    assert stop_seconds(task.server) < 5
    lock.rollback()
    task.server.start(until="/livez")
    task.server.wait_task(TASK, "running")
    assert ids(task.rows("a")) == [1]


def test_a_locked_table_does_not_keep_a_task_from_its_source(database, capture, holder):
    database.sql("create table a (id int primary key); create table b (id int primary key)")
    task = capture("a", "b")
    assert task.server.stop() == 0
    lock = holder(database, "lock table b in access exclusive mode")
    database.sql("insert into a values (1)")
    task.server.start(until="/livez")
    task.server.wait_task(TASK, "running", seconds=20)
    assert ids(task.changes()) == [1]
    lock.rollback()


def test_a_stop_is_quick_while_it_retries(own_postgres, make_database, tailrace):
    postgres = own_postgres()
    database = make_database(postgres)
    database.sql("create table a (id int primary key)")
    server = tailrace(task_config(database.uri(), "a"))
    database.connection.close()
    postgres.stop()
    # It has begun to wait for 6.4 s then.
    wait_until(lambda: server.task(TASK)["reconnects"] >= 6, 60, "it tries again and again")
    assert stop_seconds(server) < 5


# Encryption, passwords, encodings


@pytest.fixture
def certificates(tmp_path):
    """An authority and a certificate of it for 127.0.0.1; another authority beside it."""

    def openssl(*arguments):
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True, cwd=tmp_path)

    for name in ("authority", "other"):
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}", "-keyout",
                f"{name}.key", "-out", f"{name}.crt")  # fmt: skip
    openssl(
        "req",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-subj",
        "/CN=db",
        "-keyout",
        "server.key",
        "-out",
        "server.csr",
    )
    (tmp_path / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "authority.crt", "-CAkey", "authority.key",
            "-CAcreateserial", "-days", "2", "-extfile", "names", "-out", "server.crt")  # fmt: skip
    return tmp_path


def test_tls_and_scram_carry_load_and_stream_and_a_wrong_authority_is_refused(
    own_postgres, make_database, tailrace, certificates
):
    postgres = own_postgres(hba="local all all trust\nhost all postgres 127.0.0.1/32 trust\n"
                                "hostssl all cdc 127.0.0.1/32 scram-sha-256\n")  # fmt: skip
    for name in ("server.crt", "server.key"):
        copy = postgres.data / name
        copy.write_bytes((certificates / name).read_bytes())
        copy.chmod(0o600)
        if postgres.user:
            os.chown(copy, postgres.user.pw_uid, postgres.user.pw_gid)
    postgres.restart(ssl="on")
    database = make_database(postgres)
    database.sql(
        "create role cdc login superuser password 'right'; create table a (id int primary key, v text)"
    )
    database.sql("insert into a select g, repeat('v', 500) from generate_series(1, 20000) g")

    def source(authority):
        return postgres.uri(
            database.name, "cdc", "right", sslmode="verify-full", sslrootcert=str(certificates / authority)
        )

    refused = tailrace(task_config(source("other.crt"), "a"), until="/livez")
    status = refused.wait_task(TASK, "failed", "retrying")
    assert (status["state"], status["error"]["fault"]) == ("failed", "denied")
    says(status["error"]["message"], "certificate", "sslrootcert")
    assert refused.stop() == 0

    server = tailrace(task_config(source("authority.crt"), "a"))
    server.wait_task(TASK, "running")
    database.sql("insert into a select g, repeat('w', 500) from generate_series(20001, 40000) g")
    assert sorted(ids(Capture(database, server, "flat").rows())) == list(range(1, 40001))
    assert database.value(
        "select bool_and(ssl) from pg_stat_ssl join pg_stat_activity using (pid) where usename = 'cdc'")  # fmt: skip


def test_bytes_of_no_encoding_stop_the_task_and_never_break_a_message(
    postgres, servers_of_test, make_database, tailrace
):
    database = make_database(postgres, encoding="'SQL_ASCII'", template="template0")
    database.sql("create table a (id int primary key, v text); insert into a values (1, 'good')")
    server = tailrace(task_config(database.uri(), "a"))
    status = server.wait_task(TASK, "running")
    assert any("SQL_ASCII" in warning for warning in status["warnings"])
    database.sql("insert into a values (2, convert_from('\\x47e9'::bytea, 'SQL_ASCII'))")
    status = server.wait_task(TASK, "failed")
    says(status["error"]["message"], "invalid byte sequence", "UTF8")
    rows = [m for shard in server.records(STREAM) for m in shard]
    assert len(rows) == 2, "the first row and the end of the load"


# Several tasks


def test_two_tasks_fill_one_stream_and_two_streams_come_from_one_database(database, tailrace):
    database.sql("create table a (id int primary key); create table b (id int primary key)")
    database.sql("insert into a values (1); insert into b values (1)")
    config = task_config(database.uri(), "a")
    config["tasks"]["u"] = task_config(database.uri(), "b")["tasks"][TASK]
    config["streams"]["second"] = {"shards": 1}
    config["tasks"]["w"] = task_config(database.uri(), "a", "b")["tasks"][TASK] | {"stream": "second"}
    server = tailrace(config)
    for name in (TASK, "u", "w"):
        server.wait_task(name, "running")
    for number in range(2, 20):
        database.sql("insert into a values (%s)", number)
        database.sql("insert into b values (%s)", number)
        if number == 10:
            server.kill9()
            server.start()
    for name in (TASK, "u", "w"):
        server.wait_durable(name, database.lsn())

    for stream in (STREAM, "second"):
        rows = [read_message(r, "flat") for shard in server.records(stream) for r in shard]
        for table in ("a", "b"):
            assert ids(m for m in rows if m.is_data and m.table == table) == list(range(1, 20)), (
                stream,
                table,
            )
    assert server.run("task", "reload", "u").returncode == 0
    server.wait_task("u", "running")
    database.sql("insert into a values (20)")
    server.wait_durable(TASK, database.lsn())
    rows = [read_message(r, "flat") for shard in server.records(STREAM) for r in shard]
    assert ids(m for m in rows if m.is_data and m.table == "a") == list(range(1, 21)), (
        "another's reload is its own"
    )


def test_commits_that_do_not_wait_for_the_disk_arrive_too(database, capture):
    database.sql("create table a (id int primary key)")
    task = capture("a")
    with database.connect() as connection:
        connection.execute("set synchronous_commit = off")
        for number in range(200):
            connection.execute("insert into a values (%s)", (number,))
    wait_until(lambda: task.table("a")["inserts"] == 200, 20, "they arrive")
    assert ids(task.changes()) == list(range(200))
