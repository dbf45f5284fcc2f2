"""Scratch folders, outside the store: those of a process, gone when it is, and those of interrupted trainings."""

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
"""The variable that names the folder of interrupted trainings, where `--scratch` does not."""
_PREFIX = "sirev-scratch-"
STALE_SECONDS = 14 * 24 * 3600
EMPTY_SECONDS = 3600
"""The age at which an empty folder of attempts goes. That harms nobody: `adopt` makes an attempt's parents anew."""


class Scratch:
    """A folder held by a lock, so that others can tell it from one whose owner was killed."""

    def __init__(self, shared: Path | None = None) -> None:
        sweep_scratch(shared)
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


def shared_scratch(named: str | os.PathLike[str] | None = None) -> Path | None:
    """The folder that is named for interrupted trainings, by `--scratch` or SIREV_SCRATCH; None where it is the temporary one.

    BadInput if it could not be written. Nothing is made.
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
    """The nearest of a path and its parents that is there."""
    while not os.path.lexists(path):
        path = path.parent
    return path


def attempts_folder(store: Store, key: str, shared: Path | None = None) -> Path:
    """Where the attempts at one action of a store leave what a later one goes on from; made if it is not there.

    It is below the folder that `shared_scratch` has, else below the temporary folder.
    """
    own = private_folder(_attempts(shared), "name another folder for scratch files with --scratch or TMPDIR")
    folder = own / f"{store.id}-{key[:32]}"
    folder.mkdir(exist_ok=True)
    return folder


def private_folder(folder: Path, instead: str) -> Path:
    """A folder for pickled states, which run code where they are read: made for this user alone if it is not there.

    BadInput, with what to do `instead`, if somebody else could have put something in it.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    if not _own_folder(folder):
        raise BadInput(f"{folder} belongs to somebody else; {instead}")
    if os.lstat(folder).st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise BadInput(f"{folder} can be written by others; {instead}")
    return folder


def sweep_scratch(shared: Path | None = None) -> None:
    """Delete what killed processes left behind: scratch folders, and attempts that nobody went on with for weeks."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        _delete_unlocked(folder)
    attempts = _attempts(shared)
    if not _own_folder(attempts):
        return
    for action in attempts.glob("*"):
        with contextlib.suppress(OSError):
            if _own_folder(action) and _age(action) > EMPTY_SECONDS and not any(action.iterdir()):
                action.rmdir()  # fails where somebody has just put something in it
    for attempt in attempts.glob("*/*attempt-*"):
        with contextlib.suppress(OSError):
            # On another machine its process may live without a lock that reaches here; it touches the file then.
            if min(_age(attempt), _age(attempt / "lock")) > STALE_SECONDS:
                _delete_unlocked(attempt)
                attempt.parent.rmdir()


def _attempts(shared: Path | None) -> Path:
    return (shared or Path(tempfile.gettempdir())) / f"sirev-attempts-{os.getuid()}"


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
