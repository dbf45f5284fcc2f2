"""Counts and lists in a line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

LISTED = 8
"""Names that a line about an unknown or ambiguous one lists; of more it gives the number."""


def count_text(count: int, what: str) -> str:
    """How many, with the word for one or several: 1 run, 3,000 runs."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def seeds_text(seeds: Iterable[int]) -> str:
    """Seeds by their numbers: "seed 0", "seeds 0, 2"."""
    named = [*map(str, seeds)]
    return f"seed{'' if len(named) == 1 else 's'} {', '.join(named)}"


def listed(items: Sequence[str], most: int = LISTED, between: str = ", ") -> str:
    """At most so many items, and the number of the rest: "a, b and 3 more"."""
    return between.join(items[:most]) + and_more(len(items) - most)


def and_more(count: int) -> str:
    """ " and 3 more"; nothing for none."""
    return f" and {count:,} more" if count > 0 else ""
