"""samples: completions made elsewhere, imported from files into the tables of sampling and grading."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sirev.errors import BadInput
from sirev.parameters import operational, semantic
from sirev.stages import grade, sample, source
from sirev.stages.stage import Context, Stage
from sirev.store.artifacts import Artifact, Output, TableParts
from sirev.store.digests import canonical_json, sha256
from sirev.store.tables import Table

if TYPE_CHECKING:
    from sirev.tasks.external.sampled import ImportedCompletion, Sampled

WITH = "with/"
"""Prefix of inputs that restrict the completions to the problems that all of them have."""


@dataclass(frozen=True)
class SamplesParameters:
    """The file to read, and how. `rows` is its sha256; its path `file` is not part of the key.

    `more` are further files of the same step, each [sha256, form], with the paths `more_files`; their completions are
    appended. `fields` maps each named field to its keys, from the row inwards. `filter` selects among the verdicts in a log
    of lm-evaluation-harness. With `task`, the input `problems` is matched with the problems of the file, and a grader
    judges; `template` is the name of its prompt template, or for a user's own task the template itself. With `golds`, a
    grader compares with the gold answers in the files.
    """

    rows: str = semantic()
    form: str = semantic()
    reader: str = semantic()
    fields: dict[str, list[str]] = semantic(default_factory=dict)
    filter: str | None = semantic(default=None, absent_means=None)
    task: str | None = semantic(default=None, absent_means=None)
    template: str = semantic(default="", absent_means="")
    more: list[list[str]] = semantic(default_factory=list, absent_means=[])
    golds: bool = semantic(default=False, absent_means=False)
    file: str = operational(default="")
    more_files: list[str] = operational(default_factory=list)


def run(parameters: SamplesParameters, inputs: Mapping[str, Artifact], context: Context) -> Output:
    """Tables `problems`, `completions` (tokens -1 where unknown, finish "" where unknown) and, unless a grader judges, `grades`.

    A task's problems are the input `problems`, or `problems/SPLIT` for several splits.

    With inputs named `with/...`, artifacts of this stage, the result is the input `samples`, another one, restricted to the
    problems that all of them have.

    `summary.json`: {"ids": digest of the problem ids, "problems", "completions": counts, "fewest", "most": completions per
    problem, "tokens", "finish": whether they are known for every completion, "reader": the one that read the file, "fields",
    "unused": see `sirev.tasks.external.sampled.Reading`, "numbered": see `sirev.tasks.external.ids.numbered`, "choices":
    the filters, scorers or metrics to choose verdicts from, "failed": number of completions that are null}.
    """
    if any(name.startswith(WITH) for name in inputs):
        return _narrowed(inputs)
    from sirev.tasks.external import completions
    from sirev.tasks.external.ids import numbered

    files = [(parameters.file, parameters.form)]
    files += [(file, form) for file, (_, form) in zip(parameters.more_files, parameters.more, strict=True)]
    read = completions.read(
        [(Path(file), form) for file, form in files],
        parameters.fields,
        graded=parameters.task is None and not parameters.golds,
        reader=parameters.reader,
        chosen=parameters.filter,
    )
    if parameters.task is None:
        pairs = [(one, _problem(one)) for one in read.problems]
        if parameters.golds:
            _require_golds(read.problems)
    else:
        from sirev.tasks.external.matching import matched
        from sirev.tasks.problem_ids import problems_in_order
        from sirev.tasks.registry import TASKS, TEMPLATES

        template = TEMPLATES.get(parameters.template, parameters.template)
        named = sorted(name for name in inputs if name.partition("/")[0] == "problems")
        task_problems = problems_in_order(dict(row) for name in named for row in inputs[name].rows("problems"))
        pairs = [(one, dict(problem)) for one, problem in matched(read.problems, task_problems, parameters.task, template)]
        whole = TASKS[parameters.task].whole_answer
        for one, problem in pairs:
            one.completions = [replace(answer, text=whole(problem, answer.text)) for answer in one.completions]
    each = [(problem["id"], i, answer) for one, problem in pairs for i, answer in enumerate(one.completions)]
    tables: dict[str, list[dict[str, Any]]] = {
        "problems": [problem for _, problem in pairs],
        "completions": [_completion(*one) for one in each],
    }
    if parameters.task is None and not parameters.golds:
        tables["grades"] = [_grade(*one) for one in each]
    names = numbered(read.problems) if parameters.task is None else None  # the ids of a task identify problems
    more = {"reader": read.reader, "fields": read.fields, "unused": read.unused, "numbered": names, "choices": list(read.choices)}
    output = _output(tables, more | {"failed": sum(answer.failed for _, _, answer in each)})
    if "grades" in tables and "answer" in read.fields:
        from sirev.grading.unread import unread, unread_in_words

        reasons = [row["reason"] for row in tables["grades"]]
        golds = [one.gold for one, _ in pairs for _ in one.completions]
        if found := unread([answer.text for _, _, answer in each], reasons, None, golds if all(golds) else None):
            output.provenance["unread"] = found
            context.warn(f"{Path(parameters.file).name}: {unread_in_words(found)}")
    return output


def _require_golds(problems: Sequence[Sampled]) -> None:
    for one in problems:
        if not one.gold:
            raise BadInput(f"{one.where}: no gold answer for a grader to compare with: name its field with --gold, or a --task")


def _narrowed(inputs: Mapping[str, Artifact]) -> Output:
    """The input `samples`, restricted to the problems that all inputs `with/...` have."""
    samples = inputs["samples"]
    each = [{row["id"] for row in one.rows("problems")} for name, one in inputs.items() if name.startswith(WITH)]
    common = set.intersection(*each)
    if not common:
        raise BadInput("--common: no problem is in every step")
    tables = {
        name: [row for row in samples.rows(name) if row["id" if name == "problems" else "problem_id"] in common]
        for name in samples.manifest["tables"]
    }
    summary = samples.json("summary.json")
    return _output(tables, {name: summary[name] for name in ("reader", "fields", "unused", "numbered", "choices", "failed")})


def _output(tables: Mapping[str, list[dict[str, Any]]], more: Mapping[str, Any]) -> Output:
    """The output of rows by table, with a summary of them, to which `more` is added."""
    forms = {"problems": (source.COLUMNS, ("id",)), "completions": (sample.COMPLETION_COLUMNS, sample.ORDER)}
    forms["grades"] = (grade.GRADE_COLUMNS, sample.ORDER)
    completions = tables["completions"]
    counts = Counter(row["problem_id"] for row in completions).values()
    summary = {
        "ids": sha256(canonical_json(sorted(row["id"] for row in tables["problems"]))),
        "problems": len(tables["problems"]),
        "completions": len(completions),
        "fewest": min(counts),
        "most": max(counts),
        "tokens": all(row["tokens"] >= 0 for row in completions),
        "finish": all(row["finish"] for row in completions),
        **more,
    }
    made: dict[str, Table | TableParts] = {name: Table(forms[name][0], rows, forms[name][1]) for name, rows in tables.items()}
    return Output(tables=made, files={"summary.json": canonical_json(summary)}, provenance={"answers": len(completions)})


def _problem(one: Sampled) -> dict[str, str]:
    return {"id": one.id, "prompt": one.prompt, "target": "", "answer": one.gold, "level": one.level}


def _completion(problem: str, draw: int, one: ImportedCompletion) -> dict[str, Any]:
    return {"problem_id": problem, "draw": draw, "text": one.text, "tokens": one.tokens, "finish": one.finish}


def _grade(problem: str, draw: int, one: ImportedCompletion) -> dict[str, Any]:
    reason = "right" if one.correct else "no answer found" if one.answer == "" or one.failed else "wrong"
    return {"problem_id": problem, "draw": draw, "correct": bool(one.correct), "reason": reason, "answer": one.answer or ""}


STAGE = Stage("samples", 3, SamplesParameters, run, place=30, long=True)
