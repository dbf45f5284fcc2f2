"""Mathematical equality of answers with gold answers: decided directly where no algebra is needed, else in limited processes."""

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
"""Characters of the longest answer that is taken apart; a longer one must be a number or an equal text. No gold has 200."""

Pair = tuple[str, str]
"""A gold answer and the answer to judge, in this order: Math-Verify's comparison is not symmetric."""


def judge(pairs: Sequence[Pair], *, seconds: float, workers: int, progress: Callable[[int], None]) -> list[Reason]:
    """The verdict on each pair, in order; `seconds` of CPU time per pair, in `workers` processes.

    Equal pairs are judged once. `progress` receives the number of pairs done. No process starts where none is needed.
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
    """A verdict needs algebra."""


def _algebra_needed(gold: list[str], answer: list[str]) -> bool:
    raise _AlgebraNeeded


@lru_cache(maxsize=1 << 14)
def items_of(gold: str) -> int:
    """The number of items that a gold answer lists without brackets; 1 where it is no list."""
    return items_listed(notation(tidy(gold)))


def tidy(text: str) -> str:
    """The text without surrounding blanks and a full stop at the end, which seven of MATH's golds have inside their box."""
    text = text.strip()
    return text if text.endswith("\\right.") else text.removesuffix(".").rstrip()


def canonical(text: str) -> tuple[bool, str, str] | None:
    """A plain decimal as (negative, digits before, digits after) without needless zeros; None for anything else.

    Two numbers are equal exactly if these are, at any length and without rounding.
    """
    found = _PLAIN.fullmatch(text)
    if found is None or not any(character.isdigit() for character in text):
        return None
    # Zeros are stripped here and not by the pattern, which would try every way to split a run of them.
    sign, whole, fraction = found.group(1), found.group(2).lstrip("0"), (found.group(3) or "").rstrip("0")
    return bool(sign and (whole or fraction)), whole, fraction


# The functions below run in the workers of `sirev.grading.judge_pool`.


def prepare() -> None:
    """Import the libraries for algebra and let them build their tables, so that the first answer does not pay for it."""
    import logging

    logging.getLogger("math_verify").setLevel(logging.ERROR)  # it warns that its own timeouts are off
    by_algebra(("\\frac{\\pi}{2}", "x+1"))


def by_algebra(pair: Pair) -> Reason:
    """The verdict after parsing and comparing formulas; see `sirev.grading.algebra`."""
    from sirev.grading.algebra import equal_formulas

    gold, answer = (notation(tidy(text)) for text in pair)
    return "right" if same(gold, answer, equal_formulas) else "wrong"
