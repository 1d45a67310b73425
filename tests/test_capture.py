"""What reaches the stream of what happens in the database."""

import itertools
import threading

import pytest

from conftest import STREAM, TASK
from harness.waiting import wait_until
from messages import Replica

pytestmark = pytest.mark.every_version


def table_rows(database, table, key="id"):
    """The table as the flat format shows it, by its key."""
    return {(row["id"] if key == "id" else tuple(row[k] for k in key.split(","))): row
            for (row,) in database.sql(f"select to_jsonb(t) from {table} t")}  # fmt: skip


def by_key(replica):
    return {key[0] if len(key) == 1 else key: row for key, row in replica.rows.items()}


# The path of a change


def test_rows_that_were_there_come_first_and_changes_follow(database, capture):
    database.sql("create table a (id int primary key, v text)")
    database.sql("insert into a values (1, 'one'), (2, 'two')")
    task = capture("a")

    database.sql("insert into a values (3, 'three')")
    database.sql("update a set v = 'TWO' where id = 2")
    database.sql("delete from a where id = 1")

    messages = task.messages()
    assert [(m.operation, m.data) for m in messages[:2]] == [
        ("load", {"id": 1, "v": "one"}),
        ("load", {"id": 2, "v": "two"}),
    ]
    assert messages[2].operation == "load-complete"
    assert messages[2].document["rows"] == 2
    assert [m.short for m in messages[3:]] == [
        ("insert", {"id": 3, "v": "three"}),
        ("update", {"id": 2, "v": "TWO"}),
        ("delete", {"id": 1}),
    ]


def test_a_transaction_arrives_whole_and_in_its_order(database, capture):
    database.sql("create table a (id int primary key, v int); create table b (id int primary key)")
    task = capture("a", "b")

    with database.connection.transaction():
        database.sql("insert into a values (1, 1)")
        database.sql("insert into b values (1)")
        database.sql("update a set v = 2")
        xid = database.value("select pg_current_xact_id()::text::bigint")
    database.sql("insert into b values (2)")

    changes = task.changes()
    assert [(m.operation, m.table) for m in changes] == [
        ("insert", "a"),
        ("insert", "b"),
        ("update", "a"),
        ("insert", "b"),
    ]
    assert [m.transaction == xid % 2**32 for m in changes] == [True, True, True, False]
    assert [m.document["transaction-record-id"] for m in changes] == [1, 2, 3, 1]


def test_what_is_rolled_back_never_arrives(database, capture):
    database.sql("create table a (id int primary key)")
    task = capture("a")

    with database.connection.transaction(force_rollback=True):
        database.sql("insert into a values (1)")
    with database.connection.transaction():
        database.sql("insert into a values (2)")
        with database.connection.transaction(force_rollback=True):
            database.sql("insert into a values (3)")
        with database.connection.transaction():
            database.sql("insert into a values (4)")

    assert [m.data["id"] for m in task.changes()] == [2, 4]


def test_a_truncate_arrives_once_for_each_table_in_its_place(database, capture):
    database.sql("create table a (id int primary key); create table b (id int primary key references a)")
    database.sql("insert into a values (1); insert into b values (1)")
    task = capture("a", "b")

    database.sql("truncate a, b")
    database.sql("insert into a values (2)")

    changes = task.changes()
    assert sorted((m.operation, m.table) for m in changes[:2]) == [("truncate", "a"), ("truncate", "b")]
    assert [m.short for m in changes[2:]] == [("insert", {"id": 2})]


def test_every_event_has_an_id_of_its_own(database, capture):
    database.sql("create table a (id int primary key, v int)")
    database.sql("insert into a select g, 0 from generate_series(1, 500) g")
    task = capture("a", shards=3)
    # One COPY-like statement: all its rows can have the same LSN.
    database.sql("insert into a select g, 0 from generate_series(501, 1500) g")
    database.sql("update a set id = -id, v = 1")

    ids = [m.event_id for m in task.rows()]
    assert len(ids) == 500 + 1000 + 2 * 1500
    assert len(set(ids)) == len(ids)


