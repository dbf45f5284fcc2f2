"""One lock per key, so that two processes do not compute the same thing; correctness never depends on it.

The lock is an exclusive `flock` on a file of its own. Its holder touches the file every few seconds; whoever
waits and sees no touch for a minute stops waiting and computes by itself.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from sirev.errors import BadInput

HEARTBEAT_SECONDS = 5.0
GIVE_UP_SECONDS = 60.0
POLL_SECONDS = 0.1


@contextlib.contextmanager
def key_lock(
    folder: Path, key: str, on_wait: Callable[[], None] | None = None, stop: threading.Event | None = None
) -> Iterator[bool]:
    """Hold the lock of `key`; yields whether it is really held.

    It is not after a holder fell silent for a minute, nor on a file system without flock, nor if `stop` was set while
    waiting. Calls `on_wait` once if it has to wait. Files opened here are not inherited by exec'd children, so a child
    can't keep a lock alive.
    """
    path = folder / key
    fd = _acquire(path, on_wait, stop or threading.Event())
    if fd is None:
        yield False
        return
    released = threading.Event()
    threading.Thread(target=_beat, args=(fd, released), daemon=True).start()
    try:
        yield True
    finally:
        released.set()
        # Unlinked while still held: whoever opened the old file meanwhile notices that the name has moved on.
        path.unlink(missing_ok=True)
        os.close(fd)


def _acquire(path: Path, on_wait: Callable[[], None] | None, stop: threading.Event) -> int | None:
    seen, silent, looked = -1, 0.0, time.monotonic()
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise BadInput(f"the store's folder {path.parent} can't be written: {error.strerror}") from None
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            beat = os.fstat(fd).st_mtime_ns
            os.close(fd)
        except OSError:  # no flock on this file system
            os.close(fd)
            return None
        else:
            if _still_named(fd, path):
                return fd
            os.close(fd)
            continue
        if on_wait:
            on_wait()
            on_wait = None
        # A machine that was suspended, holder and waiter alike, wakes up with its clock far ahead and the beat unchanged:
        # only the time that we were awake to see counts as silence.
        now = time.monotonic()
        silent = silent + min(now - looked, 1.0) if beat == seen else 0.0
        seen, looked = beat, now
        if silent > GIVE_UP_SECONDS or stop.wait(POLL_SECONDS):
            return None


def _still_named(fd: int, path: Path) -> bool:
    try:
        return os.fstat(fd).st_ino == path.stat().st_ino
    except FileNotFoundError:
        return False


def _beat(fd: int, released: threading.Event) -> None:
    while not released.wait(HEARTBEAT_SECONDS):
        with contextlib.suppress(OSError):
            os.utime(fd)
