"""Reading files that a stranger may have put there: plain files only, nothing followed, nothing waited for."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from sirev.errors import BadInput

# A store that came from elsewhere, or was tampered with, may hold a link that leads out of it, or a pipe that never ends.
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)


def read_regular(path: str | Path) -> bytes:
    """The bytes of a plain file; OSError if there is none: a symbolic link, a folder and a pipe are no plain files."""
    fd = os.open(path, _FLAGS)
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(f"{path} is no plain file")
        # A file that grows while it is read is read to its end all the same: what it holds is checked by whoever asked.
        pieces = [os.read(fd, status.st_size + 1)]
        while piece := os.read(fd, 1 << 20):
            pieces.append(piece)
        return b"".join(pieces)
    finally:
        os.close(fd)


def read_if_there(path: Path, what: str) -> bytes | None:
    """The bytes of a file; None if it is not there, nothing for what is no plain file. BadInput if it may not be read."""
    try:
        return read_regular(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if error.errno == errno.EACCES:
            raise BadInput(f"{what} {path} can't be read: {error.strerror}") from None
        return b""  # of a link, say, or a folder


def is_regular(path: str | Path) -> bool:
    """Whether there is a plain file of this name, not a link to one."""
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:
        return False
