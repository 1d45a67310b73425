"""A server whose clock is moved: what takes AWS hours is tested in seconds."""

import glob
import os

LIBRARY = "/usr/lib/*/faketime/libfaketime.so.1"


def moved_by(**shift):
    """The environment of a process whose wall clock is off by days=, hours= or seconds=. Its timers run as
    they do."""
    (library,) = glob.glob(LIBRARY)
    seconds = shift.get("days", 0) * 86400 + shift.get("hours", 0) * 3600 + shift.get("seconds", 0)
    preload = " ".join(filter(None, [library, os.environ.get("LD_PRELOAD")]))
    return {"LD_PRELOAD": preload, "FAKETIME": f"{seconds:+d}s", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}


def restart_moved_by(server, **shift):
    server.stop()
    server.environment = {k: v for k, v in server.environment.items() if k != "LD_PRELOAD"} | moved_by(
        **shift
    )
    server.start()
