"""Answers that a grader could not read: their number, and the other grader that would have read them.

Unread answers count as wrong, so a reader that doesn't fit a model's style turns a good accuracy into a low one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sirev.grading.dispatch import readers
from sirev.grading.grade import UNANSWERED
from sirev.tasks.rows import shown

MANY = 0.1
"""Share of a step's answers above which unread ones are reported."""
SAMPLE = 50
"""Unread answers that the other readers are tried on."""
_EXAMPLES, _END = 3, 50
"""Answers that are quoted, and characters quoted from the end of each, where the answer usually is."""


def unread(
    texts: Sequence[str], reasons: Sequence[str], grader: str | None, golds: Sequence[str] | None = None
) -> dict[str, Any] | None:
    """The note recorded with the grades of a step if more than MANY of its answers could not be read; else None.

    {"grader", "unread", "of", "examples": the ends of three answers, "sample": the number of answers that the others were tried
    on, "readers": [[another grader, how many of these it reads, how many as the gold answer is written]], best first}. The last
    count is null without `golds`. `grader` None: verdicts and answers come from a file.
    """
    missed = [i for i, reason in enumerate(reasons) if reason in UNANSWERED]
    if len(missed) <= MANY * len(texts):
        return None
    sample = missed[:SAMPLE]
    counted: list[list[Any]] = []
    for name, read in readers().items() if grader != "mbpp" else ():
        found = [(answer, i) for i in sample if (answer := read(texts[i])) is not None]
        if name != grader and found:
            right = None if golds is None else sum(_same(answer, golds[i]) for answer, i in found)
            counted.append([name, len(found), right])
    return {
        "grader": grader,
        "unread": len(missed),
        "of": len(texts),
        "examples": [texts[i][-_END:] for i in missed[:_EXAMPLES]],
        "sample": len(sample),
        "readers": sorted(counted, key=lambda one: (-(one[2] or 0), -one[1], one[0])),
    }


def _same(answer: str, gold: str) -> bool:
    """Whether two answers are written alike, or are the same number: enough to compare readers, but no grade."""
    one, other = (" ".join(text.replace(",", "").split()) for text in (answer, gold))
    if one == other:
        return True
    try:
        return float(one) == float(other)
    except ValueError:
        return False


def unread_in_words(found: dict[str, Any]) -> str:
    """The result of `unread` as a sentence: how many, three examples, and the grader to name instead."""
    by = "the files have" if found["grader"] is None else f"{found['grader']} read"
    share = 100 * found["unread"] / found["of"]
    such = ", ".join(shown(one) for one in found["examples"])
    said = f"{by} no answer in {found['unread']:,} of {found['of']:,} answers ({share:.1f}%), which end in {such}"
    if not found["readers"]:
        return f"{said}; no other grader reads one either" if found["grader"] != "mbpp" else said
    name, count, right = found["readers"][0]
    as_gold = "" if right is None else f", {right or 'none'} as the gold answer"
    every = f"{count} of {found['sample']} of them{as_gold}"
    return f"{said}; {name} would read {every}: name it with --grader {name} (in a recipe: evaluation.grader)"
