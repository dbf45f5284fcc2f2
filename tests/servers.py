"""Servers of tests: ports that they bind seconds later, or again after they were killed, and their first answer."""

from __future__ import annotations

import secrets
import socket
import subprocess
import urllib.request

from tests.conftest import eventually


def free_port(*taken: int) -> int:
    """A free port that is none of `taken`.

    It is outside the default range from which the kernel gives out ports (32768 to 60999), and that of Ray's workers (10002 to
    19999).
    """
    while True:
        port = 20_000 + secrets.randbelow(10_000)
        if port in taken:
            continue
        with socket.socket() as tried:
            try:
                tried.bind(("", port))
            except OSError:
                continue
            return port


def comes_up(server: subprocess.Popen[bytes], url: str) -> bool:
    """Whether a server answers at an address before its process ends; waits for either."""
    assert eventually(lambda: server.poll() is not None or _answers(url), 1200)
    return server.poll() is None


def _answers(url: str) -> bool:
    try:
        urllib.request.urlopen(url, timeout=2).close()
    except OSError:
        return False
    return True
