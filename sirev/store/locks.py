"""One lock per key, so that two processes do not compute the same thing; correctness never depends on it.

The lock is an exclusive `flock` on a file of its own. Its holder touches the file every few seconds. A waiting process
that sees no touch for a minute stops waiting and computes the result itself.
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
"""Attempts to open a stale file again before the whole folder counts as gone."""
SAY_AFTER_SECONDS = 0.5
"""Shorter waits are not reported; by then the holder has signed, too."""


@contextlib.contextmanager
def key_lock(
    root: Path, key: str, on_wait: Callable[[str], None] | None = None, stop: threading.Event | None = None
) -> Iterator[bool]:
    """Hold the lock of `key` in the store at `root`; yields whether it is really held.

    It is not held if its holder was silent for a minute, on a file system without flock, or if `stop` was set while
    waiting. `on_wait` receives a message with the holder's name, and another when the wait for a silent one ends. Files
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
        # Unlinked while still held: a process that opened the old file meanwhile notices that the name leads to another file.
        _unlinked(path)
        _close(fd)


@dataclass(frozen=True)
class _Busy:
    """A lock held by another process: the time of the last touch (mtime in ns), and a description of the holder."""

    beat: int
    holder: str


def _acquire(root: Path, path: Path, on_wait: Callable[[str], None] | None, stop: threading.Event) -> int | None:
    seen, silent, waited, looked, stale = -1, 0.0, 0.0, time.monotonic(), 0
    told = ""
    while True:
        try:
            got = _attempt(root, path)
        except OSError as error:
            # Another client of a network file system deleted the file: its name leads to a new one, or soon will.
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
        # only time awake counts as silence.
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
    """The descriptor of the locked file, or its present holder; None where there are no locks. OSError of the file system."""
    while (fd := _open(root, path)) is not None:
        mine = False
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Else the name leads to another file by now, or was removed here because this user can't sign the file.
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
    with contextlib.suppress(OSError):  # a network file system may have lost it; the result stands
        os.close(fd)


def _open(root: Path, path: Path) -> int | None:
    """The descriptor of a lock's file; None if another user does not share it, since correctness never depends on it.

    A link or other special file may be there to be written through: it is unlinked, its target stays.
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
    """Write the holder into a lock's file, for waiting processes; False if this file must not be written.

    That is one of another user, opened read-only, or one with a second hard link: a file of the user, or of a copied store.
    """
    if fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY or os.fstat(fd).st_nlink > 1:
        return False
    sign(fd)
    return True


def _unlinked(path: Path) -> bool:
    """Unlink the file of a held lock, so that this user can make one that it can touch; False if that fails."""
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return False
    return True


def _holder(fd: int) -> str:
    """Description of a lock's holder, for messages."""
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
