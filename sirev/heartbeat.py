"""Signs of life of a process that holds a file: who it is, written into the file, and a touch of it every few seconds.

Others can see these on every machine that shares the file, also where a lock does not reach across machines.
"""

from __future__ import annotations

import contextlib
import os
import threading

HEARTBEAT_SECONDS = 5.0


def sign(fd: int) -> None:
    """Write into a file which process holds it, as far as the disk allows."""
    with contextlib.suppress(OSError):  # the disk may be full
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()} {os.uname().nodename}\n".encode(), 0)


def signature(fd: int) -> tuple[int, str] | None:
    """The process that signed a file and its host; None where nobody did."""
    try:
        pid, host = os.pread(fd, 300, 0).decode().split()
    except (OSError, ValueError):
        return None
    return (int(pid), host) if pid.isdecimal() and host.isprintable() else None


def start_beating(fd: int) -> threading.Event:
    """Touch a file every few seconds, in a thread of its own, until the event is set."""
    released = threading.Event()

    def beat() -> None:
        while not released.wait(HEARTBEAT_SECONDS):
            with contextlib.suppress(OSError):
                os.utime(fd)

    threading.Thread(target=beat, daemon=True).start()
    return released
