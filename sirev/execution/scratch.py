"""Scratch folders outside the store: those of running processes, and those of interrupted trainings."""

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
from sirev.inputs import require_utf8
from sirev.store.store import Store
from sirev.store.untrusted_files import open_regular

SCRATCH = "SIREV_SCRATCH"
"""Environment variable for the folder of interrupted trainings, if `--scratch` is not given."""
_PREFIX = "sirev-scratch-"
STALE_SECONDS = 14 * 24 * 3600
EMPTY_SECONDS = 3600
"""The age at which an empty folder of attempts is deleted, which is safe: `adopt` creates the parents of an attempt."""


class Scratch:
    """A folder with a lock, which tells it from one whose owner was killed."""

    def __init__(self, shared: Path | None = None) -> None:
        sweep_scratch(shared)
        made = Path(tempfile.mkdtemp(prefix="sirev-new-"))
        self._lock = os.open(made / "lock", os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW)
        with contextlib.suppress(OSError):  # without flock there is no sweeping either
            fcntl.flock(self._lock, fcntl.LOCK_EX)
        # Only a locked folder gets a name that others sweep up.
        self.path = made.rename(made.with_name(made.name.replace("sirev-new-", _PREFIX)))

    def remove(self) -> None:
        """Delete the folder with its content."""
        shutil.rmtree(self.path, ignore_errors=True)
        os.close(self._lock)


def shared_scratch(named: str | os.PathLike[str] | None = None) -> Path | None:
    """The folder for interrupted trainings, from `--scratch` or SIREV_SCRATCH; None for the temporary folder.

    BadInput if it can't be written. Nothing is created.
    """
    given, what = (named, "--scratch") if named else (os.environ.get(SCRATCH), SCRATCH)
    if not given:
        return None
    folder = Path(given).absolute()
    require_utf8(what, folder, "name another folder")
    place = nearest_there(folder)
    if not (place.is_dir() and os.access(place, os.W_OK | os.X_OK)):
        raise BadInput(f"{what} {folder}: expected a writable folder")
    return folder


def nearest_there(path: Path) -> Path:
    """The path, or its nearest parent that exists."""
    while not os.path.lexists(path):
        path = path.parent
    return path


def attempts_folder(store: Store, key: str, shared: Path | None = None) -> Path:
    """The folder where attempts at an action of a store save their state for later ones; created if missing.

    It is below `shared`, by default below the temporary folder.
    """
    own = private_folder(_attempts(shared), "name another folder for scratch files with --scratch or TMPDIR")
    folder = own / f"{store.id}-{key[:32]}"
    folder.mkdir(exist_ok=True)
    return folder


def private_folder(folder: Path, instead: str) -> Path:
    """A folder for pickled states, which run code when they are loaded; created for this user alone if missing.

    BadInput, with the advice `instead`, if other users could have written to it.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    if not _own_folder(folder):
        raise BadInput(f"{folder} belongs to somebody else; {instead}")
    if os.lstat(folder).st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise BadInput(f"{folder} can be written by others; {instead}")
    return folder


def sweep_scratch(shared: Path | None = None) -> None:
    """Delete what killed processes left behind: scratch folders, and attempts that were not continued for two weeks."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        _delete_unlocked(folder)
    attempts = _attempts(shared)
    if not _own_folder(attempts):
        return
    for action in attempts.glob("*"):
        with contextlib.suppress(OSError):
            if _own_folder(action) and _age(action) > EMPTY_SECONDS and not any(action.iterdir()):
                action.rmdir()  # fails if another process has just written to it
        with contextlib.suppress(OSError):  # also where another process has just deleted it
            _sweep_attempts(action)


def _sweep_attempts(action: Path) -> None:
    for attempt in list(action.glob("*attempt-*")):
        with contextlib.suppress(OSError):
            # Its process may run on another machine, where its lock is not seen from here; it touches the file.
            if min(_age(attempt), _age(attempt / "lock")) > STALE_SECONDS:
                _delete_unlocked(attempt)
                action.rmdir()


def _attempts(shared: Path | None) -> Path:
    return (shared or Path(tempfile.gettempdir())) / f"sirev-attempts-{os.getuid()}"


def _own_folder(folder: Path) -> bool:
    """Whether `folder` is a folder, not a link to one, and belongs to this user."""
    try:
        status = os.lstat(folder)
    except OSError:
        return False
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid()


def _age(path: Path) -> float:
    """Seconds since the last change of a file or folder."""
    return time.time() - os.lstat(path).st_mtime


def _delete_unlocked(folder: Path) -> None:
    """Delete a folder of this user whose lock is free, which means that its process is gone. Models are large."""
    if not _own_folder(folder):  # the temporary folder is shared by all users
        return
    with contextlib.suppress(OSError):  # locked, or already gone
        lock = open_regular(folder / "lock", os.O_RDWR)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder)
        finally:
            os.close(lock)
