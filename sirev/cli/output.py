"""Standard output that can't take everything: a terminal without some characters, a disk that is full; and tracebacks."""

from __future__ import annotations

import codecs
import errno
import io
import sys
import warnings
from types import TracebackType
from typing import TextIO

from sirev.printing import say

PLAIN = str.maketrans(
    {
        **dict.fromkeys("−–—─━", "-"),
        **dict.fromkeys("│┃║", "|"),
        **dict.fromkeys("‘’", "'"),
        **dict.fromkeys("“”", '"'),
        **{chr(0x2080 + digit): str(digit) for digit in range(10)},
        "←": "<-",
        "→": "->",
        "↑": "^",
        "↓": "v",
        "⇅": "^v",
        "▲": "^",
        "▼": "v",
        "ₜ": "t",
        "…": "...",
        "≤": "<=",
        "≥": ">=",
        "≠": "!=",
        "≈": "~",
        "±": "+-",
        "×": "x",
        "·": "*",
    }
)
"""Characters that a terminal may lack -> what stands in their place."""


FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""Errors that writing to a stream ends in; others without a file's name are of a network, say."""


def spell_out_what_is_lacking() -> None:
    """From now on write what the terminal's encoding lacks as its nearest ASCII, such as an arrow, or spelled out: \\u4e2d.

    Tracebacks and Python's warnings, which quote data, go out by the one door, too.
    """
    codecs.register_error("sirev", _replaced)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # UTF-8 lacks bytes of a path that are none
            stream.reconfigure(errors="sirev")
    sys.excepthook = _traceback
    warnings.showwarning = _warning


def _replaced(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end].translate(PLAIN)
    return text.encode("ascii", "backslashreplace").decode(), error.end


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
