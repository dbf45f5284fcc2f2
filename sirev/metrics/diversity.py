"""How unlike the answers to one problem are. Each measure is a share: 1 is all different, near 0 all alike."""

from __future__ import annotations

import re
from collections.abc import Sequence

ORDERS = (1, 2, 3, 4, 5)
"""The n of the n-grams whose mean is reported as Distinct-N."""

_TOKEN = re.compile(r"\d+(?:\.\d+)?|\w+|[^\w\s]")
_EQUATION = re.compile(r"\d+(?:\.\d+)?(?:\s*[-+*/]\s*\d+(?:\.\d+)?)+\s*=\s*-?\d+(?:\.\d+)?")


def tokens(text: str) -> list[str]:
    """Words, numbers and single signs, without blanks: `3.5` stays one token."""
    return _TOKEN.findall(text)


def distinct_n(answers: Sequence[Sequence[str]], n: int) -> float | None:
    """Distinct n-grams / all n-grams over the tokenised answers to one problem (Li et al. 2016, arXiv 1510.03055).

    None where no answer has n tokens.
    """
    seen: set[tuple[str, ...]] = set()
    total = 0
    for answer in answers:
        grams = list(zip(*(answer[i:] for i in range(n)), strict=False))
        seen.update(grams)
        total += len(grams)
    return len(seen) / total if total else None


def equations(text: str) -> tuple[str, ...]:
    """The equations of an answer in their order, blanks removed: "12 + 7 = 19" is "12+7=19"."""
    return tuple(re.sub(r"\s+", "", found) for found in _EQUATION.findall(text))


def distinct_equations(answers: Sequence[str]) -> float | None:
    """Distinct lists of equations / answers, for one problem (arXiv 2407.05013, section 4.2). None without answers."""
    if not answers:
        return None
    return len({equations(answer) for answer in answers}) / len(answers)
