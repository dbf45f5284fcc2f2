"""grade: every completion right or wrong, with a stable reason."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass

from sirev.grading.graders import GRADERS
from sirev.grading.session import grade_all
from sirev.grading.verdict import Grade
from sirev.stages.stage import Context, Stage, semantic
from sirev.store.artifacts import Artifact, Output
from sirev.store.tables import Table

COLUMNS = {"problem_id": "string", "draw": "int", "correct": "bool", "reason": "string", "answer": "string"}


@dataclass(frozen=True)
class GradeParameters:
    """Which grader judges, and its version: a changed grader regrades and never samples. `seconds` of CPU an answer may take."""

    grader: str = semantic()
    grader_version: int = semantic()
    seconds: float | None = semantic(default=None, absent_means=None)


def parameters_for(grader: str, seconds: float) -> GradeParameters:
    """The parameters of a grader named in a recipe; a grader that takes no time has no limit."""
    known = GRADERS[grader]
    return GradeParameters(grader, known.version, seconds if known.heavy else None)


def run(parameters: GradeParameters, inputs: Mapping[str, Artifact], context: Context) -> Output:
    """A table `grades`, one row a completion. Inputs: `problems`, `completions`."""
    gold = {p["id"]: p["answer"] for p in inputs["problems"].rows("problems")}
    completions = inputs["completions"].rows("completions")
    pairs = [(completion["text"], gold[completion["problem_id"]]) for completion in completions]
    if GRADERS[parameters.grader].heavy:
        grades = _in_child(parameters, pairs, context)
    else:
        grades = grade_all(parameters.grader, pairs, seconds=0.0, workers=1, progress=lambda done, total: None)
    rows = [
        {"problem_id": c["problem_id"], "draw": c["draw"], "correct": g.correct, "reason": g.reason, "answer": g.answer}
        for c, g in zip(completions, grades, strict=True)
    ]
    return Output(tables={"grades": Table(COLUMNS, rows, ("problem_id", "draw"))})


def _in_child(parameters: GradeParameters, pairs: list[tuple[str, str]], context: Context) -> list[Grade]:
    asked, answered = context.scratch / "pairs.json", context.scratch / "grades.json"
    asked.write_text(json.dumps(pairs))
    context.call(
        "grader",
        "sirev.grading.session:grade",
        {
            "grader": parameters.grader,
            "seconds": parameters.seconds,
            "workers": os.cpu_count() or 1,
            "pairs": str(asked),
            "out": str(answered),
        },
        lambda event: context.progress(event["done"], event["total"], "answers"),
    )
    return [Grade(*verdict) for verdict in json.loads(answered.read_text())]


STAGE = Stage("grade", 1, GradeParameters, run)
