"""The stream's API beside what else keeps records: emulators of Kinesis, Redis Streams, Kafka.

Every server gets the same loads, one server at a time, in rounds: what the machine does meanwhile falls on all of
them. A figure is the median of the rounds, with the smallest and the largest."""

import json
import os
import socket
import subprocess
import time
from contextlib import closing

import peers
from harness.processes import spawn
from harness.waiting import free_port, wait_until
from measure import fdatasync_seconds, median
from peers.emulators import EMULATORS
from peers.kafka import FLUSHED
from peers.peer import LOAD, Unsupported
from peers.redis import Redis
from peers.tailrace import TailraceServer

PRODUCERS = 32
BATCH_PRODUCERS = 4
READERS = 2
FAN_OUT_PER_SECOND = 200
OURS = "Tailrace, always"
# Of the printed table: figure, title, factor.
COLUMNS = (
    ("put_record_1_per_second", "PutRecord, 1 connection, /s", 1),
    (f"put_record_{PRODUCERS}_per_second", f"PutRecord, {PRODUCERS} connections, /s", 1),
    (f"put_record_{PRODUCERS}_p99_ms", "p99, ms", 1),
    ("put_records_per_second", "PutRecords, records/s", 1),
    ("get_records_per_second", "GetRecords, records/s", 1),
    ("fan_out_p50_ms", "put to event, p50, ms", 1),
    ("idle_bytes", "idle, MiB", 1 / 2**20),
    ("start_seconds", "start, s", 1),
)


def loads(server, seconds):
    """The figures of one server in one round: name to number."""
    found = {"start_seconds": server.start_seconds}
    time.sleep(seconds)
    found["idle_bytes"] = server.memory_bytes()
    measured = {
        "put_record_1": lambda: server.put_record(1, seconds),
        f"put_record_{PRODUCERS}": lambda: server.put_record(PRODUCERS, seconds),
        "put_records": lambda: server.put_records(BATCH_PRODUCERS, seconds),
        "get_records": lambda: server.get_records(READERS, seconds),
    }
    for name, load in measured.items():
        used = server.cpu_seconds()
        figures = load()
        used = server.cpu_seconds() - used
        if figures["errors"]:
            raise RuntimeError(f"{server.name}: {name}: {figures['errors']} errors: {figures['first_error']}")
        found[f"{name}_per_second"] = figures["records_per_second"]
        found[f"{name}_p50_ms"] = figures["latency_ms"]["p50"]
        found[f"{name}_p99_ms"] = figures["latency_ms"]["p99"]
        found[f"{name}_cpu_seconds"] = used
    try:
        arrived = server.fan_out(FAN_OUT_PER_SECOND, seconds)["arrived_ms"]
        found |= {"fan_out_p50_ms": arrived["p50"], "fan_out_p99_ms": arrived["p99"]}
    except Unsupported:
        pass  # the table shows that it has none
    found["loaded_bytes"] = server.memory_bytes()
    return found


