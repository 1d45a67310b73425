"""A standby becomes the primary: what its slot covers goes on, and what may be missing stops the task."""

import psycopg
import pytest

from conftest import STREAM, TASK, Capture, reload, says, task_config
from harness.postgres import version_available
from harness.waiting import wait_until
from messages import ids, loaded_last

PHYSICAL_SLOT = "standby"


class Pair:
    """A primary with a standby that streams from it, and a database on the primary."""

    def __init__(self, primary, standby, database):
        self.primary, self.standby, self.database = primary, standby, database

    def replicated(self):
        lsn = self.database.lsn()
        wait_until(lambda: self.standby.replayed(lsn), 30, "the standby has it too")

    def fail_over(self):
        """The primary is gone from one moment to the next."""
        self.primary.kill9()
        self.standby.promote()
        self.database.move_to(self.standby)


@pytest.fixture
def make_pair(own_postgres, make_database):
    standbys = []

    def make(version=15, primary_settings=None, **standby_settings):
        if not version_available(version):
            pytest.skip(f"PostgreSQL {version} is not here")
        primary = own_postgres(version)
        standby = primary.make_standby(**standby_settings)
        standbys.append(standby)
        if standby_settings:
            with primary.connect() as connection:
                connection.execute("select pg_create_physical_replication_slot(%s)", (PHYSICAL_SLOT,))
            primary.restart(**primary_settings)
        standby.start()
        return Pair(primary, standby, make_database(primary))

    yield make
    for standby in standbys:
        standby.remove()


def point_to(server, postgres, database, **task):
    server.configure(task_config(postgres.uri(database.name), "a", **task))
    server.restart(until="/livez")


def stopped_with_a_gap(server, *words):
    status = server.wait_task(TASK, "failed", "running")
    assert (status["state"], status["error"]["fault"]) == ("failed", "gap"), status
    says(status["error"]["message"], "tailrace task reload", *words)


@pytest.fixture
def promoted(make_pair, tailrace):
    """A standby that was promoted when the stream had all of it: row 1, loaded, and row 2. The slot went with the
    primary."""
    pair = make_pair()
    database = pair.database
    database.sql("create table a (id int primary key); insert into a values (1)")
    server = tailrace(task_config(database.uri(), "a"))
    server.wait_task(TASK, "running")
    database.sql("insert into a values (2)")
    capture = Capture(database, server, "flat").caught_up()
    pair.primary.stop()
    pair.standby.promote()
    database.move_to(pair.standby)
    return capture


def test_a_promoted_standby_without_the_slot_stops_the_task_until_a_reload(promoted):
    database, server = promoted.database, promoted.server
    database.sql("insert into a values (3)")
    database.sql("delete from a where id = 1")

    point_to(server, database.postgres, database)
    stopped_with_a_gap(server, "promoted", "timeline 2", "slot tailrace_t is not there")
    assert database.slot() is None, "nothing was made that would hide the gap"
    before = server.records(STREAM)
    server.restart(until="/livez")
    stopped_with_a_gap(server, "timeline 2")
    assert server.records(STREAM) == before

    reload(server)
    database.sql("insert into a values (4)")
    messages = promoted.messages()
    assert ids(loaded_last(messages)) == [2, 3]
    assert ids(m for m in messages if m.is_data and not m.is_load) == [2, 4]


def test_a_slot_made_on_the_promoted_standby_does_not_hide_what_came_before_it(promoted):
    database, server = promoted.database, promoted.server
    database.sql("insert into a values (3)")
    database.sql("select pg_create_logical_replication_slot('tailrace_t', 'pgoutput')")
    database.sql("insert into a values (4)")

    point_to(server, database.postgres, database)
    stopped_with_a_gap(server, "timeline 2", "slot tailrace_t", "made anew")
    reload(server)
    database.sql("insert into a values (5)")
    messages = promoted.messages()
    assert ids(loaded_last(messages)) == [1, 2, 3, 4]
    assert ids(m for m in messages if m.is_data and not m.is_load) == [2, 5]


def test_a_standby_that_lacks_what_the_stream_has_stops_the_task(make_pair, tailrace):
    pair = make_pair()
    database = pair.database
    database.sql("create table a (id int primary key)")
    server = tailrace(task_config(database.uri(), "a"))
    server.wait_task(TASK, "running")
    database.sql("insert into a values (1)")
    pair.replicated()
    pair.standby.stop()
    database.sql("insert into a values (2)")
    capture = Capture(database, server, "flat")
    capture.caught_up()
    pair.primary.kill9()
    pair.standby.start()
    pair.standby.promote()
    database.move_to(pair.standby)
    assert database.sql("select id from a") == [(1,)]

    point_to(server, pair.standby, database)
    stopped_with_a_gap(server, "timeline 2 left timeline 1", "never saw")
    reload(server)
    database.sql("insert into a values (2)")
    messages = capture.messages()
    assert ids(loaded_last(messages)) == [1]
    assert messages[-1].short == ("insert", {"id": 2})