def test_rows_of_a_key_stay_in_one_shard_and_in_order(database, capture):
    database.sql("create table a (id int primary key, v int)")
    database.sql("insert into a select g, 0 from generate_series(1, 50) g")
    task = capture("a", shards=4)
    for round_number in range(1, 6):
        database.sql("update a set v = %s", round_number)

    rows = task.rows()
    assert len({m.shard for m in rows}) == 4
    for _, story in itertools.groupby(sorted(rows, key=lambda m: m.data["id"]), key=lambda m: m.data["id"]):
        story = list(story)
        assert len({m.shard for m in story}) == 1
        assert len({m.key for m in story}) == 1
        story.sort(key=lambda m: m.offset)
        assert [m.data["v"] for m in story] == [0, 1, 2, 3, 4, 5]


def test_partitioning_by_table_keeps_the_order_of_the_whole_table(database, capture):
    database.sql("create table a (id int primary key)")
    task = capture("a", shards=4, partition_by="schema-table")
    database.sql("insert into a select g from generate_series(1, 100) g")

    assert [m.data["id"] for m in task.changes()] == list(range(1, 101))
    assert {m.key for m in task.messages()} == {"public.a"}


def test_only_selected_tables_are_captured(database, capture):
    database.sql("create schema other; create table orders (id int primary key)")
    database.sql(
        "create table orders_archive (id int primary key); create table other.orders (id int primary key)"
    )
    task = capture(
        "public.orders%", rules=[{"schema": "public", "table": "%archive", "action": "exclude"}])  # fmt: skip
    database.sql(
        "insert into orders values (1); insert into orders_archive values (2); insert into other.orders values (3)"
    )

    assert [(m.schema, m.table, m.data) for m in task.changes()] == [("public", "orders", {"id": 1})]
    assert [table["name"] for table in task.task()["tables"]] == ["orders"]


@pytest.mark.parametrize("migration_type", ["cdc", "full-load"])
def test_a_migration_type_that_does_half_does_that_half(database, capture, migration_type):
    database.sql("create table a (id int primary key); insert into a values (1)")
    done = {"cdc": "running", "full-load": "finished"}[migration_type]
    task = capture("a", migration_type=migration_type, state=done)
    database.sql("insert into a values (2)")

    if migration_type == "cdc":
        assert [m.short for m in task.rows()] == [("insert", {"id": 2})]
    else:
        messages = [m for shard in task.server.records(STREAM) for m in shard]
        assert len(messages) == 2, "the row and the end of its load"
        assert database.slot() is None


# Which row, and as it was


def test_default_identity_shows_the_key_alone(database, capture):
    database.sql("create table a (id int primary key, v text); insert into a values (1, 'x')")
    task = capture("a")
    database.sql("update a set v = 'y'")
    database.sql("delete from a")

    update, delete = task.changes()
    assert (update.data, update.before) == ({"id": 1, "v": "y"}, None)
    assert (delete.data, delete.before) == ({"id": 1}, None)


def test_full_identity_shows_the_whole_old_row(database, capture):
    database.sql("create table a (id int primary key, v text); insert into a values (1, 'x')")
    database.sql("alter table a replica identity full")
    task = capture("a")
    database.sql("update a set v = 'y'")
    database.sql("delete from a")

    update, delete = task.changes()
    assert (update.data, update.before) == ({"id": 1, "v": "y"}, {"id": 1, "v": "x"})
    assert delete.data == {"id": 1, "v": "y"}


def test_full_identity_without_a_primary_key(database, capture):
    database.sql("create table a (x int, y int); alter table a replica identity full")
    database.sql("insert into a values (1, 2), (1, 2)")
    task = capture("a")
    database.sql("delete from a where ctid = (select min(ctid) from a)")

    assert [m.short for m in task.rows()] == [("load", {"x": 1, "y": 2})] * 2 + [("delete", {"x": 1, "y": 2})]


def test_index_identity_names_the_row_by_that_index(database, capture):
    database.sql("create table a (id int primary key, code text not null, v int)")
    database.sql("create unique index a_code on a (code); alter table a replica identity using index a_code")
    database.sql("insert into a values (1, 'c1', 0)")
    task = capture("a")
    database.sql("update a set v = 1")
    database.sql("delete from a")

    update, delete = task.changes()
    assert update.data == {"id": 1, "code": "c1", "v": 1}
    assert delete.data == {"code": "c1"}


