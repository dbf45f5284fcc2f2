"""Scratch folders: on this machine, outside the store, and gone when whoever made them is."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
import tempfile
import time
from pathlib import Path

from sirev.errors import BadInput
from sirev.store.store import Store
from sirev.store.untrusted_files import open_regular

_PREFIX = "sirev-scratch-"
STALE_SECONDS = 14 * 24 * 3600
EMPTY_SECONDS = 3600
"""The age at which an empty folder of attempts goes. That harms nobody: `adopt` makes an attempt's parents anew."""


class Scratch:
    """A folder held by a lock, so that others can tell it from one whose owner was killed."""

    def __init__(self) -> None:
        sweep()
        made = Path(tempfile.mkdtemp(prefix="sirev-new-"))
        self._lock = os.open(made / "lock", os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW)
        with contextlib.suppress(OSError):  # without flock nobody sweeps either
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        # Only a locked folder gets a name that others sweep up.
        self.path = made.rename(made.with_name(made.name.replace("sirev-new-", _PREFIX)))

    def remove(self) -> None:
        """Delete the folder and all in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def attempts_folder(store: Store, key: str) -> Path:
    """Where the attempts at one action of a store leave what a later one goes on from; made if it is not there."""
    own = _attempts()
    own.mkdir(mode=0o700, exist_ok=True)
    if not _own_folder(own):  # a checkpoint holds pickled states: somebody else's could run code
        raise BadInput(f"{own} belongs to somebody else; name another folder for scratch files by TMPDIR")
    folder = own / f"{store.id}-{key[:32]}"
    folder.mkdir(exist_ok=True)
    return folder


def sweep() -> None:
    """Delete what killed processes left behind: scratch folders, and attempts that nobody went on with for weeks."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        _delete_unlocked(folder)
    if not _own_folder(_attempts()):
        return
    for action in _attempts().glob("*"):
        with contextlib.suppress(OSError):
            if _own_folder(action) and _age(action) > EMPTY_SECONDS and not any(action.iterdir()):
                action.rmdir()  # fails where somebody has just put something in it
    for attempt in _attempts().glob("*/attempt-*"):
        with contextlib.suppress(OSError):
            if _age(attempt) > STALE_SECONDS:
                _delete_unlocked(attempt)
                attempt.parent.rmdir()


def _attempts() -> Path:
    return Path(tempfile.gettempdir()) / f"sirev-attempts-{os.getuid()}"


def _own_folder(folder: Path) -> bool:
    """Whether it is a folder, no link to one, and this user's."""
    try:
        status = os.lstat(folder)
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid()


def _age(path: Path) -> float:
    """Seconds since something last changed in it."""
    return time.time() - os.lstat(path).st_mtime


def _delete_unlocked(folder: Path) -> None:
    """Delete a folder of this user's whose lock can be had, so that whoever made it is gone. Models are large."""
    if not _own_folder(folder):  # the folder for temporary files is everybody's
        return
    with contextlib.suppress(OSError):  # somebody else's, or already gone
        lock = open_regular(folder / "lock", os.O_RDWR)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder)
        finally:
            os.close(lock)
