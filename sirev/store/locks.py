"""One lock per key, so that two processes do not compute the same thing; correctness never depends on it.

The lock is an exclusive `flock` on a file of its own. Its holder touches the file every few seconds; whoever
waits and sees no touch for a minute stops waiting and computes by itself.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sirev.errors import BadInput
from sirev.heartbeat import sign, signature, start_beating
from sirev.store.shared import NotPlain, open_lock

GIVE_UP_SECONDS = 60.0
_POLL_SECONDS = 0.1
_STALE_ATTEMPTS = 50
"""How often a file that the server no longer knows is opened anew before the whole folder counts as gone."""
SAY_AFTER_SECONDS = 0.5
"""Waiting for less is not worth a word; by then the holder has signed, too."""


@contextlib.contextmanager
def key_lock(
    root: Path, key: str, on_wait: Callable[[str], None] | None = None, stop: threading.Event | None = None
) -> Iterator[bool]:
    """Hold the lock of `key` in the store at `root`; yields whether it is really held.

    It is not after a holder fell silent for a minute, nor on a file system without flock, nor if `stop` was set while
    waiting. Tells `on_wait` in words for whom it waits, and when it does no longer since that one fell silent. Files
    opened here are not inherited by exec'd children, so a child can't keep a lock alive.
    """
    path = root / "locks" / key
    fd = _acquire(root, path, on_wait, stop or threading.Event())
    if fd is None:
        yield False
        return
    released = start_beating(fd)
    try:
        yield True
    finally:
        released.set()
        # Unlinked while still held: whoever opened the old file meanwhile notices that the name has moved on.
        _unlinked(path)
        _close(fd)


@dataclass(frozen=True)
class _Busy:
    """A lock that somebody else has: when he last touched it (mtime in ns), and who he is, in words."""

    beat: int
    holder: str


def _acquire(root: Path, path: Path, on_wait: Callable[[str], None] | None, stop: threading.Event) -> int | None:
    seen, silent, waited, looked, stale = -1, 0.0, 0.0, time.monotonic(), 0
    told = ""
    while True:
        try:
            got = _attempt(root, path)
        except OSError as error:
            # Another client of a network file system took the file away: its name leads to a new one, or soon will.
            if error.errno == errno.ESTALE and stale < _STALE_ATTEMPTS:
                stale += 1
                if stop.wait(_POLL_SECONDS):
                    return None
                continue
            where = str(path) if isinstance(error, NotPlain) else f"the store's folder {path.parent} can't be written"
            raise BadInput(f"{where}: {error.strerror}") from None
        if not isinstance(got, _Busy):
            return got
        beat, holder = got.beat, got.holder
        # A machine that was suspended, holder and waiter alike, wakes up with its clock far ahead and the beat unchanged:
        # only the time that we were awake to see counts as silence.
        now = time.monotonic()
        awake = min(now - looked, 1.0)
        silent = silent + awake if beat == seen else 0.0
        seen, looked, waited = beat, now, waited + awake
        if on_wait and waited >= SAY_AFTER_SECONDS and holder != told:
            on_wait(f"waiting for {holder}")
            told = holder
        if silent > GIVE_UP_SECONDS:
            if on_wait:
                on_wait(f"continuing without {holder}, silent for {GIVE_UP_SECONDS:.0f} s")
            return None
        if stop.wait(_POLL_SECONDS):
            return None


def _attempt(root: Path, path: Path) -> int | _Busy | None:
    """The locked file, who else has it locked, or None where nothing can be; OSError of the file system's."""
    while (fd := _open(root, path)) is not None:
        mine = False
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Else another has the name by now, or nobody, since its owner is gone and only he could write to it.
            mine = _still_named(fd, path) and (_sign(fd) or not _unlinked(path))
            if mine:
                return fd
        except BlockingIOError:
            return _Busy(os.fstat(fd).st_mtime_ns, _holder(fd))
        except OSError as error:
            if error.errno == errno.ESTALE:
                raise
            return None  # there are no locks here
        finally:
            if not mine:
                _close(fd)
    return None


def _close(fd: int) -> None:
    with contextlib.suppress(OSError):  # a network file system may have lost it; what was computed stands
        os.close(fd)


def _open(root: Path, path: Path) -> int | None:
    """The opened file of a lock; None for one that another user keeps to himself, since correctness never depends on it.

    What is no plain file was put there to be written through: its name goes, and nothing else.
    """
    for last in (False, True):
        try:
            return open_lock(root, path)
        except NotPlain:
            if last:
                raise
        except PermissionError:
            if os.access(path.parent, os.W_OK):
                return None
            raise
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
    return None


def _sign(fd: int) -> bool:
    """Write into a lock's file who holds it, for those who wait to read; False if nothing is to be written there.

    It may be another user's, which may only be read, or have another name besides: a file of the user's, or of a copied store.
    """
    if fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY or os.fstat(fd).st_nlink > 1:
        return False
    sign(fd)
    return True


def _unlinked(path: Path) -> bool:
    """Take away the name of a lock that is held, so that one of this user's own can be made, which he can touch."""
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return False
    return True


def _holder(fd: int) -> str:
    """Who holds a lock, in words."""
    if (signed := signature(fd)) is None:
        return "another process"
    if signed == (os.getpid(), os.uname().nodename):
        return "another run"
    pid, host = signed
    return f"process {pid} on {host}"


def _still_named(fd: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), os.lstat(path))
    except FileNotFoundError:
        return False
