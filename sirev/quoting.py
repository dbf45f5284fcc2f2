"""Command lines for a reader to paste, safe for a shell."""

from __future__ import annotations

import shlex


def as_typed(*words: object) -> str:
    """Words quoted for a shell: `sirev report --store 'my store'`. A recipe's name or a path may be untrusted, or have blanks."""
    return shlex.join(map(str, words))