def test_a_table_without_identity_keeps_its_application_working(database, capture):
    database.sql("create table keyless (v int); insert into keyless values (1)")
    database.sql("create table nothing (id int primary key); alter table nothing replica identity nothing")
    database.sql("create table good (id int primary key)")
    task = capture("keyless", "nothing", "good", until="/livez")

    # Publishing such a table would make these fail on the source.
    database.sql("update keyless set v = 2")
    database.sql("insert into nothing values (1)")
    database.sql("delete from nothing")
    database.sql("insert into good values (1)")

    assert [m.short for m in task.changes("good")] == [("insert", {"id": 1})]
    for name in ("keyless", "nothing"):
        assert "replica identity" in task.table(name)["error"].lower()
        assert "alter table" in task.table(name)["error"].lower(), "names the way out"
    assert task.table("good")["error"] in ("", None)


def test_a_changed_key_ends_the_old_row_and_begins_the_new(database, capture):
    database.sql("create table a (id int primary key, v text); insert into a values (1, 'x')")
    task = capture("a", shards=2)
    database.sql("update a set id = 2")

    halves = {m.operation: m for m in task.changes()}
    assert set(halves) == {"delete", "insert"}
    assert halves["delete"].data["id"] == 1
    assert halves["insert"].data == {"id": 2, "v": "x"}
    loaded = next(m for m in task.rows() if m.is_load)
    assert halves["delete"].key == loaded.key != halves["insert"].key
    assert halves["delete"].document["key-change"] == "old-key"
    assert halves["insert"].document["key-change"] == "new-key"


def test_a_composite_key_is_joined_in_the_key_s_order(database, capture):
    database.sql("create table a (v int, region text, id int, primary key (region, id))")
    database.sql("insert into a values (0, 'eu', 7)")
    task = capture("a")
    database.sql("update a set v = 1")
    database.sql("delete from a")

    load, update, delete = task.rows()
    assert load.key == update.key == delete.key == "public.a.eu.7"
    assert delete.data == {"region": "eu", "id": 7}


BIG = "repeat(md5(%s), 400)"  # 12,800 characters


def big(database, seed):
    return database.value(f"select {BIG}", seed)


def store_big_values_apart(database):
    database.sql("alter table a alter column big set storage external")


def test_an_unchanged_large_value_is_named_and_never_faked(database, capture):
    database.sql("create table a (id int primary key, v int, big text, more text)")
    store_big_values_apart(database)
    database.sql(f"insert into a values (1, 0, {BIG}, 'm')", "seed")
    task = capture("a")
    database.sql("update a set v = 1")
    database.sql(f"update a set big = {BIG}", "other")

    load, kept, changed = task.rows()
    assert load.data["big"] == big(database, "seed")
    assert kept.data == {"id": 1, "v": 1, "more": "m"}
    assert kept.unchanged == ["big"]
    assert changed.data["big"] == big(database, "other")
    assert changed.unchanged == []


def test_full_identity_fills_an_unchanged_large_value_from_the_old_row(database, capture):
    database.sql("create table a (id int primary key, v int, big text); alter table a replica identity full")
    store_big_values_apart(database)
    database.sql(f"insert into a values (1, 0, {BIG})", "seed")
    task = capture("a")
    database.sql("update a set v = 1")

    (update,) = task.changes()
    assert update.data == {"id": 1, "v": 1, "big": big(database, "seed")}
    assert update.unchanged == []


def test_a_large_value_under_a_changed_key_is_still_whole_or_named(database, capture):
    database.sql("create table a (id int primary key, big text)")
    store_big_values_apart(database)
    database.sql(f"insert into a values (1, {BIG})", "seed")
    task = capture("a")
    database.sql("update a set id = 2")

    new_half = next(m for m in task.changes() if m.operation == "insert")
    if "big" in new_half.data:
        assert new_half.data["big"] == big(database, "seed")
    else:
        assert new_half.unchanged == ["big"]


def test_a_partitioned_table_is_one_table(database, capture):
    database.sql("create table a (id int, at date, v int, primary key (id, at)) partition by range (at)")
    database.sql("create table a_2025 partition of a for values from ('2025-01-01') to ('2026-01-01')")
    database.sql("create table a_2026 partition of a for values from ('2026-01-01') to ('2027-01-01')")
    database.sql("insert into a values (1, '2025-06-01', 0), (2, '2026-06-01', 0)")
    task = capture("a")
    database.sql("update a set v = 1 where id = 1")
    database.sql("update a set at = '2026-02-02' where id = 1")
    database.sql("create table a_2027 partition of a for values from ('2027-01-01') to ('2028-01-01')")
    database.sql("insert into a values (3, '2027-03-03', 0)")
    database.sql("delete from a where id = 2")

    rows = task.rows()
    assert {m.table for m in rows} == {"a"}
    replica = Replica("id", "at").apply_all(rows)
    assert sorted(map(tuple, (r.values() for r in replica.rows.values()))) == [
        (1, "2026-02-02", 1),
        (3, "2027-03-03", 0),
    ]


