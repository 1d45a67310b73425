import fcntl
import os
import shutil
import signal
import stat
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import quote, urlencode

from harness.processes import alive, children_of, spawn, unprivileged_user
from harness.waiting import free_port, wait_until

ROOT = Path(__file__).resolve().parent.parent.parent
INSTALLED_VERSION = 15

# Fast, not crash-safe against power cuts: kill -9 loses nothing, since the kernel keeps what was written.
SETTINGS = {
    "wal_level": "logical",
    "max_wal_senders": "30",
    "max_replication_slots": "30",
    "max_connections": "100",
    "shared_buffers": "64MB",
    "fsync": "off",
    "full_page_writes": "off",
    "timezone": "UTC",
    "log_line_prefix": "%m [%p] %q%a ",
    "log_min_messages": "warning",
    "log_checkpoints": "off",
}


def version_available(version):
    return version == INSTALLED_VERSION or (ROOT / "build/postgres" / str(version) / "bin/postgres").exists()


def readable_by_all(folder):
    return all(part.stat().st_mode & stat.S_IXOTH for part in (folder, *folder.parents))


def programs_of(version):
    """The folder with initdb and postgres, where the user who runs them can reach it."""
    home = ROOT / "build/postgres" / str(version)
    if version == INSTALLED_VERSION and not (debian := Path(f"/usr/lib/postgresql/{version}/bin")).exists():
        raise RuntimeError(f"{debian} is missing; run tools/bootstrap --for test")
    if version == INSTALLED_VERSION:
        return debian
    if not (home / "bin/postgres").exists():
        raise RuntimeError(f"PostgreSQL {version} is missing in {home}; run tools/bootstrap --for test")
    if unprivileged_user() is None or readable_by_all(home):
        return home / "bin"
    copy = Path(tempfile.gettempdir()) / f"tailrace-postgres-{(home / 'VERSION').read_text()}"
    with open(f"{copy}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not copy.exists():
            shutil.copytree(home, f"{copy}.new", symlinks=True)
            os.rename(f"{copy}.new", copy)
            copy.chmod(0o755)
    return copy / "bin"


class Postgres:
    """A throwaway PostgreSQL: its folder, its process, its connections."""

    def __init__(self, version=INSTALLED_VERSION, settings=None, hba=None, dies_with_us=signal.SIGQUIT):
        self.version = version
        self.programs = programs_of(version)
        self.settings = SETTINGS | (settings or {})
        self.hba = hba
        self.dies_with_us = dies_with_us
        self.user = unprivileged_user()
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="tailrace-pg-"))
        if self.user:
            os.chown(self.folder, self.user.pw_uid, self.user.pw_gid)
        self.folder.chmod(0o755)
        self.data = self.folder / "data"
        self.process = None

    def __enter__(self):
        try:
            self.make()
            self.start()
        except BaseException:
            self.remove()
            raise
        return self

    def __exit__(self, *_):
        self.remove()

    def make(self):
        ran = spawn(
            [self.programs / "initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8"]
            + ["--locale=C", "--no-sync"],
            user=self.user, cwd=self.folder, env=self.environment(),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)  # fmt: skip
        try:
            said, _ = ran.communicate()
        except BaseException:
            # It writes on, or takes away what it made, until it has ended.
            ran.terminate()
            ran.wait()
            raise
        if ran.returncode != 0:
            raise RuntimeError(f"initdb failed:\n{said}")
        if self.hba:
            (self.data / "pg_hba.conf").write_text(self.hba)

    def environment(self):
        environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "TZ": "UTC"}
        libraries = self.programs.parent / "lib"
        if libraries.is_relative_to("/usr"):
            return environment
        return environment | {"LD_LIBRARY_PATH": str(libraries)}

    def start(self):
        command = [self.programs / "postgres", "-D", self.data, "-k", self.folder, "-p", self.port]
        command += ["-c", "listen_addresses=127.0.0.1"]
        for name, value in self.settings.items():
            command += ["-c", f"{name}={value}"]
        with open(self.folder / "postgres.log", "ab") as log:
            self.process = spawn(
                command, dies_with_us=self.dies_with_us, user=self.user, cwd=self.folder,
                env=self.environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)  # fmt: skip
        wait_until(self.ready, 60, lambda: f"PostgreSQL {self.version} starts\n{self.log()}")

    def ready(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"PostgreSQL {self.version} ended at its start:\n{self.log()}")
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return len(lines) > 7 and int(lines[0]) == self.process.pid and lines[7].strip() == "ready"

    def stop(self, how=signal.SIGINT, patience=20):
        """SIGINT: fast, SIGQUIT: immediate. A walsender whose client does not acknowledge can hold a fast
        shutdown up, so patience ends it."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(how)
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.kill9()

    def kill9(self):
        """As a machine that loses its process: the server and all its backends at once."""
        family = children_of(self.process.pid)
        self.process.kill()
        self.process.wait()
        for pid in family:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        wait_until(lambda: not any(alive(pid) for pid in family), 20, "PostgreSQL's backends end")

    def restart(self, **settings):
        self.stop()
        self.settings |= settings
        self.start()

    def make_standby(self, **settings):
        """A server that replays what this one writes, not started yet. Made of a copy of the folder while
        this one is down for a moment, since not every build of PostgreSQL has pg_basebackup."""
        standby = Postgres(self.version, self.settings | settings, self.hba, self.dies_with_us)
        self.stop()
        shutil.copytree(self.data, standby.data)
        shutil.rmtree(standby.data / "pg_replslot")
        (standby.data / "pg_replslot").mkdir()
        (standby.data / "standby.signal").touch()
        standby.settings["primary_conninfo"] = (
            f"host=127.0.0.1 port={self.port} user=postgres dbname=postgres"
        )
        if self.user:
            for path in (standby.data, *standby.data.rglob("*")):
                os.chown(path, self.user.pw_uid, self.user.pw_gid)
        self.start()
        return standby

    def promote(self):
        with self.connect() as connection:
            connection.execute("select pg_promote()")

    def replayed(self, lsn):
        """Whether this standby has everything before that position."""
        with self.connect() as connection:
            return connection.execute(
                "select pg_last_wal_replay_lsn() >= %s::pg_lsn", (lsn,)).fetchone()[0]  # fmt: skip

    def remove(self):
        self.stop(signal.SIGQUIT, patience=10)
        shutil.rmtree(self.folder, ignore_errors=True)

    def log(self, since=0):
        """What the server said from that byte of its log on, the last of it."""
        try:
            return (self.folder / "postgres.log").read_bytes()[since:].decode(errors="replace")[-8000:]
        except FileNotFoundError:
            return ""

    def log_bytes(self):
        return (self.folder / "postgres.log").stat().st_size

    def uri(self, database="postgres", user="postgres", password=None, socket=False, **parameters):
        login = user if password is None else f"{user}:{quote(password, safe='')}"
        if socket:
            parameters |= {"host": str(self.folder), "port": str(self.port)}
        query = "?" + urlencode(parameters, quote_via=quote) if parameters else ""
        place = "" if socket else f"127.0.0.1:{self.port}"
        return f"postgresql://{login}@{place}/{database}{query}"

    def connect(self, database="postgres", user="postgres", **options):
        """A connection of psycopg in autocommit mode."""
        import psycopg

        options = {"autocommit": True} | options
        return psycopg.connect(self.uri(database, user), **options)
