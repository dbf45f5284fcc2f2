"""Attempts at one training: a folder each, held by the process that trains, and taken over once that is gone.

The folders may be shared by several machines. Of a process on this one its lock says whether it lives. Whether locks reach from
one machine to another depends on the file system, and a server may hold one for a machine that is no more: of a process elsewhere
its heartbeat says so.
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
"""After so long without a heartbeat a process on another machine is gone."""
_POLL_SECONDS = 0.5
_LOCK = "lock"


class Attempt:
    """One attempt below `root`: its folder, with a signed and locked file in it, from `begin` on."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.folder = root / f"attempt-{secrets.token_hex(6)}"
        self._fd: int | None = None
        self._released = threading.Event()

    def begin(self) -> None:
        """Make the folder. Only a held one gets a name that others look for."""
        made = self.root / f"new-{self.folder.name}"
        made.mkdir(parents=True)
        self._fd = os.open(made / _LOCK, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW)
        with contextlib.suppress(OSError):  # a file system without flock
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        sign(self._fd)
        self._released = start_beating(self._fd)
        made.rename(self.folder)

    def left(self, held: contextlib.ExitStack) -> Iterator[Path]:
        """The folders of attempts whose process is gone; as far as locks reach, nobody else is given them until `held` ends."""
        for folder in self.root.glob("attempt-*"):
            if folder != self.folder and (fd := self._taken_over(folder)) is not None:
                held.callback(os.close, fd)
                yield folder

    def leave(self) -> None:
        """Leave the folder to whoever comes next, who need not wait for a heartbeat."""
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
        """The opened lock of an attempt whose process is gone; None while it lives."""
        try:
            fd = os.open(folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError:  # another attempt has just removed it
            return None
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            locked = False
        except BlockingIOError:
            locked = True
        except OSError:  # a file system without flock: then nobody here is alive as far as one can tell
            locked = False
        signed = signature(fd)
        elsewhere = signed is not None and signed[1] != os.uname().nodename
        if not self._silent(folder / _LOCK) if elsewhere else locked:
            os.close(fd)
            return None
        return fd

    def _silent(self, lock: Path) -> bool:
        """Whether the holder of a lock has been silent for long; waits for a heartbeat until that is clear.

        The time is that of the file system, which all machines share.
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
    """When a lock was last touched; never, if it is gone. Opened anew, since NFS looks at the server only then."""
    try:
        with lock.open("rb") as opened:
            return os.fstat(opened.fileno()).st_mtime
    except OSError:
        return 0.0