# The schema changes


def test_schema_changes_take_effect_from_their_place_on(database, capture):
    database.sql("create table a (id int primary key, v int, gone text)")
    task = capture("a")
    database.sql("insert into a values (1, 10, 'g')")
    database.sql("alter table a add column added text default 'd'")
    database.sql("insert into a values (2, 20, 'g')")
    database.sql("alter table a drop column gone")
    database.sql("insert into a values (3, 30)")
    database.sql("alter table a rename column v to renamed")
    database.sql("insert into a values (4, 40)")
    database.sql("alter table a alter column renamed type text using 'n' || renamed")
    database.sql("insert into a values (5, 'fifty')")
    database.sql("update a set added = 'u' where id = 1")

    assert [m.short for m in task.changes()] == [
        ("insert", {"id": 1, "v": 10, "gone": "g"}),
        ("insert", {"id": 2, "v": 20, "gone": "g", "added": "d"}),
        ("insert", {"id": 3, "v": 30, "added": "d"}),
        ("insert", {"id": 4, "renamed": 40, "added": "d"}),
        ("insert", {"id": 5, "renamed": "fifty", "added": "d"}),
        ("update", {"id": 1, "renamed": "n10", "added": "u"}),
    ]


def test_a_schema_change_inside_a_transaction_takes_effect_there(database, capture):
    database.sql("create table a (id int primary key)")
    task = capture("a")
    with database.connection.transaction():
        database.sql("insert into a values (1)")
        database.sql("alter table a add column v int")
        database.sql("insert into a values (2, 2)")
        with database.connection.transaction(force_rollback=True):
            database.sql("alter table a add column never int")
            database.sql("insert into a values (3, 3, 3)")
        database.sql("insert into a values (4, 4)")

    assert [m.data for m in task.changes()] == [{"id": 1}, {"id": 2, "v": 2}, {"id": 4, "v": 4}]


def test_a_renamed_table_goes_on_under_its_new_name(database, capture):
    database.sql("create table a (id int primary key)")
    task = capture()
    database.sql("insert into a values (1)")
    database.sql("alter table a rename to b")
    database.sql("insert into b values (2)")

    assert [(m.table, m.data["id"]) for m in task.changes()] == [("a", 1), ("b", 2)]


def test_a_changed_primary_key_names_the_rows_from_then_on(database, capture):
    database.sql("create table a (id int primary key, code text not null)")
    task = capture("a")
    database.sql("insert into a values (1, 'c1')")
    task.caught_up()
    database.sql("alter table a drop constraint a_pkey, add primary key (code)")
    database.sql("insert into a values (2, 'c2')")
    database.sql("delete from a where id = 2")

    first, second, delete = task.changes()
    assert (first.key, second.key, delete.key) == ("public.a.1", "public.a.c2", "public.a.c2")
    assert delete.data == {"code": "c2"}


# Large transactions


def stream_early(database):
    """Makes the server send transactions before they end (from version 14 on)."""
    database.sql(f"alter database {database.name} set logical_decoding_work_mem = '64kB'")


def test_a_large_transaction_drops_what_its_savepoints_rolled_back(database, capture):
    database.sql("create table a (id int primary key, v text); create table b (id int primary key)")
    stream_early(database)
    task = capture("a", "b")

    expected = []
    other = database.connect()
    with database.connection.transaction():
        for part in range(8):
            first = part * 1000
            kept = part % 3 != 1
            with database.connection.transaction(force_rollback=not kept):
                database.sql(
                    "insert into a select g, md5(g::text) from generate_series(%s::int, %s::int) g",
                    first, first + 999)  # fmt: skip
                with database.connection.transaction(force_rollback=part % 2 == 0):
                    database.sql("update a set v = 'inner' where id = %s", first)
            if kept:
                expected += range(first, first + 1000)
            # An ordinary transaction that commits while the large one is open.
            other.execute("insert into b values (%s)", (part,))
    other.close()

    rows = task.changes()
    assert [m.data["id"] for m in rows if m.table == "b"] == list(range(8))
    inserts = [m for m in rows if m.table == "a" and m.operation == "insert"]
    assert [m.data["id"] for m in inserts] == expected
    assert len({m.transaction for m in inserts}) == 1
    assert [m.data["id"] for m in rows if m.operation == "update"] == [3000, 5000]
    # The large transaction committed last, so its rows stand last and together.
    assert [m.table for m in rows] == ["b"] * 8 + ["a"] * (len(rows) - 8)
    assert [m.document["transaction-record-id"] for m in rows if m.table == "a"] == sorted(
        m.document["transaction-record-id"] for m in rows if m.table == "a"
    )


