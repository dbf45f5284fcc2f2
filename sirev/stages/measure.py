"""measure: per-problem statistics of one M_t's graded completions, in separately versioned families."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Any

from sirev.grading import equivalence
from sirev.grading.grade import IN_PROCESS, UNANSWERED
from sirev.grading.program_tests import graded_program
from sirev.metrics.families import FAMILIES
from sirev.metrics.families.family import AnswerType, Draw
from sirev.metrics.voting import RIGHT_VOTE
from sirev.parameters import semantic
from sirev.processes.workers import spread
from sirev.stages.stage import Context, Stage
from sirev.store.artifacts import Artifact, Output
from sirev.store.digests import canonical_json

SPREAD_FROM = 20_000
"""Number of completions from which all cores are used; below, starting processes takes longer than it saves."""

BATCH = 64
"""Number of problems given to a process at a time."""


@dataclass(frozen=True)
class MeasureParameters:
    """The family of statistics and its version, so that a change to one family recomputes only that one."""

    family: str = semantic()
    family_version: int = semantic()
    answers: str = semantic(default="math", absent_means="math")
    """Kind of answers: "math" (equations are compared too), "code" (programs are compared too) or "text"."""


Measure = Callable[[Sequence[Draw], AnswerType], dict[str, Any]]
Measured = tuple[str, dict[str, Any]]
"""Problem id, and the family's statistics for it."""


def parameters_for(family: str, answers: str = "math") -> MeasureParameters:
    """The parameters of a family at its present version."""
    return MeasureParameters(family, FAMILIES[family].version, answers)


def run(parameters: MeasureParameters, inputs: Mapping[str, Artifact], context: Context) -> Output:
    """`measures.json`: {"problems": [{"id", "level", ...}]}, sorted by id.

    Inputs: `problems`, `completions`, `grades`, and `scores` for the families about likelihood.
    """
    family = FAMILIES[parameters.family]
    assert family.measure is not None
    given = {p["id"]: p for p in inputs["problems"].rows("problems")}
    # Both tables are sorted by problem and draw.
    rows = list(zip(inputs["completions"].rows("completions"), inputs["grades"].rows("grades"), strict=True))
    readable = any(grade["answer"] for _, grade in rows) or all(grade["reason"] in UNANSWERED for _, grade in rows)
    kind = AnswerType(parameters.answers, readable)
    scores = (
        {(s["problem_id"], s["draw"]): (s["tokens"], s["logprob"]) for s in inputs["scores"].rows("scores")}
        if ("scores" in inputs)
        else {}
    )
    # Parsing a program takes half a millisecond, and only families that compare programs need it.
    reads = kind.name == "code" and family.costly
    golds = {name: str(problem.get("answer") or "") for name, problem in given.items()} if reads else {}
    drawn = [
        (problem, [_draw(*row, golds.get(problem), kind, scores) for row in of_problem])
        for problem, of_problem in groupby(rows, key=lambda row: str(row[0]["problem_id"]))
    ]
    work = _spread if family.costly and len(rows) >= SPREAD_FROM else _measured
    measured = work(family.measure, drawn, kind)
    problems = [{"id": problem, "level": given[problem]["level"], **measures} for problem, measures in measured]
    return Output(files={"measures.json": canonical_json({"problems": problems})})


def _draw(
    completion: Mapping[str, Any],
    grade: Mapping[str, Any],
    gold: str | None,
    kind: AnswerType,
    scores: Mapping[tuple[str, int], tuple[int, float]],
) -> Draw:
    """The draw of a completion with its grade and, if any, its score; with its program if `gold` is given."""
    return Draw(
        text=completion["text"],
        draw=completion["draw"],
        tokens=completion["tokens"],
        truncated=completion["finish"] == "length",
        right=grade["correct"],
        in_process=grade["reason"] == IN_PROCESS,
        unanswered=grade["reason"] in UNANSWERED,
        ballot=ballot(grade["correct"], grade["answer"]) if kind.can_vote else None,
        program=(graded_program(completion["text"], gold) or "") if gold is not None else "",
        score=scores.get((completion["problem_id"], completion["draw"])),
    )


def _spread(measure: Measure, drawn: list[tuple[str, list[Draw]]], kind: AnswerType) -> list[Measured]:
    """Like `_measured`, on all cores."""
    batches = [drawn[i : i + BATCH] for i in range(0, len(drawn), BATCH)]
    with spread(partial(_measured, measure, kind=kind), batches) as measured:
        return [one for batch in measured for one in batch]


def _measured(measure: Measure, drawn: list[tuple[str, list[Draw]]], kind: AnswerType) -> list[Measured]:
    return [(problem, measure(draws, kind)) for problem, draws in drawn]


def ballot(right: bool, answer: str) -> str | None:
    """The vote of a draw, see `sirev.metrics.voting`: plain decimals by value, other wrong answers by text; None if empty."""
    if right:
        return RIGHT_VOTE
    text = equivalence.tidy(answer)
    number = equivalence.canonical(text)
    return (f"{'-' * number[0]}{number[1]}.{number[2]}" if number else text) or None


STAGE = Stage("measure", 3, MeasureParameters, run, place=100, deterministic=True, beside=True)
