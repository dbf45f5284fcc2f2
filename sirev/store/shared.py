"""Folders and lock files of a store that several users of a group may share, or that is not trusted.

Like git's core.sharedRepository, but without a setting: new files and folders get the permissions and the group of the
store's own folder, whatever the user's umask. Nothing is made, written or deleted behind a symbolic link.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path

from sirev.errors import BadInput

FOLDER_BITS = stat.S_ISGID | 0o775
"""Mode bits that new folders take from the store's folder. Only its owner and group ever get the right to write."""
FILE_BITS = 0o664


class NotPlain(OSError):
    """A symbolic link, a pipe or another special file in place of a plain file."""


def make_folder(root: Path, folder: Path) -> None:
    """Make a folder of the store in `root`, unless it exists. BadInput if it or a parent below `root` is a link."""
    at = str(root)
    if not os.path.isdir(at):
        root.mkdir(parents=True, exist_ok=True)
    for part in folder.relative_to(root).parts:
        at = f"{at}/{part}"
        try:
            mode = os.lstat(at).st_mode
        except FileNotFoundError:
            with contextlib.suppress(FileExistsError):  # another process was faster
                os.mkdir(at)
                _share(root, at, FOLDER_BITS)
            continue
        if stat.S_ISLNK(mode):
            raise BadInput(linked(at, "written"))
        if not stat.S_ISDIR(mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), at)


def remove_file(root: Path, path: Path) -> bool:
    """Delete a file of the store in `root`; returns whether it existed. BadInput if a folder on the way is a link."""
    for folder in reversed(path.relative_to(root).parents[:-1]):
        if (root / folder).is_symlink():
            raise BadInput(linked(root / folder, "deleted"))
    try:
        path.unlink()
    except FileNotFoundError:
        return False
    return True


def linked(path: str | Path, done: str) -> str:
    """The message for a store's folder that is a symbolic link; `done` is "written" or "deleted"."""
    return (
        f"{path} is a symbolic link, and nothing is {done} behind one; to have a store on another disk, "
        "link the store's whole folder instead, or name it with --store"
    )


def open_lock(root: Path, path: Path) -> int:
    """Open a lock file, which is made if missing; OSError if it can't be opened, NotPlain if it is not a plain file.

    Another user's file may be opened read-only, which is enough to lock it.
    """
    make_folder(root, path.parent)
    flags = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | flags, 0o666)
        except PermissionError as error:
            try:
                fd = os.open(path, os.O_RDONLY | flags)
            except FileNotFoundError:
                raise error from None
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EISDIR, errno.ENXIO, errno.EMLINK):  # BSD has EMLINK for ELOOP
            raise _not_plain(path) from None
        raise
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise _not_plain(path)
    except OSError:
        os.close(fd)
        raise
    if status.st_nlink == 1:  # else it may be a file of the user that somebody linked here
        _share(root, fd, FILE_BITS)
    return fd


def make_private(root: Path, path: Path, flags: int) -> int:
    """Create and open a file of one process, which others may read; OSError if it can't be created."""
    make_folder(root, path.parent)
    fd = os.open(path, flags | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
    _share(root, fd, FILE_BITS)
    return fd


def place_new(scratch: Path, target: Path) -> bool:
    """Give a finished file its name unless that is taken; returns whether it did. A rename, unlike a link, would replace."""
    try:
        os.link(scratch, target)
    except FileExistsError:
        return False
    except OSError:  # a file system without hard links: only a moment between check and rename
        if os.path.lexists(target):
            return False
        os.replace(scratch, target)
    return True


def _not_plain(path: Path) -> NotPlain:
    return NotPlain(errno.ELOOP, "it is not a plain file; delete it", str(path))


def _share(root: Path, made: str | int, bits: int) -> None:
    """Give a new file or folder the group and permissions of the store; those of other users stay as they are."""
    with contextlib.suppress(OSError):
        own, new = os.stat(root), os.stat(made)
        if new.st_uid != os.geteuid():
            return
        if new.st_gid != own.st_gid:
            os.chown(made, -1, own.st_gid)  # a user outside that group must not open this to its own group
        owners = 0o700 if stat.S_ISDIR(new.st_mode) else 0o600
        if stat.S_IMODE(new.st_mode) != (wanted := (stat.S_IMODE(own.st_mode) & bits) | owners):
            os.chmod(made, wanted)
