"""Suggestions for an unknown name."""

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
"""Synonyms of a recipe's fields, in lower case."""
SHORTEST_PART = 3
"""The fewest letters for which a part of a name may stand for it."""
_FEW = 4
"""The most names that may contain a part for them to be suggested."""
SLIP = 0.8
"""The difflib ratio from which a word counts as a misspelt name rather than as a part of others."""


def is_word_for(word: str, known: Sequence[str]) -> str | None:
    """The known name that a word equals up to case, or is a synonym of; None if there is none."""
    folded = {name.casefold(): name for name in known}
    meant = word.casefold()
    candidates = (meant, meant.replace("_", "-"), ALIASES.get(meant, meant).casefold())
    return next((folded[name] for name in candidates if name in folded), None)


def nearest(word: str, known: Sequence[str]) -> list[str]:
    """The known names that a word may have meant: the one it stands for, a few that contain it, or else the nearest."""
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
    """The text "; did you mean 'a', 'b' or 'c'?"; empty if there is no name."""
    if not names:
        return ""
    *others, last = map(repr, names)
    return f"; did you mean {', '.join(others)}{' or ' if others else ''}{last}?"


def suggest(word: str, known: Sequence[str]) -> str:
    """A hint with the nearest known names, and the list of all."""
    hint = did_you_mean(nearest(word, known))
    return f"{hint} (known: {', '.join(known)})" if known else hint


def suggest_of(word: str, known: Sequence[str]) -> str:
    """As `suggest`, with sorted names; of more than `LISTED` names only the nearest."""
    if len(known) <= LISTED:
        return suggest(word, sorted(known))
    close = difflib.get_close_matches(word, known, n=LISTED, cutoff=0.0)
    return f"{suggest(word, sorted(close)).removesuffix(')')}{and_more(len(known) - LISTED)})"
