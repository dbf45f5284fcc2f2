"""grade: every completion right or wrong, with a stable reason."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from sirev.grading.dispatch import Graded, grade_light
from sirev.grading.graders import GRADERS
from sirev.processes.spawning import cores
from sirev.recipe.sections import Grader
from sirev.stages.stage import Context, Stage, semantic
from sirev.store.artifacts import Artifact, Output
from sirev.store.tables import Table

GRADE_COLUMNS = {"problem_id": "string", "draw": "int", "correct": "bool", "reason": "string", "answer": "string"}


@dataclass(frozen=True)
class GradeParameters:
    """Which grader judges, and its version: a changed grader regrades and never samples. `seconds` of CPU an answer may take.

    The others are of graders that run programs alone. `sandbox` is the least tier that will do: which one was used is
    provenance, so that grades made in a better one are found.
    """

    grader: str = semantic()
    grader_version: int = semantic()
    seconds: float | None = semantic(default=None, absent_means=None)
    memory_mb: int | None = semantic(default=None, absent_means=None)
    sandbox: str | None = semantic(default=None, absent_means=None)
    prelude: bool | None = semantic(default=None, absent_means=None)


def grade_parameters(grader: Grader) -> GradeParameters:
    """The parameters of a recipe's grader; one that takes no time has no limit."""
    known = GRADERS[grader.name]
    settings = grader.model_dump(exclude={"name"}) if known.heavy else {}
    return GradeParameters(grader.name, known.version, **settings)


def run(parameters: GradeParameters, inputs: Mapping[str, Artifact], context: Context) -> Output:
    """A table `grades`, one row a completion. Inputs: `problems`, `completions`.

    What differs from run to run (seconds, what programs wrote to stderr, the sandbox's tier) is recorded beside it.
    """
    gold = {p["id"]: p["answer"] for p in inputs["problems"].rows("problems")}
    completions = inputs["completions"].rows("completions")
    pairs = [(completion["text"], gold[completion["problem_id"]]) for completion in completions]
    graded = _in_child(parameters, pairs, context) if GRADERS[parameters.grader].heavy else grade_light(parameters.grader, pairs)
    rows = [
        {"problem_id": c["problem_id"], "draw": c["draw"], "correct": g.correct, "reason": g.reason, "answer": g.answer}
        for c, g in zip(completions, graded.grades, strict=True)
    ]
    output = Output(tables={"grades": Table(GRADE_COLUMNS, rows, ("problem_id", "draw"))}, provenance=graded.summary)
    if graded.details:
        import gzip  # a replay has no use for it

        told = (
            {"problem_id": c["problem_id"], "draw": c["draw"], **detail}
            for c, detail in zip(completions, graded.details, strict=True)
        )
        output.notes["programs.jsonl.gz"] = gzip.compress("".join(f"{json.dumps(one)}\n" for one in told).encode(), mtime=0)
    return output


def _in_child(parameters: GradeParameters, pairs: list[tuple[str, str]], context: Context) -> Graded:
    asked, answered = context.scratch / "pairs.json", context.scratch / "grades.json"
    asked.write_text(json.dumps(pairs), encoding="utf-8")
    settings = {f.name: getattr(parameters, f.name) for f in fields(parameters) if f.name not in ("grader", "grader_version")}

    def told(event: dict[str, Any]) -> None:
        if "warning" in event:
            context.warn(event["warning"])
        else:
            context.progress(event["done"], event["total"], "answers", event["rate"])

    context.call(
        "grader",
        "sirev.grading.dispatch:grade",
        {
            "grader": parameters.grader,
            "settings": {name: value for name, value in settings.items() if value is not None},
            "workers": cores(),
            "pairs": str(asked),
            "out": str(answered),
        },
        told,
    )
    return Graded.of_json(json.loads(answered.read_text(encoding="utf-8")))


STAGE = Stage("grade", 1, GradeParameters, run, place=90, deterministic=True, needs=("sandbox",))
