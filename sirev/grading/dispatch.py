"""Grading of many completions by any grader; `grade` is the entry point of a resident child."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from sirev.grading import final_number
from sirev.grading.grade import UNANSWERED, Grade, grade_because
from sirev.grading.graders import GRADERS, OWN, Settings
from sirev.processes.requests import Emit, Progress, Warned

GradeCount = Callable[[int, int], None]
"""Receives the number of grades done and their total."""

EVERY = 0.5
"""Seconds between two events of `grade`."""


@dataclass(frozen=True)
class Graded:
    """Grades in the order of their pairs, and facts that vary between runs and so are no part of them.

    `summary` is about all of them: the sandbox's tier, the number of programs that ran. `details` is empty or has an entry per
    pair: the seconds that a program took and the beginning of its stderr.
    """

    grades: list[Grade]
    summary: dict[str, Any] = field(default_factory=dict)
    details: list[dict[str, Any]] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """The content as JSON, to be passed between processes."""
        grades = [[one.correct, one.reason, one.answer] for one in self.grades]
        return {"grades": grades, "summary": self.summary, "details": self.details}

    @classmethod
    def of_json(cls, data: Mapping[str, Any]) -> Graded:
        """The inverse of `as_json`."""
        return cls([Grade(*one) for one in data["grades"]], data["summary"], data["details"])


def gold_of(grader: str, problem: Mapping[str, Any]) -> str:
    """A problem's gold answer in the form that its grader reads: for options, with their words as the prompt lists them."""
    answer = str(problem["answer"])
    if grader != "letter":
        return answer
    from sirev.grading import extract_option

    options = extract_option.shown_options(str(problem.get("prompt") or ""))
    return json.dumps({"letter": answer, "options": options}, ensure_ascii=False) if options else answer


def grade_light(grader: str, pairs: Sequence[tuple[str, str]]) -> Graded:
    """Grade (completion, gold) pairs by a light grader, at about a microsecond per answer."""
    return Graded([_LIGHT[grader](text, gold) for text, gold in pairs])


def grade_all(grader: str, pairs: Sequence[tuple[str, str]], settings: Settings, *, workers: int, progress: GradeCount) -> Graded:
    r"""Grade (completion, gold) pairs, in order.

    Only heavy graders read `settings`; `workers` pairs are judged at a time. Golds: for `math` the content of the gold \boxed{},
    for `mbpp` JSON with "tests" and "setup", for `letter` the option or JSON {"letter", "options": {letter: its words}}, for
    others the bare answer. Raises KeyError for an unknown grader, BadInput where programs can't be confined as required.
    """
    if not GRADERS[grader].heavy:
        graded = grade_light(grader, pairs)
        progress(len(pairs), len(pairs))
        return graded

    def done(count: int) -> None:
        progress(count, len(pairs))

    if grader == "mbpp":
        from sirev.grading import mbpp

        grades, summary, details = mbpp.grade_programs(pairs, settings, workers=workers, progress=done)
        return Graded(grades, summary, details)
    if grader == OWN:
        from sirev.grading import own

        return Graded(own.grade_by_function(pairs, settings.function, settings.seconds, workers=workers, progress=done))
    return Graded(_as_mathematics(grader, pairs, settings.seconds, workers, done))


def readers() -> dict[str, Callable[[str], str | None]]:
    """Readers by grader: functions from a text to the answer in it, None for nothing.

    Graders that take any text for an answer, or run it, are left out.
    """
    return _mathematics_readers() | {name: partial(_read_by, grade) for name, grade in _LIGHT.items() if name != "exact"}


def _read_by(grade: Callable[[str, str], Grade], text: str) -> str | None:
    found = grade(text, "")
    return None if found.reason in UNANSWERED else found.answer


@dataclass(frozen=True)
class GradeRequest:
    """A request to a heavy grader: grade the file `pairs`, [[completion, gold], ...], and write `Graded.as_json` to `out`."""

    grader: str
    settings: Settings
    pairs: Path
    out: Path
    workers: int


