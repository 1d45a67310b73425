#!/usr/bin/env python3
"""Runs clang-tidy over the sources, skipping what it has passed before as it is now.

What a result depends on (the file, our headers that it reaches, .clang-tidy, the compile command) is
hashed; build/tidy keeps a mark per hash that passed.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CLANG_TIDY = "clang-tidy-16"
COMMANDS = ROOT / "build/debug/compile_commands.json"
MARKS = ROOT / "build/tidy"


@cache
def reach(file):
    """The file and every header of ours that it includes, directly or not."""
    seen, waiting = {file}, [file]
    while waiting:
        text = waiting.pop().read_text()
        for header in re.findall(r'^\s*#\s*include\s*"([^"]+)"', text, flags=re.MULTILINE):
            path = ROOT / "src" / header
            if path.exists() and path not in seen:
                seen.add(path)
                waiting.append(path)
    return sorted(seen)


def digest_of(entry):
    digest = hashlib.sha256()
    digest.update((ROOT / ".clang-tidy").read_bytes())
    digest.update(entry["command"].replace(str(ROOT), "").encode())
    for file in reach(Path(entry["file"])):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def check(entry):
    mark = MARKS / digest_of(entry)
    if mark.exists():
        return None
    ran = subprocess.run(
        [CLANG_TIDY, "--quiet", f"-p={MARKS}", entry["file"]],
        check=False, cwd=ROOT, capture_output=True, text=True)  # fmt: skip
    if ran.returncode == 0 and not ran.stdout.strip():
        mark.touch()
        return ""
    return ran.stdout or ran.stderr


def main():
    entries = [
        entry
        for entry in json.loads(COMMANDS.read_text())
        if "/src/" in entry["file"]
        and not entry["file"].endswith("_test.cc")
        and Path(entry["file"]).exists()
    ]
    MARKS.mkdir(parents=True, exist_ok=True)
    for entry in entries:
        # g++ compiles; its warnings and its own switches are not for clang-tidy.
        entry["command"] = re.sub(r" (-W\S+|-fcoroutines)", "", entry["command"]) + " -w"
    (MARKS / "compile_commands.json").write_text(json.dumps(entries))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        results = list(pool.map(check, entries))
    # A header's finding comes with every file that includes it; once is enough.
    said = dict.fromkeys(
        finding
        for result in results
        for finding in re.split(r"(?m)^(?=/\S+:\d+:\d+: (?:error|warning):)", result or "")
        if finding.strip()
    )
    print("".join(said) or f"{len(entries)} files, {sum(r is not None for r in results)} of them checked now")
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main())
