"""Counts and lists within a line of text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

LISTED = 8
"""The most names that a message about an unknown or ambiguous name lists; the rest are counted."""


def count_text(count: int, what: str) -> str:
    """A count with its noun in singular or plural: 1 run, 3,000 runs."""
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def seeds_text(seeds: Iterable[int]) -> str:
    """Seeds by their numbers: "seed 0", "seeds 0, 2"."""
    named = [*map(str, seeds)]
    return f"seed{'' if len(named) == 1 else 's'} {', '.join(named)}"


def listed(items: Sequence[str], most: int = LISTED, between: str = ", ") -> str:
    """At most `most` items, and the number of the rest: "a, b and 3 more"."""
    return between.join(items[:most]) + and_more(len(items) - most)


def and_more(count: int) -> str:
    """The text " and 3 more"; empty if `count` is not positive."""
    return f" and {count:,} more" if count > 0 else ""