def grade(request: GradeRequest, emit: Emit[Progress | Warned]) -> int:
    """Grade a file and return the number of grades; emit a warning before programs run unconfined."""
    pairs = [(text, gold) for text, gold in json.loads(request.pairs.read_text(encoding="utf-8"))]
    if request.grader == "mbpp":
        from sirev.grading import mbpp

        if warning := mbpp.warning(request.settings.sandbox):
            emit(Warned(warning))
    began = last = time.monotonic()

    def progress(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if done == total or now - last >= EVERY:
            last = now
            emit(Progress(done, total, rate=done / max(now - began, 1e-3)))

    graded = grade_all(request.grader, pairs, request.settings, workers=request.workers, progress=progress)
    request.out.write_text(json.dumps(graded.as_json()), encoding="utf-8")
    return len(graded.grades)


def grade_in_child(
    grader: str,
    settings: Settings,
    pairs: Sequence[tuple[str, str]],
    folder: Path,
    workers: int,
    call: Callable[[GradeRequest], object],
) -> Graded:
    """Grades by a heavy grader in a child, which `call` sends the request to; pairs and grades are files in `folder`."""
    asked, answered = folder / "pairs.json", folder / "grades.json"
    asked.write_text(json.dumps(pairs), encoding="utf-8")
    call(GradeRequest(grader, settings, asked, answered, workers))
    return Graded.of_json(json.loads(answered.read_text(encoding="utf-8")))


def _as_mathematics(
    grader: str, pairs: Sequence[tuple[str, str]], seconds: float, workers: int, done: Callable[[int], None]
) -> list[Grade]:
    from sirev.grading import equivalence, extract, formulas

    if grader == "math":  # the only one that reads as many boxes as the gold answer has items
        answers = [formulas.formula(text, equivalence.items_of(gold)) for text, gold in pairs]
    else:
        read = _mathematics_readers()[grader]
        answers = [read(text) for text, _ in pairs]
    golds = [gold if grader == "math" else extract.number_in(gold) or gold for _, gold in pairs]
    found = [(gold, answer) for gold, answer in zip(golds, answers, strict=True) if answer is not None]
    missing = len(pairs) - len(found)
    reasons = iter(equivalence.judge(found, seconds=seconds, workers=workers, progress=lambda n: done(missing + n)))
    return [grade_because("no answer found", None) if a is None else grade_because(next(reasons), a) for a in answers]


def _letter(text: str, gold: str) -> Grade:
    from sirev.grading import extract_option

    letter, options = _options(gold)
    answer = extract_option.option(text, options)
    if answer is None:
        return grade_because("no answer found", None)
    return grade_because("right" if answer == letter else "wrong", answer)


@lru_cache(maxsize=64)
def _options(gold: str) -> tuple[str, Mapping[str, str]]:
    """The letter of a gold answer, and the words of the options where the gold holds them."""
    try:
        parts = json.loads(gold) if gold.startswith("{") else {}
        return str(parts["letter"]).strip(), {str(letter): str(words) for letter, words in parts["options"].items()}
    except (ValueError, TypeError, KeyError, AttributeError):
        return gold.strip(), {}


def _exact(text: str, gold: str) -> Grade:
    answer = text.strip()
    if not answer:
        return grade_because("no answer found", None)
    return grade_because("right" if answer == gold.strip() else "wrong", answer)


def _mathematics_readers() -> dict[str, Callable[[str], str | None]]:
    from sirev.grading import extract_number, formulas  # compiling their patterns takes 5% of a replay

    return {
        "gsm8k_strict": extract_number.strict,
        "gsm8k_flexible": extract_number.flexible,
        "last_number": extract_number.last_number,
        "math": formulas.formula,
    }


_LIGHT: dict[str, Callable[[str, str], Grade]] = {
    "final_number": final_number.grade_final_number,
    "letter": _letter,
    "exact": _exact,
}
