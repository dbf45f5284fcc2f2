"""The one door to all graders: many completions, one list of grades. `grade` is its form for a resident child."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sirev.grading import extract, final_number
from sirev.grading.graders import GRADERS
from sirev.grading.verdict import Grade, because

Emit = Callable[[dict[str, Any]], None]
Progress = Callable[[int, int], None]
"""Told how many grades are done and how many there will be."""

EVERY = 0.5
"""Seconds between two events of `grade`."""


def grade_all(grader: str, pairs: Sequence[tuple[str, str]], *, seconds: float, workers: int, progress: Progress) -> list[Grade]:
    """Grade (completion, gold) pairs, in order.

    `seconds` of CPU time is the limit for one answer or program of a heavy grader, `workers` how many are judged at a time.
    Golds: `math` takes the content of the gold \\boxed{}, `mbpp_unsafe_subprocess` JSON with "tests" and "setup", the others
    the bare answer. Raises KeyError for an unknown grader.
    """
    if not GRADERS[grader].heavy:
        grades = [_LIGHT[grader](text, gold) for text, gold in pairs]
        progress(len(pairs), len(pairs))
        return grades

    def done(count: int) -> None:
        progress(count, len(pairs))

    if grader == "mbpp_unsafe_subprocess":
        from sirev.grading import unsafe_programs

        return unsafe_programs.grade_all(pairs, seconds=seconds, workers=workers, progress=done)
    return _as_mathematics(grader, pairs, seconds, workers, done)


def grade(arguments: dict[str, Any], emit: Emit) -> dict[str, int]:
    """Grade the file `pairs`, [[completion, gold], ...], into the file `out`, [[correct, reason, answer], ...].

    Further arguments: `grader`, `seconds`, `workers`. Emits {"done", "total"} now and then; returns {"graded"}.
    """
    pairs = [(text, gold) for text, gold in json.loads(Path(arguments["pairs"]).read_text())]
    last = time.monotonic()

    def progress(done: int, total: int) -> None:
        nonlocal last
        if done == total or time.monotonic() - last >= EVERY:
            last = time.monotonic()
            emit({"done": done, "total": total})

    grades = grade_all(arguments["grader"], pairs, seconds=arguments["seconds"], workers=arguments["workers"], progress=progress)
    Path(arguments["out"]).write_text(json.dumps([[g.correct, g.reason, g.answer] for g in grades]))
    return {"graded": len(grades)}


def _as_mathematics(
    grader: str, pairs: Sequence[tuple[str, str]], seconds: float, workers: int, done: Callable[[int], None]
) -> list[Grade]:
    from sirev.grading import equivalence

    read = _READ[grader]
    answers = [read(text) for text, _ in pairs]
    golds = [gold if grader == "math" else extract.number(gold) or gold for _, gold in pairs]
    found = [(gold, answer) for gold, answer in zip(golds, answers, strict=True) if answer is not None]
    missing = len(pairs) - len(found)
    reasons = iter(equivalence.judge(found, seconds=seconds, workers=workers, progress=lambda n: done(missing + n)))
    return [because("no answer found", None) if a is None else because(next(reasons), a) for a in answers]


def _letter(text: str, gold: str) -> Grade:
    answer = extract.letter(text)
    if answer is None:
        return because("no answer found", None)
    return because("right" if answer == gold.strip() else "wrong", answer)


def _exact(text: str, gold: str) -> Grade:
    answer = text.strip()
    if not answer:
        return because("no answer found", None)
    return because("right" if answer == gold.strip() else "wrong", answer)


_READ: dict[str, Callable[[str], str | None]] = {
    "gsm8k_strict": extract.strict,
    "gsm8k_flexible": extract.flexible,
    "math": extract.formula,
}
_LIGHT: dict[str, Callable[[str, str], Grade]] = {"final_number": final_number.grade, "letter": _letter, "exact": _exact}