def kinesis(report, seconds, rounds):
    ceiling(report, seconds)
    disk = fdatasync_seconds() * 1000
    report.add("one fdatasync of this disk, p50", disk, "ms")
    measured, absent = {}, {}
    for number in range(rounds):
        for make in peers.ALL:
            with closing(make()) as server:
                if server.name not in absent:
                    print(f"round {number + 1}: {server.name}", flush=True)
                    one_round(server, seconds, measured, absent)
    table = {
        name: {figure: spread(rounds, figure) for figure in rounds[0]} for name, rounds in measured.items()
    }
    report.add_section("kinesis", {"servers": table, "absent": absent})
    print(f"\n{'median (smallest to largest)':<30}" + "".join(f"{title:>34}" for _, title, _ in COLUMNS))
    for name, figures in table.items():
        print(f"{name:<30}" + "".join(f"{cell(figures, *column):>34}" for column in COLUMNS))
    for name, reason in absent.items():
        print(f"{name:<30} not measured: {reason}")
    print()
    medians = {
        name: {figure: values["median"] for figure, values in figures.items()}
        for name, figures in table.items()
    }
    compare(report, medians, disk)
    if Redis.name in measured:
        by_turns(report, Redis, max(1, seconds // 2), 3 * rounds)


def one_round(server, seconds, measured, absent):
    try:
        if reason := server.missing():
            raise RuntimeError(reason)
        os.sync()  # what the server before left for the disk is not this one's to wait for
        with server:
            measured.setdefault(server.name, []).append(loads(server, seconds))
    except Exception as error:
        if server.name == OURS:
            raise
        # Said in the table and in the report: a peer that is not there is no peer that was beaten.
        absent[server.name] = str(error)
        measured.pop(server.name, None)


def spread(rounds, figure):
    values = [found[figure] for found in rounds]
    return {"median": median(values), "min": min(values), "max": max(values)}


def cell(figures, name, _, scale):
    if name not in figures:
        return "-"
    middle, least, most = (figures[name][which] * scale for which in ("median", "min", "max"))
    digits = 0 if middle >= 100 else 2
    return f"{middle:,.{digits}f} ({least:,.{digits}f} to {most:,.{digits}f})"


def compare(report, medians, fdatasync_ms):
    """Tailrace with an fsync before every answer, against the goals and the peers that they name."""
    ours = medians[OURS]

    def against(what, figure, peer, budget):
        report.add(what, ours[figure], "/s", peer, medians[peer][figure] if peer else None, budget)

    def has(name):
        return name if name in medians else None

    put = f"put_record_{PRODUCERS}_per_second"
    emulators = [name for name in medians if name in {peer.name for peer in EMULATORS}]
    best = max(emulators, key=lambda name: medians[name][put], default=None)
    against(f"PutRecord, {PRODUCERS} connections, durable", put, best, ">= 20,000 and >= 5 times")
    against(f"PutRecord, {PRODUCERS} connections, durable", put, has(Redis.name), None)
    report.add("the same, p99", ours[f"put_record_{PRODUCERS}_p99_ms"], "ms", budget="<= 5 ms")
    against(
        "PutRecords, durable, records",
        "put_records_per_second",
        has(FLUSHED),
        ">= 100,000 and >= 1 times",
    )
    report.add(
        "put to fan-out event, p50", ours["fan_out_p50_ms"], "ms", budget=f"<= {1 + fdatasync_ms:.2f} ms"
    )
    report.add("resident memory, idle, three streams", ours["idle_bytes"] / 2**20, "MiB", budget="<= 40 MB")
    report.add("start to the first answer", ours["start_seconds"], "s", budget="<= 0.2 s")


def by_turns(report, peer, seconds, turns):
    """PutRecord against the one peer that comes close: both are up, and each turn loads one right after the other, now
    this one first, now that one. The machine's speed swings within minutes by more than what parts the two."""
    rates = {"ours": [], "theirs": []}
    with closing(TailraceServer("always")) as ours, closing(peer()) as theirs, ours, theirs:
        pair = [("ours", ours), ("theirs", theirs)]
        for turn in range(turns):
            for side, server in pair if turn % 2 == 0 else reversed(pair):
                figures = server.put_record(PRODUCERS, seconds)
                if figures["errors"]:
                    raise RuntimeError(f"{server.name}: {figures['first_error']}")
                rates[side].append(figures["records_per_second"])
    ratios = [mine / other for mine, other in zip(*rates.values(), strict=True)]
    report.add_section("kinesis_by_turns", {"peer": peer.name, "seconds": seconds, "rates": rates})
    report.add(
        f"by turns, times {peer.name}", median(ratios), "", budget=">= 1", least=min(ratios), most=max(ratios)
    )


def ceiling(report, seconds):
    """What the generator reaches against a server that does nothing: no figure of a server can be higher."""
    port = free_port()
    idle = spawn([LOAD, "serve", "--port", port])
    try:
        wait_until(lambda: connects(port), 5, "the idle server listens")
        for connections in (1, PRODUCERS):
            ran = subprocess.run(
                [LOAD, "put-record", "--port", str(port), "--stream", "s", "--seconds", str(seconds),
                 "--connections", str(connections)],
                check=True, capture_output=True)  # fmt: skip
            rate = json.loads(ran.stdout)["records_per_second"]
            report.add(f"the generator's ceiling, {connections} connections", rate, "/s")
    finally:
        idle.kill()
        idle.wait()


def connects(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
