"""grade: verdicts on completions, right or wrong, with a stable reason."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields

from sirev.grading import dispatch
from sirev.grading.dispatch import Graded, GradeRequest, grade_light
from sirev.grading.graders import GRADERS, Settings
from sirev.grading.unread import unread, unread_in_words
from sirev.own_code import keyed_name
from sirev.parameters import operational, semantic
from sirev.processes.requests import Progress, Warned
from sirev.processes.spawning import cores
from sirev.recipe.sections import Grader, OwnGrader
from sirev.stages.stage import Context, Stage
from sirev.store.artifacts import Artifact, Output
from sirev.store.tables import Table

GRADE_COLUMNS = {"problem_id": "string", "draw": "int", "correct": "bool", "reason": "string", "answer": "string"}


@dataclass(frozen=True)
class GradeParameters:
    """The grader and its version, so that a changed grader regrades without sampling again.

    `seconds` is the CPU time limit per answer. `function` and `code` are for the user's own function: its name, and the
    digest of its source file, whose path is `file`. The other fields are only for graders that run programs. `sandbox` is
    the lowest acceptable tier: the tier used is provenance, so that grades from a higher one are found.
    """

    grader: str = semantic()
    grader_version: int = semantic()
    seconds: float | None = semantic(default=None, absent_means=None)
    memory_mb: int | None = semantic(default=None, absent_means=None)
    sandbox: str | None = semantic(default=None, absent_means=None)
    prelude: bool | None = semantic(default=None, absent_means=None)
    function: str | None = semantic(default=None, absent_means=None)
    code: str | None = semantic(default=None, absent_means=None)
    file: str = operational(default="")


def grade_parameters(grader: Grader, code: str | None = None) -> GradeParameters:
    """The parameters of a recipe's grader; a fast one has no limits. `code` is the digest of the user's function's file."""
    known = GRADERS[grader.name]
    settings = grader.model_dump(exclude={"name"}) if known.heavy else {}
    if isinstance(grader, OwnGrader):
        settings |= {"function": keyed_name(grader.function), "code": code, "file": grader.function}
    return GradeParameters(grader.name, known.version, **settings)


def run(parameters: GradeParameters, inputs: Mapping[str, Artifact], context: Context) -> Output:
    """Table `grades`, one row per completion. Inputs: `problems`, `completions`.

    What differs between equal runs (seconds, stderr of programs, the sandbox's tier) goes to provenance and notes.
    """
    problems = {p["id"]: p for p in inputs["problems"].rows("problems")}
    gold = {name: dispatch.gold_of(parameters.grader, problem) for name, problem in problems.items()}
    completions = inputs["completions"].rows("completions")
    pairs = [(completion["text"], gold[completion["problem_id"]]) for completion in completions]
    graded = _in_child(parameters, pairs, context) if GRADERS[parameters.grader].heavy else grade_light(parameters.grader, pairs)
    rows = [
        {"problem_id": c["problem_id"], "draw": c["draw"], "correct": g.correct, "reason": g.reason, "answer": g.answer}
        for c, g in zip(completions, graded.grades, strict=True)
    ]
    noted = dict(graded.summary)
    texts, golds = [text for text, _ in pairs], [str(problems[c["problem_id"]]["answer"]) for c in completions]
    if found := unread(texts, [one.reason for one in graded.grades], parameters.grader, golds):
        noted["unread"] = found
        context.warn(unread_in_words(found))
    output = Output(tables={"grades": Table(GRADE_COLUMNS, rows, ("problem_id", "draw"))}, provenance=noted)
    if graded.details:
        import gzip  # a replay does not need it

        told = (
            {"problem_id": c["problem_id"], "draw": c["draw"], **detail}
            for c, detail in zip(completions, graded.details, strict=True)
        )
        output.notes["programs.jsonl.gz"] = gzip.compress("".join(f"{json.dumps(one)}\n" for one in told).encode(), mtime=0)
    return output


def _in_child(parameters: GradeParameters, pairs: list[tuple[str, str]], context: Context) -> Graded:
    named = {field.name: getattr(parameters, field.name) for field in fields(Settings) if field.name != "function"}
    given = {name: value for name, value in named.items() if value is not None}

    def on_event(event: Progress | Warned) -> None:
        if isinstance(event, Warned):
            context.warn(event.text)
        else:
            context.progress(event.done, event.total, "answers", event.rate)

    settings = Settings(**given, function=parameters.file)

    def call(request: GradeRequest) -> None:
        context.call("grader", dispatch.grade, request, on_event)

    return dispatch.grade_in_child(parameters.grader, settings, pairs, context.scratch, cores(), call)


STAGE = Stage("grade", 1, GradeParameters, run, place=90, deterministic=True, beside=True, needs=("sandbox",))
