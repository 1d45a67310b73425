"""Tailrace beside PostgreSQL's own tools: draining a slot, loading a table, latency, memory and start."""

import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from harness.postgres import Postgres
from harness.processes import cpu_seconds, memory_bytes, memory_bytes_peak
from harness.server import Tailrace
from harness.waiting import wait_until
from measure import fdatasync_seconds, median, percentile

BENCH = Path(__file__).resolve().parent
HANDLER = BENCH / "handler"
# 240 bytes a row, as the budgets have it.
TABLE = """
create table events (
    id bigserial primary key, customer int, kind text, amount numeric(12, 2), paid boolean,
    at timestamptz default now(), reference uuid default gen_random_uuid(), note text)
"""
ROW = "g % 9973, 'kind' || g % 17, g * 0.37, g % 2 = 0, now(), gen_random_uuid(), repeat(md5(g::text), 4)"
COLUMNS = "(customer, kind, amount, paid, at, reference, note)"


def mapping(table):
    locator = {"schema-name": "public", "table-name": table}
    rule = {"rule-type": "selection", "rule-id": "1", "rule-name": "1", "object-locator": locator}
    return {"rules": [rule | {"rule-action": "include"}]}


def config(postgres, table="events", task="bench", shards=4, **more):
    return {
        "streams": {"bench": {"shards": shards}},
        "tasks": {
            task: {
                "source": postgres.uri(),
                "table_mappings": mapping(table),
                "stream": "bench",
                "message_format": "dms",
                "migration_type": "cdc",
            }
            | more
        },
    }


def real_postgres(**settings):
    # The source's own fsync is on: the disk is shared by both, as on a small machine.
    return Postgres(settings={"fsync": "on", "shared_buffers": "512MB", "max_wal_size": "16GB"} | settings)


# Draining a backlog


def fill(postgres, rows, per_transaction=100):
    with postgres.connect() as connection:
        for at in range(0, rows, 100_000):
            connection.execute(
                "do $$ begin for t in 0..999 loop "
                f"insert into events {COLUMNS} select {ROW} from generate_series("
                f"{at} + t * {per_transaction}, {at} + (t + 1) * {per_transaction} - 1) g; commit; end loop; end $$"
            )
        return connection.execute("select pg_current_wal_flush_lsn()::text").fetchone()[0]


def drain(report, rows, rounds):
    with real_postgres() as postgres:
        with postgres.connect() as connection:
            connection.execute(TABLE)
        servers = []
        try:
            for number in range(rounds):
                server = Tailrace(config(postgres, slot=f"ours_{number}", publication="events"))
                servers.append(server.start())
                server.wait_task("bench", "running")
                server.stop()
                with postgres.connect() as connection:
                    connection.execute(
                        "select pg_create_logical_replication_slot(%s, 'pgoutput')", (f"peer_{number}",)
                    )
            end = fill(postgres, rows)
            ours, peers, cpu = [], [], []
            for number, server in enumerate(servers):
                peers.append(rows / recvlogical(postgres, f"peer_{number}", end))
                rate, share = drain_ours(postgres, server, end, rows)
                ours.append(rate)
                cpu.append(share)
        finally:
            for server in servers:
                server.remove()
    report.add("drain a backlog of 240 B rows", median(ours), "rows/s", "pg_recvlogical", median(peers),
               ">= 0.95", runs=ours, peer_runs=peers)  # fmt: skip
    report.add("our CPU per change while draining", median(c[0] for c in cpu) / rows * 1e6, "us",
               "walsender", median(c[1] for c in cpu) / rows * 1e6, "<= 0.5")  # fmt: skip


def recvlogical(postgres, slot, end):
    began = time.monotonic()
    subprocess.run(
        ["/usr/lib/postgresql/15/bin/pg_recvlogical", "-d", postgres.uri(), "-S", slot, "--start", "--no-loop",
         "-f", "/dev/null", "--endpos", end, "-o", "proto_version=2", "-o", "publication_names=events"],
        check=True, capture_output=True)  # fmt: skip
    return time.monotonic() - began


def drain_ours(postgres, server, end, rows):
    began = time.monotonic()
    server.launch()
    wait_until(server.is_started, 30)
    with postgres.connect() as connection:
        server.wait_durable("bench", end, seconds=600)
        seconds = time.monotonic() - began
        walsender = connection.execute(
            "select pid from pg_stat_replication where application_name = 'tailrace bench'"
        ).fetchone()[0]
        used = (cpu_seconds(server.process.pid), cpu_seconds(walsender))
    shards = server.get("/v1/streams/bench")["shards"]
    assert sum(shard["end_offset"] for shard in shards) == rows, shards
    server.stop()
    return rows / seconds, used


# A first load


