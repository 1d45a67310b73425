"""What the end-to-end tests stand on: real PostgreSQL servers and the real program.

Every test has a database of its own and ports and folders of its own, so tests run side by side.
"""

import contextlib
import itertools
import json
import os
import random
import subprocess

import pytest

from harness.postgres import INSTALLED_VERSION, Postgres
from harness.server import Tailrace
from harness.waiting import wait_until
from messages import read_message

TASK, STREAM = "t", "changes"


def pytest_addoption(parser):
    parser.addoption(
        "--pg-versions",
        default=os.environ.get("TAILRACE_PG_VERSIONS", str(INSTALLED_VERSION)),
        help="versions of PostgreSQL for the tests marked every_version, such as 13,15,18",
    )
    parser.addoption("--kills", type=int, default=None, help="how often a crash test kills")
    parser.addoption(
        "--seed",
        type=int,
        default=None,
        help="of the random choices, as a test that makes some has printed it",
    )


def pytest_generate_tests(metafunc):
    if "postgres_version" in metafunc.fixturenames:
        versions = [INSTALLED_VERSION]
        if metafunc.definition.get_closest_marker("every_version"):
            versions = [int(version) for version in metafunc.config.getoption("--pg-versions").split(",")]
        metafunc.parametrize("postgres_version", versions, ids=[f"pg{v}" for v in versions], scope="session")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows what its servers said."""
    report = (yield).get_result()
    if report.when == "call" and report.failed:
        for server in getattr(item, "servers", []):
            report.sections.append(("tailrace's diagnostics", server.diagnostics()))
        if postgres := getattr(item, "postgres", None):
            report.sections.append(("PostgreSQL's log", postgres.log(since=item.postgres_log_start)))


@pytest.fixture
def seed(request):
    """Of a test's random choices: of --seed, or drawn by lot. A test that fails shows it."""
    seed = request.config.getoption("--seed")
    if seed is None:
        seed = random.SystemRandom().randrange(1 << 32)
    print(f"--seed {seed}")
    return seed


# PostgreSQL

servers = {}


@pytest.fixture(scope="session", autouse=True)
def shared_servers():
    yield
    for server in servers.values():
        server.remove()


@pytest.fixture
def postgres(request, postgres_version):
    """A server that the tests of this process share: leave it as it was."""
    if postgres_version not in servers:
        server = Postgres(postgres_version)
        try:
            server.make()
            server.start()
        except BaseException:
            server.remove()
            raise
        servers[postgres_version] = server
    request.node.postgres = servers[postgres_version]
    request.node.postgres_log_start = servers[postgres_version].log_bytes()
    return servers[postgres_version]


@pytest.fixture
def own_postgres(request):
    """Makes servers for this test alone, to kill and to misconfigure."""
    made = []

    def make(version=INSTALLED_VERSION, **options):
        server = Postgres(version, **options)
        made.append(server)
        request.node.postgres, request.node.postgres_log_start = server, 0
        server.make()
        server.start()
        return server

    yield make
    for server in made:
        server.remove()


class Database:
    """A database and what a test does with it."""

    numbers = itertools.count(1)

    def __init__(self, postgres, **options):
        self.postgres = postgres
        self.name = f"db{os.getpid()}_{next(self.numbers)}"
        with postgres.connect() as connection:
            connection.execute(
                f"create database {self.name} " + " ".join(f"{k} {v}" for k, v in options.items())
            )
        self.connection = self.connect()

    def connect(self, **options):
        return self.postgres.connect(self.name, **options)

    def uri(self, **options):
        return self.postgres.uri(self.name, **options)

    def sql(self, text, *parameters):
        """Runs it in a transaction of its own; the rows, if it gives any."""
        cursor = self.connection.execute(text, parameters or None)
        return cursor.fetchall() if cursor.description else []

    def value(self, text, *parameters):
        return self.sql(text, *parameters)[0][0]

    def lsn(self):
        """A position that all that is committed by now lies before."""
        return self.value("select pg_current_wal_insert_lsn()::text")

    def slot(self, name="tailrace_t"):
        """The slot's row in pg_replication_slots as a dictionary; None without it."""
        cursor = self.connection.execute("select * from pg_replication_slots where slot_name = %s", (name,))
        row = cursor.fetchone()
        return row and dict(zip((column.name for column in cursor.description), row, strict=True))

    def move_to(self, postgres):
        """The same database on another server: a standby that was promoted."""
        self.connection.close()
        self.postgres = postgres
        self.connection = self.connect()

    def drop(self):
        self.connection.close()
        with self.postgres.connect() as connection:

            def dropped():
                connection.execute(
                    "select pg_terminate_backend(active_pid) from pg_replication_slots "
                    "where database = %s and active", (self.name,))  # fmt: skip
                connection.execute(
                    "select pg_drop_replication_slot(slot_name) from pg_replication_slots "
                    "where database = %s and not active", (self.name,))  # fmt: skip
                left = connection.execute(
                    "select count(*) from pg_replication_slots where database = %s", (self.name,)
                ).fetchone()
                return left[0] == 0

            wait_until(dropped, 20, f"the slots of {self.name} are dropped")
            connection.execute(f"drop database {self.name} with (force)")


