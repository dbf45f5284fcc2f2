"""Answers that a grader reads nothing in: how many there are, and which other reader would have read them.

Nothing read counts as wrong, so that a reader that does not fit what a model writes makes a low accuracy of a good one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sirev.grading.dispatch import readers
from sirev.grading.grade import UNANSWERED
from sirev.tasks.rows import shown

MANY = 0.1
"""Share of the answers of a step from which on it is said that they were not read."""
SAMPLE = 50
"""Unread answers that the other readers are tried on."""
_EXAMPLES, _END = 3, 50
"""Answers that are quoted, and characters of the end of each, where an answer stands."""


def unread(texts: Sequence[str], reasons: Sequence[str], grader: str | None) -> dict[str, Any] | None:
    """What is recorded beside the grades of a step where more than MANY of its answers hold none that was read; else None.

    {"grader", "unread", "of", "examples": the ends of three, "readers": [[another grader, how many of `sample` it reads]], the
    best first, "sample"}. `grader` None: the verdicts, and what was read, are those of a file.
    """
    missed = [text for text, reason in zip(texts, reasons, strict=True) if reason in UNANSWERED]
    if len(missed) <= MANY * len(texts):
        return None
    sample = missed[:SAMPLE]
    counted = [[name, sum(map(reads, sample))] for name, reads in readers().items() if name != grader and grader != "mbpp"]
    return {
        "grader": grader,
        "unread": len(missed),
        "of": len(texts),
        "examples": [text[-_END:] for text in missed[:_EXAMPLES]],
        "readers": sorted((one for one in counted if one[1]), key=lambda one: (-int(one[1]), one[0])),
        "sample": len(sample),
    }


def unread_in_words(found: dict[str, Any]) -> str:
    """What `unread` found, in a sentence: how many, three examples, and the grader to name instead."""
    by = "the files have" if found["grader"] is None else f"{found['grader']} read"
    share = 100 * found["unread"] / found["of"]
    such = ", ".join(shown(one) for one in found["examples"])
    said = f"{by} no answer in {found['unread']:,} of {found['of']:,} answers ({share:.1f} %), which end in {such}"
    if not found["readers"]:
        return f"{said}; no other grader reads one either" if found["grader"] != "mbpp" else said
    name, count = found["readers"][0]
    every = f"{count} of {found['sample']} of them"
    return f"{said}; {name} would read {every}: name it by --grader {name} (in a recipe: evaluation.grader)"