def load(report, rows, rounds):
    with real_postgres() as postgres:
        with postgres.connect() as connection:
            connection.execute(TABLE)
            connection.execute(f"insert into events {COLUMNS} select {ROW} from generate_series(1, {rows}) g")
            connection.execute("vacuum analyze events")
        ours, peers = [], []
        for _ in range(rounds):
            began = time.monotonic()
            subprocess.run(
                ["/usr/lib/postgresql/15/bin/psql", postgres.uri(), "-qc", "copy events to stdout"],
                check=True, stdout=subprocess.DEVNULL)  # fmt: skip
            peers.append(rows / (time.monotonic() - began))
            server = Tailrace(config(postgres, migration_type="full-load"))
            try:
                began = time.monotonic()
                server.launch()
                wait_until(server.is_started, 30)
                task = server.wait_task("bench", "finished", seconds=600)
                ours.append(rows / (time.monotonic() - began))
                assert task["tables"][0]["loaded_rows"] == rows, task
            finally:
                server.remove()
    report.add("load one table, durable", median(ours), "rows/s", "psql COPY to /dev/null", median(peers),
               ">= 0.8", runs=ours, peer_runs=peers)  # fmt: skip


# Latency at a fixed rate


def latency(report, rate, seconds):
    with real_postgres() as postgres, tempfile.TemporaryDirectory(prefix="tailrace-bench-") as folder:
        with postgres.connect() as connection:
            connection.execute(
                "create table ticks (id bigserial primary key, sent double precision, pad text)"
            )
        handled, readable = Path(folder) / "handled", Path(folder) / "readable"
        functions = {"ticks": {"runtime": "python3", "code": str(HANDLER), "handler": "app.lambda_handler",
                               "environment": {"SEEN": str(handled)}}}  # fmt: skip
        trigger = {"stream": "bench", "function": "ticks", "starting_position": "latest"}
        wanted = config(postgres, table="ticks", shards=1) | {"functions": functions, "triggers": [trigger]}
        with Tailrace(wanted) as server:
            server.wait_task("bench", "running")
            tick(postgres, rate, 3)
            server.wait_durable("bench", lsn(postgres), delivered=True)
            reader = subprocess.Popen(
                [sys.executable, BENCH / "arrivals.py", server.admin, "bench", readable]
            )
            try:
                wait_until(readable.exists, 10)
                committed = tick(postgres, rate, seconds)
                server.wait_durable("bench", lsn(postgres), delivered=True)
                wait_until(lambda: times(readable).keys() >= committed.keys(), 20)
            finally:
                reader.kill()
                reader.wait()
            for what, arrived, budgets in (
                ("readable", times(readable), ("<= one fdatasync + 0.3 ms", None)),
                ("Python handler", times(handled), ("<= 3 ms", "<= 10 ms")),
            ):
                assert arrived.keys() >= committed.keys(), (
                    f"{len(committed.keys() - arrived.keys())} are missing"
                )
                delays = [(arrived[row] - at) * 1000 for row, at in committed.items()]
                for share, budget in zip((0.5, 0.99), budgets, strict=True):
                    report.add(f"commit to {what} at {rate}/s, p{share * 100:.0f}", percentile(delays, share),
                               "ms", budget=budget)  # fmt: skip
    report.add("one fdatasync of this disk, p50", fdatasync_seconds() * 1000, "ms")


def times(file):
    """The `id time` lines of a file: the first time of each id."""
    found = {}
    for line in file.read_text().splitlines():
        row, at = line.split()
        found.setdefault(int(row), float(at))
    return found


def lsn(postgres):
    with postgres.connect() as connection:
        return connection.execute("select pg_current_wal_insert_lsn()::text").fetchone()[0]


def tick(postgres, rate, seconds):
    """Commits single rows at a fixed rate over several connections; when each commit was answered."""
    committed = {}
    workers = 4

    def work(number):
        with postgres.connect() as connection:
            began = time.monotonic()
            for n in range(rate * seconds // workers):
                due = began + n * workers / rate + number / rate
                if (pause := due - time.monotonic()) > 0:
                    time.sleep(pause)
                row = connection.execute(
                    "insert into ticks (sent, pad) values (%s, %s) returning id",
                    (time.time(), "x" * 150), prepare=True).fetchone()  # fmt: skip
                committed[row[0]] = time.time()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return committed


# Memory and start


def footprint(report, rows):
    with real_postgres(logical_decoding_work_mem="64MB") as postgres:
        with postgres.connect() as connection:
            connection.execute(TABLE)
        with Tailrace(config(postgres)) as server:
            server.wait_task("bench", "running")
            report.add(
                "resident memory, idle", memory_bytes(server.process.pid) / 2**20, "MiB", budget="<= 40 MB"
            )
            with postgres.connect() as connection:
                connection.execute(
                    f"insert into events {COLUMNS} select {ROW} from generate_series(1, {rows}) g"
                )
            server.wait_durable("bench", lsn(postgres), seconds=1200)
            report.add(f"resident memory, peak, {rows:,} rows in one transaction",
                       memory_bytes_peak(server.process.pid) / 2**20, "MiB", budget="<= 256 MB")  # fmt: skip
            starts = []
            for _ in range(5):
                server.stop()
                began = time.monotonic()
                server.launch()
                wait_until(server.is_started, 30)
                starts.append(time.monotonic() - began)
            report.add("start to every part running, with that log", median(starts), "s", budget="<= 0.2 s")
    binary = Path(os.environ["TAILRACE_BINARY"]).stat().st_size
    report.add("release binary", binary / 2**20, "MiB", budget="<= 30 MB")
