import errno
import fcntl
import random
import socket
import time
from pathlib import Path


class Late(AssertionError):
    """What was waited for did not come to pass in time."""


def wait_until(condition, seconds=30.0, what=None, pause_max=0.1):
    """The first true value that condition() gives; raises Late after that many seconds. What passes by quickly is asked
    for at shorter pauses."""
    deadline = time.monotonic() + seconds
    pause = 0.002
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            said = what() if callable(what) else what
            raise Late(f"not within {seconds:g} s: {said or condition.__name__}")
        time.sleep(pause)
        pause = min(pause * 1.5, pause_max)


PORTS = Path(__file__).parents[2] / "build/ports"


class PortsGiven:
    """Which ports were given out by processes of this checkout that still live: each has locked the bytes with the
    numbers of its ports in a file of build/. Where that cannot be written, a process knows of its own ports only."""

    def __init__(self):
        self.ports = set()
        self.file = None

    def take(self, port):
        if port in self.ports or not self.lock(port):
            return False
        self.ports.add(port)
        return True

    def lock(self, port):
        """False when another process has it."""
        if self.file is None:
            try:
                PORTS.parent.mkdir(exist_ok=True)
                self.file = PORTS.open("ab")
            except OSError as error:
                if error.errno not in (errno.EACCES, errno.EPERM, errno.EROFS):
                    raise
                return True
        try:
            fcntl.lockf(self.file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
        except (BlockingIOError, PermissionError):  # POSIX leaves it open which
            return False
        return True


ports_given = PortsGiven()


def free_port():
    """A loopback port that nobody has and that was not given before, by another process of this checkout neither. Below
    the range that the kernel gives to outgoing connections, so that no client takes it before the server that it is
    meant for."""
    for port in random.SystemRandom().sample(range(20000, 32000), 200):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise
                continue
            if ports_given.take(port):
                return port
    raise RuntimeError("no free port")
