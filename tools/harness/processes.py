import ctypes
import os
import pwd
import signal
import subprocess
from pathlib import Path

LIBC = ctypes.CDLL(None, use_errno=True)
PR_SET_PDEATHSIG = 1


def spawn(command, dies_with_us=signal.SIGTERM, user=None, **options):
    """A child in a session of its own, so that the terminal's Ctrl-C is ours alone to act on, and that
    gets a signal when we die, however that happens (None: it lives on)."""

    def before_it_begins():
        # A runner in the background of a shell ignores it, and what it starts inherits that.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        LIBC.prctl(PR_SET_PDEATHSIG, dies_with_us or 0)

    if user is not None:
        options |= {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    return subprocess.Popen(
        [str(word) for word in command],
        start_new_session=True,
        preexec_fn=before_it_begins,
        **options,
    )


def unprivileged_user():
    """Who runs what must not run as root; None when we are not root ourselves."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise RuntimeError("neither a user postgres nor nobody: PostgreSQL does not run as root")


def children_of(pid):
    try:
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            return [int(child) for child in file.read().split()]
    except FileNotFoundError:
        return []


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def cpu_seconds(pid):
    """What it has used of processors since it began."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_bytes(pid):
    """What it has in memory now; of one that has ended nothing."""
    return status_bytes(pid, "VmRSS")


def memory_bytes_peak(pid):
    """The most that it has had in memory since it began."""
    return status_bytes(pid, "VmHWM")


def status_bytes(pid, name):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) * 1024
    return 0
