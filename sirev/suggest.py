"""Suggestions after an unknown name."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

from sirev.listing import LISTED, and_more

ALIASES = {
    "lr": "learning_rate",
    "bs": "batch_size",
    "num_epochs": "epochs",
    "num_train_epochs": "epochs",
    "warmup_ratio": "warmup",
    "temp": "temperature",
    "topp": "top_p",
    "max_tokens": "max_new_tokens",
    "num_samples": "n",
    "n_samples": "n",
    "samples": "n",
    "rank": "r",
    "lora_r": "r",
    "lora_rank": "r",
    "lora_alpha": "alpha",
    "lora_dropout": "dropout",
    "method": "methods",
    "iterations": "T",
}
"""Other words for fields of a recipe, in lower case."""
SHORTEST_PART = 3
"""Letters that a part of a name must have to stand for it."""
_FEW = 4
"""Names that a part may stand for, to be worth a suggestion."""
SLIP = 0.8
"""From which likeness on (of difflib) a word is a misspelt name rather than a part of others."""


def is_word_for(word: str, known: Sequence[str]) -> str | None:
    """The known name that a word is but for its case, or is another word for; None if there is none."""
    folded = {name.casefold(): name for name in known}
    meant = word.casefold()
    candidates = (meant, meant.replace("_", "-"), ALIASES.get(meant, meant).casefold())
    return next((folded[name] for name in candidates if name in folded), None)


def nearest(word: str, known: Sequence[str]) -> list[str]:
    """Which known names a word may have meant: the one it is a word for or is nearest to, else a few that contain it."""
    if exact := is_word_for(word, known):
        return [exact]
    folded = {name.casefold(): name for name in known}
    meant = word.casefold()
    containing = [name for fold, name in folded.items() if len(meant) >= SHORTEST_PART and meant in fold]
    close = difflib.get_close_matches(meant, folded, n=1)
    is_slip = bool(difflib.get_close_matches(meant, folded, n=1, cutoff=SLIP))
    if not is_slip and 0 < len(containing) <= _FEW:
        return containing
    return [folded[close[0]]] if close else []


def did_you_mean(names: Sequence[str]) -> str:
    """ "; did you mean 'a', 'b' or 'c'?", nothing where there is no name."""
    if not names:
        return ""
    *others, last = map(repr, names)
    return f"; did you mean {', '.join(others)}{' or ' if others else ''}{last}?"


def suggest(word: str, known: Sequence[str]) -> str:
    """The nearest known names, and all of them."""
    hint = did_you_mean(nearest(word, known))
    return f"{hint} (known: {', '.join(known)})" if known else hint


def suggest_of(word: str, known: Sequence[str]) -> str:
    """As `suggest`, with known names sorted; of many, only the nearest."""
    if len(known) <= LISTED:
        return suggest(word, sorted(known))
    close = difflib.get_close_matches(word, known, n=LISTED, cutoff=0.0)
    return f"{suggest(word, sorted(close)).removesuffix(')')}{and_more(len(known) - LISTED)})"