@pytest.fixture
def make_database():
    """Makes databases on a given server, and drops them afterwards if it still runs."""
    made = []

    def make(postgres, **options):
        made.append(Database(postgres, **options))
        return made[-1]

    yield make
    for database in made:
        if database.postgres in servers.values():
            database.drop()


@pytest.fixture
def database(postgres, servers_of_test, make_database):
    # After servers_of_test, so that no task still holds a slot when the database is dropped.
    return make_database(postgres)


# The disk


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 48 MiB."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", folder], check=False, capture_output=True
    )
    if mounted.returncode != 0:
        pytest.skip(f"cannot mount here: {mounted.stderr.decode()}")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def fill(folder, leave=0):
    """Leaves that many bytes free; the file that takes all others."""
    ballast = folder / "ballast"
    with open(ballast, "wb", buffering=0) as file:
        try:
            while file.write(b"\0" * 65536):
                pass
        except OSError:
            pass
    if leave:
        os.truncate(ballast, max(0, ballast.stat().st_size - leave))
    return ballast


# Tailrace


@pytest.fixture
def servers_of_test(request):
    request.node.servers = []
    yield request.node.servers


@pytest.fixture
def tailrace(servers_of_test):
    """Starts servers with a configuration: tailrace({...}); they are gone after the test."""

    def make(config, start=True, until="/readyz", **options):
        server = Tailrace(config, **options)
        servers_of_test.append(server)
        return server.start(until=until) if start else server

    yield make
    for server in servers_of_test:
        server.remove()


def mapping(*tables, rules=()):
    """A table-mapping document that includes these tables ("schema.table", % as a wildcard)."""
    selections = []
    for table in tables or ("public.%",):
        schema, _, name = table.rpartition(".")
        selections.append({"schema": schema or "public", "table": name, "action": "include"})
    selections += rules
    return {
        "rules": [
            {
                "rule-type": "selection",
                "rule-id": str(number),
                "rule-name": f"rule{number}",
                "object-locator": {"schema-name": rule["schema"], "table-name": rule["table"]},
                "rule-action": rule["action"],
            }
            for number, rule in enumerate(selections, 1)
        ]
    }


def task_config(source, *tables, shards=1, rules=(), **task):
    """One task from a source into one stream, in the flat format unless told otherwise."""
    return {
        "streams": {STREAM: {"shards": shards}},
        "tasks": {
            TASK: {
                "source": source,
                "table_mappings": mapping(*tables, rules=rules),
                "stream": STREAM,
                "message_format": "flat",
            }
            | task
        },
    }


def python_function(folder, **more):
    """A Python function of that folder."""
    return {"runtime": "python3", "handler": "app.lambda_handler", "code": str(folder)} | more


def json_lines(file):
    """What a function has written into it, a line each time. One that a kill cut short, or that is not written whole
    yet, is left out: what it is about is given to the function again."""
    read = []
    for line in file.read_text().splitlines() if file.exists() else []:
        with contextlib.suppress(json.JSONDecodeError):
            read += [json.loads(line)] if line else []
    return read


class Capture:
    """A running task and what it brought into its stream."""

    def __init__(self, database, server, message_format):
        self.database = database
        self.server = server
        self.format = message_format

    def caught_up(self, seconds=60):
        """Until all that is committed by now is durable in the stream."""
        self.server.wait_durable(TASK, self.database.lsn(), seconds=seconds)
        return self

    def messages(self, seconds=60):
        """Every message, shard after shard, once all that is committed by now is there."""
        self.caught_up(seconds)
        return [
            read_message(record, self.format) for shard in self.server.records(STREAM) for record in shard
        ]

    def rows(self, table=None, seconds=60):
        """Of these, those about rows (and truncates), of one table or of all."""
        return [m for m in self.messages(seconds) if m.is_data and table in (None, m.table)]

    def changes(self, table=None, seconds=60):
        """And without those of the first load."""
        return [m for m in self.rows(table, seconds) if not m.is_load]

    def task(self):
        return self.server.task(TASK)

    def table(self, name):
        return next(table for table in self.task()["tables"] if table["name"] == name)


@pytest.fixture
def capture(database, tailrace):
    """Starts a task on the test's database: capture("a", "b", message_format="dms")."""

    def make(*tables, message_format="flat", state="running", until="/readyz", **task):
        config = task_config(database.uri(), *tables, message_format=message_format, **task)
        server = tailrace(config, until=until)
        if state:
            server.wait_task(TASK, state)
        return Capture(database, server, message_format)

    return make


def says(text, *words):
    """A message names all of these, in whatever case."""
    missing = [word for word in words if word.lower() not in (text or "").lower()]
    assert not missing, f"{missing} not in: {text}"


def reload(server, seconds=60):
    """Begins the task anew, and waits until it runs."""
    ran = server.run("task", "reload", TASK)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    server.wait_task(TASK, "running", seconds=seconds)
