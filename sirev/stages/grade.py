"""grade: every completion right or wrong, with a stable reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sirev.errors import BadInput
from sirev.grading import final_number
from sirev.stages.stage import Context, Stage, semantic
from sirev.store.artifacts import Artifact, Output
from sirev.store.tables import Table

COLUMNS = {"problem_id": "string", "draw": "int", "correct": "bool", "reason": "string", "answer": "string"}


@dataclass(frozen=True)
class GradeParameters:
    """Which grader judges, and its version: a changed grader regrades and never samples."""

    grader: str = semantic()
    grader_version: int = semantic()


def parameters_for(grader: str) -> GradeParameters:
    """The parameters of a grader named in a recipe."""
    if grader != "final_number":
        raise BadInput(f"unknown grader {grader!r} (known: final_number)")
    return GradeParameters(grader, final_number.VERSION)


def run(parameters: GradeParameters, inputs: Mapping[str, Artifact], context: Context) -> Output:
    """A table `grades`, one row a completion. Inputs: `problems`, `completions`."""
    gold = {p["id"]: p["answer"] for p in inputs["problems"].rows("problems")}
    rows = []
    for completion in inputs["completions"].rows("completions"):
        verdict = final_number.grade(completion["text"], gold[completion["problem_id"]])
        rows.append(
            {
                "problem_id": completion["problem_id"],
                "draw": completion["draw"],
                "correct": verdict.correct,
                "reason": verdict.reason,
                "answer": verdict.answer,
            }
        )
    return Output(tables={"grades": Table(COLUMNS, rows, ("problem_id", "draw"))})


STAGE = Stage("grade", 1, GradeParameters, run)
