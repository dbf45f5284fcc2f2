"""Standard output that can't take everything: a terminal without some characters, a disk that is full; and tracebacks."""

from __future__ import annotations

import codecs
import errno
import io
import os
import sys
import warnings
from types import TracebackType
from typing import TextIO

from sirev.printing import replaced, say

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF, errno.ENXIO, errno.EAGAIN, errno.ESTALE)
"""Errors that writing to a stream ends in; others without a file's name are of a network, say."""


def open_what_is_closed() -> None:
    """Give the command streams where it was started without (`>&-`): what is written to them ends as on a full disk, or is lost.

    Their numbers are taken by /dev/null, or the next file that is opened would be written into.
    """
    while (taken := os.open(os.devnull, os.O_RDWR)) < 3:
        pass
    os.close(taken)
    if sys.stdout is None:
        sys.stdout = io.TextIOWrapper(io.BufferedWriter(_Closed()), encoding="utf-8")
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 (for as long as the command runs)


class _Closed(io.RawIOBase):
    """Standard output that was closed before the command began."""

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))


def spell_out_what_is_lacking() -> None:
    """From now on write what the terminal's encoding lacks as its nearest ASCII, such as an arrow, or spelled out: \\u4e2d.

    Tracebacks and Python's warnings, which quote data, go out by the one door, too.
    """
    codecs.register_error("sirev", replaced)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # UTF-8 lacks bytes of a path that are none
            stream.reconfigure(errors="sirev")
    sys.excepthook = _traceback
    warnings.showwarning = _warning


def _traceback(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    import traceback  # there is hardly ever one

    say(*"".join(traceback.format_exception(kind, error, trace)).rstrip("\n").split("\n"))


def _warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    say(*warnings.formatwarning(message, category, filename, lineno, line).rstrip("\n").split("\n"))


def complaint(error: OSError) -> str | None:
    """What to say of an error in writing to standard output; None if it is about some file, which has a name."""
    return f"the output can't be written: {error.strerror}" if error.filename is None and error.errno in FULL else None