def test_a_large_transaction_that_is_rolled_back_leaves_nothing(database, capture):
    database.sql("create table a (id int primary key, v text)")
    stream_early(database)
    task = capture("a")
    with database.connection.transaction(force_rollback=True):
        database.sql("insert into a select g, md5(g::text) from generate_series(1, 5000) g")
    database.sql("insert into a values (1, 'after')")

    assert [m.short for m in task.changes()] == [("insert", {"id": 1, "v": "after"})]


def test_a_schema_change_in_a_large_transaction_takes_effect_there(database, capture):
    database.sql("create table a (id int primary key, v text)")
    stream_early(database)
    task = capture("a")
    with database.connection.transaction():
        database.sql("insert into a select g, md5(g::text) from generate_series(1, 2000) g")
        database.sql("alter table a add column more int")
        database.sql("insert into a select g, md5(g::text), g from generate_series(2001, 4000) g")

    rows = task.changes()
    assert [m.data["id"] for m in rows] == list(range(1, 4001))
    assert ["more" in m.data for m in rows] == [False] * 2000 + [True] * 2000


# The first load


def test_a_load_beside_writers_gives_every_row_once_and_then_its_changes(database, capture):
    database.sql("create table a (id int primary key, v int not null, pad text)")
    database.sql("insert into a select g, 0, repeat('p', 100) from generate_series(1, 60000) g")
    stop = threading.Event()

    def write(worker):
        connection = database.connect()
        for number in itertools.count(1):
            if stop.is_set():
                break
            row = (number * 7919 + worker) % 60000 + 1
            with connection.transaction():
                connection.execute("update a set v = v + 1 where id = %s", (row,))
                connection.execute(
                    "insert into a values (%s, 0, 'new')", (100000 * worker + number + 100000,))  # fmt: skip
                connection.execute("delete from a where id = %s", ((row * 31) % 60000 + 1,))
        connection.close()

    writers = [threading.Thread(target=write, args=(worker,)) for worker in (1, 2)]
    for writer in writers:
        writer.start()
    try:
        task = capture("a", shards=3, load_workers=3)
    finally:
        stop.set()
        for writer in writers:
            writer.join()

    rows = task.rows()
    loads = [m for m in rows if m.is_load]
    assert len(loads) < len(rows), "writers were at work"
    assert len({m.data["id"] for m in loads}) == len(loads), "no row is loaded twice"
    assert by_key(Replica("id").apply_all(rows)) == table_rows(database, "a")
    assert task.table("a")["loaded_rows"] == len(loads)


def test_every_shard_hears_when_a_table_s_load_is_complete(database, capture):
    database.sql("create table a (id int primary key); insert into a select generate_series(1, 300)")
    database.sql("create table empty (id int primary key)")
    task = capture("a", "empty", shards=3)

    messages = task.messages()
    complete = [m for m in messages if m.operation == "load-complete"]
    shards = {m.shard for m in messages}
    assert {(m.table, m.shard) for m in complete} == {(t, s) for t in ("a", "empty") for s in shards}
    assert {(m.table, m.document["rows"]) for m in complete} == {("a", 300), ("empty", 0)}
    for shard in shards:
        rows = [m.operation for m in messages if m.shard == shard and m.table == "a"]
        assert rows.index("load-complete") == len(rows) - 1, "it stands behind the rows"


# The source goes on living


def test_an_idle_task_lets_the_source_forget_its_log(database, capture, make_database):
    database.sql("create table a (id int primary key)")
    capture("a")
    neighbour = make_database(database.postgres)
    neighbour.sql("create table noise (t text)")
    neighbour.sql("insert into noise select repeat('n', 1000) from generate_series(1, 20000)")
    noisy = neighbour.lsn()

    wait_until(
        lambda: database.value("select confirmed_flush_lsn >= %s::pg_lsn from pg_replication_slots where slot_name = 'tailrace_t'", noisy),
        60, lambda: f"the slot passes {noisy}: {database.slot()}")  # fmt: skip


