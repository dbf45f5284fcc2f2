"""Reading of untrusted files: plain files only, without following links or waiting for pipes."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from sirev.errors import BadInput

META_BYTES = 16 << 20
"""Largest size of a manifest, a record or a run in bytes; a manifest of 100,000 files comes close."""
# A store from elsewhere may contain a link that leads out of it, or a pipe that never ends.
_FLAGS = os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


def open_regular(path: str | Path, how: int = os.O_RDONLY) -> int:
    """Open a plain file; OSError if it is missing, or is a symbolic link, a folder or a pipe."""
    fd = os.open(path, how | _FLAGS)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise OSError(errno.ELOOP, "it is not a plain file", str(path))
    return fd


def read_regular(path: str | Path, most: int = META_BYTES) -> bytes:
    """The bytes of a plain file; OSError as for `open_regular`, with errno EFBIG for more than `most` bytes."""
    fd = open_regular(path)
    try:
        # A file that grows meanwhile is read to its end all the same: the caller checks its content.
        size = os.fstat(fd).st_size
        pieces: list[bytes] = []
        left = 0 if size > most else most + 1
        while left and (piece := os.read(fd, min(left, 1 << 20 if pieces else size + 1))):
            pieces.append(piece)
            left -= len(piece)
        if not left:
            raise OSError(errno.EFBIG, f"it has more than {most:,} bytes", str(path))
        return b"".join(pieces)
    finally:
        os.close(fd)


def read_if_there(path: Path, what: str) -> bytes | None:
    """The bytes of a file; None if it is missing, empty bytes if it is not a plain file. BadInput if unreadable or too large."""
    try:
        return read_regular(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EFBIG):
            raise BadInput(f"{what} {path} can't be read: {error.strerror}") from None
        return b""  # a link, say, or a folder


def is_regular(path: str | Path) -> bool:
    """Whether `path` is a plain file, not a link to one."""
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:
        return False
