"""Figures of many measurements, and of the disk."""

import os
import statistics
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def median(values):
    return statistics.median(values)


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def fdatasync_seconds(count=200):
    path = ROOT / "build/bench/fdatasync"
    path.parent.mkdir(parents=True, exist_ok=True)
    times = []
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    try:
        for _ in range(count):
            os.write(file, b"x" * 512)
            began = time.perf_counter()
            os.fdatasync(file)
            times.append(time.perf_counter() - began)
    finally:
        os.close(file)
        path.unlink()
    return median(times)
