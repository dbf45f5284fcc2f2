"""Grading without a run: completions with gold answers, from Python or from a file. Nothing is stored."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sirev.errors import BadInput, StageFailed
from sirev.execution.children import Crew
from sirev.grading import dispatch
from sirev.grading.dispatch import Graded, grade_in_child, grade_light
from sirev.grading.grade import Grade
from sirev.grading.graders import GRADERS, Settings
from sirev.processes.requests import Warned
from sirev.processes.resident import ChildFailed
from sirev.processes.spawning import cores
from sirev.recipe.sections import Grader, OwnGrader, ProgramGrader
from sirev.study.external.unjudged import grader_for
from sirev.study.grading_task import grader_section
from sirev.tasks.external.completions import field_paths, read
from sirev.tasks.external.files import file_form, files_at
from sirev.tasks.rows import shown

FAILED = "failed request"
"""The reason for a completion that is null."""
Pair = tuple[str, Any]
"""A completion and its gold answer: a text, or for programs {"tests": ["assert ...", ...], "setup": "..."} or a list of tests."""


@dataclass(frozen=True)
class GradedCompletion:
    """A completion of a file with its verdict, the answer that was read, and the reason."""

    problem: str
    draw: int
    gold: str
    correct: bool
    reason: str
    answer: str


@dataclass(frozen=True)
class GradedFile:
    """The grader's name, and the graded completions of a file, in the order of problems, with their texts."""

    grader: str
    completions: list[GradedCompletion]
    texts: list[str]


def grade(
    grader: str, pairs: Iterable[Pair], *, settings: Mapping[str, Any] | None = None, unsafe_code: bool = False
) -> list[Grade]:
    """The grades of (completion, gold answer) pairs, in order: verdict, reason and the answer that was read.

    `grader` is a name such as "math", "gsm8k_flexible", "letter" or "mbpp", or your own function, "file.py:function";
    `settings` are fields of its section in a recipe, such as {"seconds": 3}. Programs run in the sandbox unless `unsafe_code`
    allows otherwise. Raises BadInput for an unknown grader and for an invalid pair, StageFailed if grading fails.
    """
    section = grader_section(grader, settings or {})
    if unsafe_code:
        if not isinstance(section, ProgramGrader):
            raise BadInput(f"unsafe_code: the grader {grader} runs no programs")
        section = section.model_copy(update={"sandbox": "C"})
    return _graded(section, [_checked(i, pair, section) for i, pair in enumerate(pairs)]).grades


def grade_file(
    file: str | Path,
    *,
    grader: str | None = None,
    fields: Mapping[str, str] | None = None,
    reader: str = "auto",
    settings: Mapping[str, Any] | None = None,
) -> GradedFile:
    """Grade the completions of a file, folder or pattern by the gold answers in it; `fields` as for `sirev.measure`.

    The default grader is one that reads answers of the gold answers' form. Raises BadInput if a problem has no gold answer.
    """
    places = files_at(file)
    found = read(
        [(path, file_form(path)) for path in places], field_paths(fields or {}, ""), graded=False, reader=reader
    ).problems
    for one in found:
        if not one.gold:
            raise BadInput(f"{one.where}: no gold answer to compare with: name its field with --gold")
    name = grader or grader_for([one.gold for one in found])
    each = [(one, draw, completion) for one in found for draw, completion in enumerate(one.completions)]
    golds = [dispatch.gold_of(name, {"answer": one.gold, "prompt": one.prompt}) for one, _, _ in each]
    pairs = zip((completion.text for *_, completion in each), golds, strict=True)
    grades = grade(name, pairs, settings=settings)
    rows = [
        GradedCompletion(one.named, draw, one.gold, given.correct, FAILED if completion.failed else given.reason, given.answer)
        for (one, draw, completion), given in zip(each, grades, strict=True)
    ]
    return GradedFile(name, rows, [completion.text for _, _, completion in each])


def _checked(at: int, pair: Any, grader: Grader) -> tuple[str, str]:
    """A pair in the graders' form, two texts; BadInput if it is invalid."""
    if not isinstance(pair, Sequence) or isinstance(pair, str) or len(pair) != 2:
        raise BadInput(f"pairs[{at}]: expected (completion, gold answer), got {shown(pair)}")
    text, gold = pair
    if isinstance(grader, ProgramGrader) and not isinstance(gold, str):
        gold = json.dumps(dict(gold) if isinstance(gold, Mapping) else {"tests": list(gold)})
    if isinstance(gold, int | float) and not isinstance(gold, bool):
        gold = str(gold)
    for what, value in (("completion", text), ("gold answer", gold)):
        if not isinstance(value, str):
            raise BadInput(f"pairs[{at}]: the {what} must be a text, got {shown(value)}")
    return text, gold


def _graded(section: Grader, pairs: list[tuple[str, str]]) -> Graded:
    if not pairs:
        return Graded([])
    if not GRADERS[section.name].heavy:
        return grade_light(section.name, pairs)
    given = section.model_dump(exclude={"name", "function"})
    settings = Settings(**given, function=section.function if isinstance(section, OwnGrader) else "")
    crew = Crew("grade", embedded=False)
    try:
        clerk = crew.resident("grader")

        def call(request: dispatch.GradeRequest) -> None:
            clerk.call(dispatch.grade, request, _told)

        return grade_in_child(section.name, settings, pairs, crew.scratch, cores(), call)
    except ChildFailed as error:
        raise StageFailed(f"grade: {error}") from None
    finally:  # also on Ctrl-C
        crew.close()


def _told(event: object) -> None:
    """Pass on warnings, such as that programs run unconfined; ignore progress."""
    if isinstance(event, Warned):
        import warnings

        warnings.warn(event.text, stacklevel=2)
