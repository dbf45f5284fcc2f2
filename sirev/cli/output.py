"""Robust standard output: closed streams, full disks, terminals without some characters, and tracebacks."""

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
"""Errors of writing to a stream; other errors without a file name may come from a network."""


def open_what_is_closed() -> None:
    """Replace streams that were closed at the start (`>&-`): writing to stdout then fails as on a full disk, stderr is lost.

    /dev/null takes their descriptors; otherwise the next opened file would receive the output.
    """
    while (taken := os.open(os.devnull, os.O_RDWR)) < 3:
        pass
    os.close(taken)
    if sys.stdout is None:
        sys.stdout = io.TextIOWrapper(io.BufferedWriter(_Closed()), encoding="utf-8")
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 (for as long as the command runs)


class _Closed(io.RawIOBase):
    """Standard output that was closed at the start."""

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))


def spell_out_what_is_lacking() -> None:
    """Write characters that the terminal's encoding lacks as their nearest ASCII, such as -> for an arrow, or escaped: \\u4e2d.

    Tracebacks and Python's warnings, which quote data, pass through `sirev.printing` too.
    """
    codecs.register_error("sirev", replaced)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # even UTF-8 can't encode a path's non-UTF-8 bytes
            stream.reconfigure(errors="sirev")
    sys.excepthook = _traceback
    warnings.showwarning = _warning


def _traceback(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    import traceback  # rarely needed

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
    """The message about an error of writing to standard output; None for an error about a named file."""
    return f"the output can't be written: {error.strerror}" if error.filename is None and error.errno in FULL else None
