"""The tables that requests are held against say what botocore's model of the service says."""

import subprocess
import sys

from harness.server import ROOT


def test_the_tables_are_those_of_the_model():
    checked = subprocess.run(
        [sys.executable, "tools/kinesis_model.py", "--check"],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
