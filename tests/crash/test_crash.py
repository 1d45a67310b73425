"""Kills at random moments, and the independent checker afterwards.

pytest tests/crash --kills 1000 --seed 7
"""

import random
import time
from collections import defaultdict
from pathlib import Path

import pytest

from conftest import STREAM, TASK, task_config
from crash.checker import Checker
from crash.workload import SCHEMA, TABLES, Writer
from harness.server import AdminError
from harness.waiting import wait_until

HANDLER = Path(__file__).parent / "handler"


class Run:
    """A database with writers, the program between them and a function, and the one who kills."""

    def __init__(self, postgres, make_database, tailrace, seed):
        self.random = random.Random(seed)
        self.postgres = postgres
        self.database = make_database(postgres)
        self.database.sql(SCHEMA)
        self.seen_file = None
        self.server = self.make_server(tailrace)
        self.writers = [Writer(number, self.database.uri(), self.random.random()) for number in range(4)]

    def make_server(self, tailrace):
        config = task_config(self.database.uri(), *(f"public.{table}" for table in TABLES), shards=3)
        server = tailrace(config, start=False)
        self.seen_file = server.folder / "seen"
        function = {
            "runtime": "python3", "code": str(HANDLER), "handler": "app.lambda_handler", "timeout": "10s",
            "environment": {"SEEN": str(self.seen_file)},
        }  # fmt: skip
        trigger = {
            "stream": STREAM,
            "function": "seen",
            "starting_position": "trim-horizon",
            "attempts": 1000,
        }
        server.configure(config | {"functions": {"seen": function}, "triggers": [trigger]})
        return server

    def prefill(self, rows):
        self.database.sql(
            "insert into accounts select 'old', g, g, repeat('n', g %% 50) from generate_series(1, %s) g",
            rows,
        )
        self.database.sql(
            "insert into documents (title, body) select 't' || g, repeat(md5(g::text), 100) "
            "from generate_series(1, %s) g",
            rows // 20,
        )

    def kill_once(self):
        # The moment is random on purpose: in a start, a load, a hand-over, a write or in idleness.
        time.sleep(self.random.choice((0.01, 0.05, 0.2, 0.5, 1.0)) * self.random.random() * 2)
        dice = self.random.random()
        if dice < 0.85:
            self.server.kill9()
        if dice > 0.75:
            self.postgres.kill9()
            self.postgres.start()
        if dice < 0.85:
            self.server.launch()

    def loaded_rows(self):
        try:
            return sum(table["loaded_rows"] for table in self.server.task(TASK)["tables"])
        except (AdminError, OSError):
            return 0

    def settle(self):
        """Writers end, everything runs, all is in the stream and handled."""
        for writer in self.writers:
            writer.stopping.set()
        for writer in self.writers:
            writer.join(60)
            assert not writer.is_alive()
            if writer.failure:
                raise writer.failure
        self.database.connection.close()
        self.database.connection = self.database.connect()
        self.server.kill9()
        self.server.start(until="/livez")
        wait_until(
            lambda: self.server.task(TASK)["state"] == "running",
            120,
            lambda: f"the task runs: {self.server.task(TASK)}\n{self.server.diagnostics()}",
        )
        self.server.wait_durable(TASK, self.database.lsn(), delivered=True, seconds=180)

    def check(self):
        checker = Checker(self.server.records(STREAM))
        checker.check_once()
        journal = dict(self.database.sql("select id, changes from journal"))
        transactions = checker.check_transactions(journal)
        checker.check_tables(
            {
                table: [row for (row,) in self.database.sql(f"select to_jsonb(t) from {table} t")]
                for table in TABLES
            }
        )
        checker.check_function(self.seen())
        print(
            f"{len(journal)} transactions ({transactions} in the stream), "
            f"{len(checker.messages)} changes, all once, whole and in order"
        )

    def seen(self):
        seen = defaultdict(list)
        for line in self.seen_file.read_text().splitlines():
            match line.split():
                case [shard, number, "."]:
                    seen[shard].append(number)
        return seen


@pytest.mark.timeout(36000)
def test_nothing_is_lost_or_doubled_when_anything_is_killed(
    request, own_postgres, make_database, tailrace, seed
):
    # Little memory for decoding, so that many transactions are streamed before they commit.
    postgres = own_postgres(settings={"logical_decoding_work_mem": "64kB", "wal_sender_timeout": "10s"})
    run = Run(postgres, make_database, tailrace, seed)
    run.prefill(20000)
    for writer in run.writers:
        writer.start()
    run.server.launch()
    for _ in range(request.config.getoption("--kills") or 30):
        run.kill_once()
    run.settle()
    run.check()


@pytest.mark.timeout(600)
def test_a_load_that_is_killed_again_and_again_comes_to_its_end(own_postgres, make_database, tailrace, seed):
    postgres = own_postgres()
    run = Run(postgres, make_database, tailrace, seed)
    run.prefill(150000)
    for writer in run.writers:
        writer.start()
    run.server.launch()
    for _ in range(6):
        # Killed while it loads: as soon as some rows are in the stream.
        wait_until(lambda: run.loaded_rows() > 0, 60, "the load runs")
        run.server.kill9()
        run.server.launch()
    run.settle()
    run.check()
