"""Ports for servers that bind them only seconds later, or again after they were killed."""

from __future__ import annotations

import secrets
import socket


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
