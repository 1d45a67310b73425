"""make demo shows the path and leaves nothing behind, however it ends."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest

from harness.postgres import ROOT
from harness.processes import alive, spawn
from harness.server import tailrace_binary
from harness.waiting import wait_until


@pytest.fixture
def place():
    """A temporary folder of our own, so that whatever stays is seen. Short, for the sake of socket names."""
    folder = Path(tempfile.mkdtemp(prefix="demo-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def start_demo(place, *arguments, **environment):
    return spawn(
        ["/usr/bin/python3", ROOT / "tools/demo", *arguments],
        env=os.environ | {"TMPDIR": str(place), "TAILRACE_BINARY": str(tailrace_binary())} | environment,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # fmt: skip


def processes_in(place):
    """Every process that works in the folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if Path(os.readlink(process / "cwd")).is_relative_to(place):
                found.append(int(process.name))
        except OSError:
            continue
    return found


def nothing_is_left(place):
    wait_until(lambda: not processes_in(place), 20, lambda: f"all ends in {place}: {processes_in(place)}")
    assert list(place.iterdir()) == []


def test_the_demo_shows_every_change_and_leaves_nothing(place):
    process = start_demo(place)
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, out + err
    shown = re.findall(r"^   product .*", out, re.MULTILINE)
    assert len([line for line in shown if "ms after its commit" not in line]) == 5, "the rows of the load"
    for expected in ("Standing mat): new", "price 349.00 -> 319.00", "Footrest): gone", "Desk shelf): new",
                     "Cable tray): new", "stock 40 -> 39", "stock 7 -> 6", "Bookshelf): gone"):  # fmt: skip
        assert len([line for line in shown if expected in line]) == 1, (expected, out)
    assert "8 changes captured" in out
    nothing_is_left(place)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_demo_that_is_interrupted_leaves_nothing(place, number):
    process = start_demo(place)
    wait_until(lambda: processes_in(place), 30, "its servers start")
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 128 + number, out + err
    nothing_is_left(place)


def test_a_demo_that_is_interrupted_while_its_database_is_made_leaves_nothing(place):
    process = start_demo(place)
    wait_until(lambda: list(place.glob("*/data/base")), 30, "initdb is at work")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, out + err
    nothing_is_left(place)


def test_a_demo_that_fails_says_why_and_leaves_nothing(place):
    broken = place.parent / f"{place.name}-broken"
    broken.write_text("#!/bin/sh\necho 'the program is broken' >&2\nexit 9\n")
    broken.chmod(0o755)
    try:
        process = start_demo(place, TAILRACE_BINARY=str(broken))
        out, err = process.communicate(timeout=120)
    finally:
        broken.unlink()
    assert process.returncode == 1, out
    assert "the program is broken" in err
    nothing_is_left(place)


def test_a_kept_demo_runs_on_until_it_is_stopped(place):
    process = start_demo(place, "--keep")
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, out + err
    running = processes_in(place)
    assert running
    try:
        admin = re.search(r"TAILRACE_ADMIN=(\S+)", out).group(1)
        status = subprocess.run(
            [tailrace_binary(), "status", "--admin", admin], check=False, capture_output=True, text=True
        )
        assert status.returncode == 0, status.stderr
        folder = re.search(r"tools/demo --stop (\S+)", out).group(1)
        stopped = start_demo(place, "--stop", folder)
        assert stopped.wait(60) == 0, stopped.communicate()
        nothing_is_left(place)
        again = start_demo(place, "--stop", folder)
        assert again.communicate(timeout=60)[1] == f"no demo runs in {folder}\n"
        assert again.returncode == 1
    finally:
        for pid in processes_in(place):
            if alive(pid):
                os.kill(pid, signal.SIGKILL)
