"""Equality of an answer and the gold answer as mathematics: exact for equal texts and numbers, else by Math-Verify."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence

from sirev.grading.grade import Reason

_PLAIN = re.compile(r"(-?)([0-9]*)(?:\.([0-9]*))?")

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

        found = judge_all(by_math_verify, hard, seconds=seconds, workers=workers, prepare=prepare, judged=judged)
        reasons.update(zip(hard, found, strict=True))
    return [reasons[pair] for pair in pairs]


def at_a_glance(pair: Pair) -> Reason | None:
    """The verdict where it needs no algebra: equal texts, nothing beside something, and two plain decimals."""
    gold, answer = map(tidy, pair)
    if gold == answer:
        return "right"
    if not answer:
        return "wrong"
    numbers = canonical(gold), canonical(answer)
    if None in numbers:
        return None
    return "right" if numbers[0] == numbers[1] else "wrong"


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
    """Import Math-Verify and let it build its tables, so that the first answer does not pay for it."""
    import logging

    logging.getLogger("math_verify").setLevel(logging.ERROR)  # it warns that its own timeouts are off
    by_math_verify(("\\frac{1}{2}", "x+1"))


def by_math_verify(pair: Pair) -> Reason:
    """Math-Verify's verdict alone. Its own timeouts count wall time, so they are off."""
    from math_verify import parse, verify

    # In a box, the whole of it is the answer: nothing is looked for in the text.
    gold, answer = (parse(f"\\boxed{{{tidy(text)}}}", parsing_timeout=None) for text in pair)
    return "right" if verify(gold, answer, timeout_seconds=None) else "wrong"
