import random
import socket
import time


class Late(AssertionError):
    """What was waited for did not come to pass in time."""


def wait_until(condition, seconds=30.0, what=None):
    """The first true value that condition() gives; raises Late after that many seconds."""
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
        pause = min(pause * 1.5, 0.1)


ports_given = set()


def free_port():
    """A loopback port that nobody has and that was not given before. Below the range that the kernel gives to outgoing connections,
    so that no client takes it before the server that it is meant for."""
    for port in random.SystemRandom().sample(range(20000, 32000), 200):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            if port not in ports_given:
                ports_given.add(port)
                return port
    raise RuntimeError("no free port")