def test_another_cluster_is_left_as_it_is(own_postgres, make_database, tailrace):
    database = make_database(own_postgres())
    database.sql("create table a (id int primary key)")
    server = tailrace(task_config(database.uri(), "a"))
    server.wait_task(TASK, "running")
    other = make_database(own_postgres())
    other.sql("create table a (id int primary key)")
    other.sql("create publication tailrace_t")

    point_to(server, other.postgres, other)
    stopped_with_a_gap(server, "another database cluster")
    assert other.sql("select * from pg_publication_tables") == []
    assert other.slot() is None


# From PostgreSQL 17 on a standby keeps a copy of the slot


@pytest.fixture
def synced_pair(make_pair):
    """A pair whose standby keeps copies of slots, and is never behind what a task was sent."""

    def make(version):
        return make_pair(
            version,
            primary_settings={"synchronized_standby_slots": PHYSICAL_SLOT},
            sync_replication_slots="on",
            hot_standby_feedback="on",
            primary_slot_name=PHYSICAL_SLOT,
        )

    return make


def slot_is_synced(pair):
    with pair.standby.connect() as connection:
        row = connection.execute(
            "select synced and not temporary and invalidation_reason is null from pg_replication_slots "
            "where slot_name = 'tailrace_t'"
        ).fetchone()
    return row and row[0]


@pytest.mark.parametrize("version", [17, 18])
def test_a_failover_slot_goes_on_after_the_promotion_by_itself(synced_pair, tailrace, version):
    pair = synced_pair(version)
    database = pair.database
    database.sql("create table a (id int primary key); insert into a values (0)")
    hosts = f"127.0.0.1:{pair.primary.port},127.0.0.1:{pair.standby.port}"
    uri = f"postgresql://postgres@{hosts}/{database.name}?target_session_attrs=read-write&sslmode=disable"
    server = tailrace(task_config(uri, "a"))
    server.wait_task(TASK, "running")
    assert database.slot()["failover"]
    wait_until(lambda: slot_is_synced(pair), 60, "the standby has the slot")
    capture = Capture(database, server, "flat")
    for number in range(1, 200):
        database.sql("insert into a values (%s)", number)
    capture.caught_up()
    pair.fail_over()
    for number in range(1000, 1200):
        database.sql("insert into a values (%s)", number)

    got = ids(capture.changes())
    assert got == [number for (number,) in database.sql("select id from a where id > 0 order by id")], (
        "nothing lost, nothing twice"
    )
    status = capture.task()
    assert status["state"] == "running"
    assert not status["error"]


@pytest.mark.parametrize("version", [17, 18])
def test_a_task_waits_on_a_standby_until_it_is_promoted(synced_pair, tailrace, version):
    pair = synced_pair(version)
    database = pair.database
    database.sql("create table a (id int primary key); insert into a values (1)")
    server = tailrace(task_config(database.uri(), "a"))
    server.wait_task(TASK, "running")
    wait_until(lambda: slot_is_synced(pair), 60, "the standby has the slot")
    database.sql("insert into a values (2)")
    capture = Capture(database, server, "flat")
    capture.caught_up()
    server.stop()
    database.sql("insert into a values (3)")
    pair.replicated()

    point_to(server, pair.standby, database)
    status = server.wait_task(TASK, "retrying", "failed", "running")
    assert status["state"] == "retrying", status
    says(status["error"]["message"], "standby", "tailrace_t", "promoted")
    pair.fail_over()
    server.wait_task(TASK, "running")
    database.sql("insert into a values (4)")
    assert ids(capture.changes()) == [2, 3, 4]
    assert ids(loaded_last(capture.messages())) == [1]


def test_a_slot_without_failover_is_gone_after_the_promotion(synced_pair, tailrace):
    pair = synced_pair(17)
    database = pair.database
    database.sql("create table a (id int primary key)")
    server = tailrace(task_config(database.uri(), "a"))
    server.wait_task(TASK, "running")
    server.stop()
    with pair.primary.connect(database.name, replication="database") as connection:
        # Replication connections know the simple protocol alone.
        altered = connection.pgconn.exec_(b"ALTER_REPLICATION_SLOT tailrace_t (FAILOVER false)")
        assert altered.status == psycopg.pq.ExecStatus.COMMAND_OK, altered.error_message
    wait_until(lambda: slot_is_synced(pair) is None, 60, "the standby drops its copy")
    database.sql("insert into a values (1)")
    pair.replicated()
    pair.fail_over()
    point_to(server, pair.standby, database)
    stopped_with_a_gap(server, "timeline 2", "sync_replication_slots")
    reload(server)
    assert ids(loaded_last(Capture(database, server, "flat").messages())) == [1]
