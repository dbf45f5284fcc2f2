"""Command lines that a reader is told to type or to paste, safe for a shell whatever their words are."""

from __future__ import annotations

import shlex


def as_typed(*words: object) -> str:
    """Words as a shell takes them: `sirev report --store 'my store'`. A recipe's name or a path may be a stranger's, or have
    blanks."""
    return shlex.join(map(str, words))
