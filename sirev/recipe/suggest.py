"""How a line about an unknown name ends."""

from __future__ import annotations

import difflib


def suggest(word: str, known: list[str]) -> str:
    """The nearest known name, and all of them."""
    close = difflib.get_close_matches(word, known, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    return f"{hint} (known: {', '.join(known)})" if known else hint
