"""Votes of the draws of one problem: their counts, the majority's answer, and their entropy.

A ballot is the vote of one draw: RIGHT_VOTE, the text of a wrong answer, or None for a draw without a readable answer. All right
answers are one answer, in whatever form.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import fsum, log2
from typing import TypedDict

from sirev.metrics.pass_at_n import powers_of_two

RIGHT_VOTE = ""
"""The ballot for the right answer. No wrong answer is an empty text, which is no answer."""


class Votes(TypedDict):
    """Numbers of right draws, of draws per distinct wrong answer (largest first), and of draws without an answer."""

    right: int
    wrong: list[int]
    none: int


def votes(ballots: Sequence[str | None]) -> Votes:
    """The counts of the ballots."""
    counts = Counter(ballots)
    right, none = counts.pop(RIGHT_VOTE, 0), counts.pop(None, 0)
    return {"right": right, "wrong": sorted(counts.values(), reverse=True), "none": none}


def majority(ballots: Sequence[str | None]) -> dict[str, float]:
    """maj@N for each power of two N up to n and for n itself: the share of blocks whose most frequent answer is right.

    Blocks are the n // N runs of N consecutive draws, so that none is used twice (majority voting as in Wang et al. 2022, arXiv
    2203.11171). A tie counts 1 / (number of answers tied). Draws without an answer do not vote; a block without a vote is wrong.
    """
    n = len(ballots)
    sizes = dict.fromkeys([*powers_of_two(n), n]) if n else {}
    shares = {}
    for size in sizes:
        blocks = n // size
        shares[str(size)] = fsum(_elected(ballots[i * size : (i + 1) * size]) for i in range(blocks)) / blocks
    return shares


def _elected(block: Sequence[str | None]) -> float:
    """1 where the right answer has the most votes, its share of a tie where others have as many, else 0."""
    right = block.count(RIGHT_VOTE)
    if not right:
        return 0.0
    counts = Counter(block)
    del counts[None]
    most = max(counts.values())
    return 1 / sum(number == most for number in counts.values()) if right == most else 0.0


def entropy(found: Votes) -> float | None:
    """Shannon entropy of the draws' answers in bits: -sum p log2 p, with "no answer" as one category. None without draws."""
    counts = [n for n in (found["right"], *found["wrong"], found["none"]) if n]
    total = sum(counts)
    # Adding 0 makes the -0.0 of a single category a plain 0.
    return -fsum(n / total * log2(n / total) for n in counts) + 0.0 if total else None
