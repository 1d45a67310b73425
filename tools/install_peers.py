#!/usr/bin/env python3
"""Puts the servers that bench/kinesis.py compares into build/peers, in the versions that bench/peers pins.

One that cannot be installed is left out. Why is said here, and kept in build/peers/NAME.failed: the benchmark prints it
where the figures would be.
"""

import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PINS = ROOT / "bench/peers"
TARGET = ROOT / "build/peers"


# The largest takes some minutes; one that hangs holds up the benchmarks of all others.
STEP_SECONDS_MAX = 1200


class Failed(Exception):
    """In one line, why something cannot be installed."""


def run(*command, **options):
    name = Path(command[0]).name
    try:
        ran = subprocess.run(
            [str(word) for word in command], check=False, stdin=subprocess.DEVNULL, timeout=STEP_SECONDS_MAX,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **options)  # fmt: skip
    except subprocess.TimeoutExpired:
        raise Failed(f"{name} was not done within {STEP_SECONDS_MAX // 60} minutes") from None
    if ran.returncode != 0:
        print(ran.stdout[-4000:], file=sys.stderr)
        raise Failed(f"{name}: {reason_in(ran.stdout)}")


def reason_in(said):
    """The first line that speaks of an error, as npm, pip, Maven and javac do; the last where none does."""
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    errors = [line for line in lines if re.search(r"\berr(or)?\b", line, re.IGNORECASE)]
    return (errors[:1] or lines[-1:] or ["it does not say why"])[0]


def install_node(target):
    """kinesalite and kinesis-mock, without scripts of theirs: the databases that those build are not used."""
    for file in (PINS / "node").iterdir():
        shutil.copy(file, target)
    run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=target)


def runs(program):
    """pyenv has a name for each version that it knows of, also where that cannot be run by it."""
    return (
        program and subprocess.run([program, "--version"], capture_output=True, check=False).returncode == 0
    )


def debian_python():
    return ["/usr/bin/python3", "python3"]


def python_3_13():
    """LocalStack 4.14 does not start with an older one; Debian 12 has 3.11."""
    pyenv = Path.home() / ".pyenv/versions"
    return ["python3.13", *map(str, sorted(pyenv.glob("3.13*/bin/python3.13")))]


def install_python(interpreters):
    def install(target):
        python = next((found for name in interpreters() if runs(found := shutil.which(name))), None)
        if python is None:
            raise Failed(f"it needs one of {', '.join(interpreters())}, and there is none")
        run(python, "-m", "venv", "--clear", target)
        pins = PINS / f"{target.name}.txt"
        run(target / "bin/python", "-m", "pip", "install", "--quiet", "--require-hashes", "-r", pins)

    return install


def install_kafka(target):
    """The jars of Maven's repository, and our load for them, compiled."""
    pom = PINS / "kafka/pom.xml"
    run("mvn", "-q", "-B", "-f", pom, "dependency:copy-dependencies", f"-DoutputDirectory={target / 'lib'}")
    run("javac", "-cp", f"{target / 'lib'}/*", "-d", target / "classes", PINS / "kafka/KafkaLoad.java")


PEERS = {
    "node": (install_node, "node"),
    "moto": (install_python(debian_python), "moto.txt"),
    "localstack": (install_python(python_3_13), "localstack.txt"),
    "kafka": (install_kafka, "kafka"),
}


def digest(pins):
    """Of all that decides what is installed."""
    files = sorted(pins.iterdir()) if pins.is_dir() else [pins]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()


def main():
    for name, (install, pins) in PEERS.items():
        target, failed = TARGET / name, TARGET / f"{name}.failed"
        wanted, mark = digest(PINS / pins), target / ".installed"
        if mark.exists() and mark.read_text() == wanted:
            continue
        print(
            f"bootstrap: installing {name} for the benchmarks into {target.relative_to(ROOT)}",
            file=sys.stderr,
        )
        shutil.rmtree(target, ignore_errors=True)
        failed.unlink(missing_ok=True)
        target.mkdir(parents=True)
        try:
            install(target)
            mark.write_text(wanted)
        except (Failed, OSError) as error:
            shutil.rmtree(target, ignore_errors=True)
            failed.write_text(str(error))
            print(f"bootstrap: the benchmarks go on without {name}: {error}", file=sys.stderr)


if __name__ == "__main__":
    main()
