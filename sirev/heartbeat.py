"""Heartbeat of a process that holds a file: its identity, written into the file, and a touch of the file every few seconds.

It is visible on every machine that shares the file, even where locks do not reach across machines.
"""

from __future__ import annotations

import contextlib
import os
import threading

HEARTBEAT_SECONDS = 5.0


def sign(fd: int) -> None:
    """Write the id and host of this process into a file, if the disk allows it."""
    with contextlib.suppress(OSError):  # the disk may be full
        os.ftruncate(fd, 0)
        os.pwrite(fd, f"{os.getpid()} {os.uname().nodename}\n".encode(), 0)


def signature(fd: int) -> tuple[int, str] | None:
    """The id and host of the process that signed a file; None if there is no valid signature."""
    try:
        pid, host = os.pread(fd, 300, 0).decode().split()
    except (OSError, ValueError):
        return None
    return (int(pid), host) if pid.isdecimal() and host.isprintable() else None


def start_beating(fd: int) -> threading.Event:
    """Touch a file every few seconds, in a separate thread, until the returned event is set."""
    released = threading.Event()

    def beat() -> None:
        while not released.wait(HEARTBEAT_SECONDS):
            with contextlib.suppress(OSError):
                os.utime(fd)

    threading.Thread(target=beat, daemon=True).start()
    return released
