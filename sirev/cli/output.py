"""Standard output that can't take everything: a terminal without some characters, a disk that is full."""

from __future__ import annotations

import codecs
import errno
import io
import sys

PLAIN = str.maketrans(
    {"−": "-", "–": "-", "—": "-", "─": "-", "→": "->", "…": "...", "≤": "<=", "≥": ">=", "×": "x", "·": "*", "“": '"', "”": '"'}
)
"""Characters that a terminal may lack -> what stands in their place."""


FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
"""Errors that writing to a stream ends in; others without a file's name are of a network, say."""


def spell_out_what_is_lacking() -> None:
    """From now on write what the terminal's encoding lacks, such as an arrow in Latin-1, as its nearest ASCII or "?"."""
    codecs.register_error("sirev", _replaced)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and codecs.lookup(stream.encoding).name != "utf-8":
            stream.reconfigure(errors="sirev")


def _replaced(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end].translate(PLAIN)
    return text.encode("ascii", "replace").decode(), error.end


def complaint(error: OSError) -> str | None:
    """What to say of an error in writing to standard output; None if it is about some file, which has a name."""
    return f"the output can't be written: {error.strerror}" if error.filename is None and error.errno in FULL else None
