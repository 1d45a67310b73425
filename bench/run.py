#!/usr/bin/env python3
"""Measures Tailrace beside named peers, in one run on one machine: what counts are the ratios.

    make bench                 all of it
    bench/run.py drain load  these only

Prints a table and writes build/bench/report.json.
"""

import argparse
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))
os.environ.setdefault("TAILRACE_BINARY", str(ROOT / "build/release/tailrace"))

from capture import drain, footprint, latency, load  # noqa: E402
from kinesis import kinesis  # noqa: E402
from report import Report  # noqa: E402

PARTS = {
    "drain": lambda report, quick: drain(report, 200_000 if quick else 1_000_000, 2 if quick else 3),
    "load": lambda report, quick: load(report, 300_000 if quick else 2_000_000, 2 if quick else 3),
    "latency": lambda report, quick: latency(report, 1000, 5 if quick else 20),
    "footprint": lambda report, quick: footprint(report, 300_000 if quick else 5_000_000),
    "kinesis": lambda report, quick: kinesis(report, 1 if quick else 5, 1 if quick else 3),
}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all of them if none"
    )
    parser.add_argument("--quick", action="store_true", help="small inputs: does it run")
    arguments = parser.parse_args()
    unknown = [part for part in arguments.parts if part not in PARTS]
    if unknown:
        parser.error(f"unknown part {unknown[0]}; there are {', '.join(PARTS)}")
    report = Report()
    for part in arguments.parts or PARTS:
        PARTS[part](report, arguments.quick)
    report.write(ROOT / "build/bench/report.json")


if __name__ == "__main__":
    main()
