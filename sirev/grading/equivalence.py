"""Equality of an answer and the gold answer as mathematics: at a glance where no algebra is needed, else in limited processes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache

from sirev.grading.comparison import items_listed, same
from sirev.grading.grade import Reason
from sirev.grading.notation import notation

_PLAIN = re.compile(r"(-?)([0-9]*)(?:\.([0-9]*))?")

LONGEST = 2_000
"""Characters of an answer that is taken apart; of a longer one only numbers and equal texts are right. No gold has 200."""

Pair = tuple[str, str]
"""A gold answer and the answer to judge, in this order: Math-Verify's comparison is not symmetric."""


def judge(pairs: Sequence[Pair], *, seconds: float, workers: int, progress: Callable[[int], None]) -> list[Reason]:
    """Whether each answer equals its gold, in order; `seconds` of CPU time for one, in `workers` processes.

    Equal pairs are judged once. `progress` is told how many are done. No process is started where none is needed.
    """
    counts = Counter(pairs)
    reasons: dict[Pair, Reason] = {pair: reason for pair in counts if (reason := at_a_glance(pair)) is not None}
    done = sum(counts[pair] for pair in reasons)
    progress(done)
    hard = [pair for pair in counts if pair not in reasons]
    if hard:
        from sirev.grading.judge_pool import judge_all

        def judged(index: int) -> None:
            nonlocal done
            done += counts[hard[index]]
            progress(done)

        found = judge_all(by_algebra, hard, seconds=seconds, workers=workers, prepare=prepare, judged=judged)
        reasons.update(zip(hard, found, strict=True))
    return [reasons[pair] for pair in pairs]


def at_a_glance(pair: Pair) -> Reason | None:
    """The verdict where it needs no algebra; None where it does."""
    gold, answer = map(tidy, pair)
    if gold == answer:
        return "right"
    if not answer:
        return "wrong"
    numbers = canonical(gold), canonical(answer)
    if None not in numbers:
        return "right" if numbers[0] == numbers[1] else "wrong"
    if max(len(gold), len(answer)) > LONGEST:
        return "wrong"
    try:
        return "right" if same(notation(gold), notation(answer), _algebra_needed) else "wrong"
    except _AlgebraNeeded:
        return None


class _AlgebraNeeded(Exception):
    """A verdict depends on formulas."""


def _algebra_needed(gold: list[str], answer: list[str]) -> bool:
    raise _AlgebraNeeded


@lru_cache(maxsize=1 << 14)
def items_of(gold: str) -> int:
    """How many items a gold answer lists without brackets; 1 where it is no list."""
    return items_listed(notation(tidy(gold)))


def tidy(text: str) -> str:
    """Without blanks around it and a sentence's full stop at its end, which seven of MATH's golds have in their box."""
    text = text.strip()
    return text if text.endswith("\\right.") else text.removesuffix(".").rstrip()


def canonical(text: str) -> tuple[bool, str, str] | None:
    """A plain decimal as (negative, digits before, digits after) without idle zeros; None for anything else.

    Equal numbers and only they are equal as this, with no limit to their length and no rounding.
    """
    found = _PLAIN.fullmatch(text)
    if found is None or not any(character.isdigit() for character in text):
        return None
    # Idle zeros are taken off here: a pattern that does it tries every way to share a row of zeros out.
    sign, whole, fraction = found.group(1), found.group(2).lstrip("0"), (found.group(3) or "").rstrip("0")
    return bool(sign and (whole or fraction)), whole, fraction


# What follows runs in the workers of `sirev.grading.judge_pool`.


def prepare() -> None:
    """Import what algebra needs and let it build its tables, so that the first answer does not pay for it."""
    import logging

    logging.getLogger("math_verify").setLevel(logging.ERROR)  # it warns that its own timeouts are off
    by_algebra(("\\frac{\\pi}{2}", "x+1"))


def by_algebra(pair: Pair) -> Reason:
    """The verdict, formulas parsed and compared; see `sirev.grading.algebra`."""
    from sirev.grading.algebra import equal_formulas

    gold, answer = (notation(tidy(text)) for text in pair)
    return "right" if same(gold, answer, equal_formulas) else "wrong"
