"""Scratch folders: on this machine, outside the store, and gone when whoever made them is."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
import time
from pathlib import Path

from sirev.errors import BadInput
from sirev.store.store import Store

PREFIX = "sirev-scratch-"
ABANDONED_SECONDS = 14 * 24 * 3600


class Scratch:
    """A folder held by a lock, so that others can tell it from one whose owner was killed."""

    def __init__(self) -> None:
        sweep()
        made = Path(tempfile.mkdtemp(prefix="sirev-new-"))
        self._lock = os.open(made / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC)
        with contextlib.suppress(OSError):  # without flock nobody sweeps either
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        # Only a locked folder gets a name that others sweep up.
        self.path = made.rename(made.with_name(made.name.replace("sirev-new-", PREFIX)))

    def remove(self) -> None:
        """Delete the folder and all in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def attempts_folder(store: Store, key: str) -> Path:
    """Where the attempts at one action of a store leave what a later one goes on from; made if it is not there."""
    own = _attempts()
    own.mkdir(mode=0o700, exist_ok=True)
    if own.is_symlink() or own.stat().st_uid != os.getuid():  # a checkpoint holds pickled states: somebody else's could run code
        raise BadInput(f"{own} belongs to somebody else; name another folder for scratch files by TMPDIR")
    folder = own / f"{store.id}-{key[:32]}"
    folder.mkdir(exist_ok=True)
    return folder


def sweep() -> None:
    """Delete what killed processes left behind: scratch folders, and attempts that nobody went on with for weeks."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        _delete_unlocked(folder)
    for attempt in _attempts().glob("*/attempt-*"):
        with contextlib.suppress(OSError):
            if time.time() - attempt.stat().st_mtime > ABANDONED_SECONDS:
                _delete_unlocked(attempt)
                attempt.parent.rmdir()


def _attempts() -> Path:
    return Path(tempfile.gettempdir()) / f"sirev-attempts-{os.getuid()}"


def _delete_unlocked(folder: Path) -> None:
    """Delete a folder whose lock can be had, so that whoever made it is gone. Models are large."""
    with contextlib.suppress(OSError):  # somebody else's, or already gone
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder)
        finally:
            os.close(lock)