def test_a_restart_repeats_and_misses_nothing(database, capture):
    database.sql("create table a (id int primary key); insert into a values (1)")
    task = capture("a")
    database.sql("insert into a values (2)")
    task.caught_up()
    assert task.server.stop() == 0
    database.sql("insert into a values (3)")
    task.server.start()
    database.sql("insert into a values (4)")
    task.caught_up()
    task.server.kill9()
    database.sql("insert into a values (5)")
    task.server.start()

    assert [m.short for m in task.rows()] == [("load", {"id": 1})] + [
        ("insert", {"id": n}) for n in (2, 3, 4, 5)
    ]


def test_the_source_s_restart_and_crash_are_survived(own_postgres, make_database, tailrace, postgres_version):
    from conftest import Capture, task_config

    postgres = own_postgres(postgres_version)
    database = make_database(postgres)
    database.sql("create table a (id int primary key)")
    server = tailrace(task_config(database.uri(), "a"))
    server.wait_task(TASK, "running")
    numbers = itertools.count(1)

    for interrupt in (postgres.stop, postgres.kill9, postgres.stop):
        for _ in range(5):
            database.sql("insert into a values (%s)", next(numbers))
        database.connection.close()
        interrupt()
        postgres.start()
        database.connection = database.connect()
        database.sql("insert into a values (%s)", next(numbers))

    rows = Capture(database, server, "flat").changes()
    assert [m.data["id"] for m in rows] == list(range(1, 19))


def test_settings_of_the_role_do_not_change_the_text_of_values(database, capture):
    database.sql(
        "create table a (id int primary key, d date, i interval, ts timestamptz, b bytea, f float8)")  # fmt: skip
    row = (
        "(%s, '2026-01-31', '1 day 02:03:04', '2026-01-31 10:00:00+02', '\\xdead', 0.1::float8 + 0.2::float8)"
    )
    for setting in ("datestyle = 'German'", "intervalstyle = 'iso_8601'", "timezone = 'Asia/Tokyo'",
                    "bytea_output = 'escape'", "extra_float_digits = 0"):  # fmt: skip
        database.sql(f"alter database {database.name} set {setting}")
    database.sql(f"insert into a values {row}", 1)
    task = capture("a")
    database.sql(f"insert into a values {row}", 2)

    load, insert = (m.data for m in task.rows())
    assert {**load, "id": 2} == insert
    assert insert["d"] == "2026-01-31"
    assert insert["i"] == "1 day 02:03:04"
    assert insert["ts"] == "2026-01-31T08:00:00Z"
    assert float(insert["f"]) == 0.1 + 0.2


def test_a_database_in_latin1_arrives_as_utf8(postgres, servers_of_test, make_database, tailrace):
    from conftest import Capture, task_config

    database = make_database(postgres, encoding="'LATIN1'", template="template0")
    database.sql("create table a (id int primary key, v text); insert into a values (1, 'Größe')")
    server = tailrace(task_config(database.uri(), "a"))
    server.wait_task(TASK, "running")
    database.sql("insert into a values (2, 'été')")

    rows = Capture(database, server, "flat").rows()
    assert [m.data["v"] for m in rows] == ["Größe", "été"]


# The formats


@pytest.mark.parametrize("message_format", ["dms", "flat", "debezium", "cloudevents"])
def test_each_format_tells_the_same_story(database, capture, message_format):
    database.sql("create table a (id int primary key, v text)")
    database.sql("alter table a replica identity full; insert into a values (1, 'one')")
    task = capture("a", message_format=message_format)
    database.sql("insert into a values (2, 'zwei \"two\" \\ \u2028')")
    database.sql("update a set v = null where id = 1")
    database.sql("delete from a where id = 2")
    database.sql("truncate a")

    messages = task.messages()
    assert [m.operation for m in messages] == [
        "load",
        "load-complete",
        "insert",
        "update",
        "delete",
        "truncate",
    ]
    _, _, insert, update, delete, _ = messages
    assert insert.data == {"id": 2, "v": 'zwei "two" \\ \u2028'}
    assert update.data == {"id": 1, "v": None}
    assert update.before == {"id": 1, "v": "one"}
    assert delete.data == {"id": 2, "v": 'zwei "two" \\ \u2028'}
    assert len({m.event_id for m in messages}) == len(messages)
    assert {(m.schema, m.table) for m in messages} == {("public", "a")}
