"""Attempts at one training: one folder each, locked by the training process, and taken over once that process is gone.

Several machines may share the folders. A process on this machine is alive if it holds its lock. A process on another machine is
judged by its heartbeat: not all file systems share locks between machines, and a server may keep a lock of a dead machine.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from sirev.heartbeat import sign, signature, start_beating

SILENT_SECONDS = 60.0
"""A process on another machine is gone after this time without a heartbeat."""
_POLL_SECONDS = 0.5
_LOCK = "lock"


class Attempt:
    """One attempt below `root`: a folder that, from `begin` on, holds a signed and locked file."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / f"attempt-{secrets.token_hex(6)}"
        self._fd: int | None = None
        self._released = threading.Event()

    def begin(self) -> None:
        """Make the folder. It gets the name that others look for only once it is locked."""
        made = self.root / f"new-{self.folder.name}"
        made.mkdir(parents=True)
        self._fd = os.open(made / _LOCK, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW)
        with contextlib.suppress(OSError):  # a file system without flock
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        sign(self._fd)
        self._released = start_beating(self._fd)
        made.rename(self.folder)

    def left(self, held: contextlib.ExitStack) -> Iterator[Path]:
        """Yield the folders of attempts whose process is gone; as far as locks reach, they are reserved until `held` ends."""
        for folder in self.root.glob("attempt-*"):
            if folder != self.folder and (fd := self._taken_over(folder)) is not None:
                held.callback(os.close, fd)
                yield folder

    def leave(self) -> None:
        """Release the folder to the next attempt, which need not wait for a heartbeat then."""
        if self._fd is not None:
            self._released.set()
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, 0)
            os.close(self._fd)
            self._fd = None

    def remove(self) -> None:
        """Delete the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.leave()
        with contextlib.suppress(OSError):  # another attempt is still there
            self.root.rmdir()

    def _taken_over(self, folder: Path) -> int | None:
        """The descriptor of the lock of an attempt whose process is gone; None while it lives, or if the folder is gone."""
        try:
            fd = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError:  # another attempt has just removed it
            return None
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            locked = False
        except BlockingIOError:
            locked = True
        except OSError:  # a file system without flock: nothing shows that a process here lives
            locked = False
        signed = signature(fd)
        elsewhere = signed is not None and signed[1] != os.uname().nodename
        if not self._silent(folder / _LOCK) if elsewhere else locked:
            os.close(fd)
            return None
        return fd

    def _silent(self, lock: Path) -> bool:
        """Whether the holder of a lock sends no heartbeat; waits up to `SILENT_SECONDS` for one.

        Times are the file system's, which all machines share.
        """
        assert self._fd is not None
        os.utime(self._fd)
        seen = _beaten(lock)
        patience = min(SILENT_SECONDS, SILENT_SECONDS - (os.fstat(self._fd).st_mtime - seen))
        while patience > 0:
            time.sleep(min(_POLL_SECONDS, patience))
            patience -= _POLL_SECONDS
            if _beaten(lock) != seen:
                return False
        return True


def _beaten(lock: Path) -> float:
    """The time of a lock's last touch; 0 if it is gone. Opens the file, since only then NFS asks the server."""
    try:
        with lock.open("rb") as opened:
            return os.fstat(opened.fileno()).st_mtime
    except OSError:
        return 0.0
