"""samples: completions made elsewhere, read from a file into the tables that sampling and grading would have made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sirev.stages import grade, sample, source
from sirev.stages.stage import Context, Stage, operational, semantic
from sirev.store.artifacts import Artifact, Output
from sirev.store.digests import canonical_json, sha256
from sirev.store.tables import Table

if TYPE_CHECKING:
    from sirev.tasks.samples import Completion, Sampled


@dataclass(frozen=True)
class SamplesParameters:
    """What of a file is read, and how. `rows` is the file's sha256; `file`, where it lies, is no part of the key.

    `fields` are keys from the row inwards for each field that was named; `filter` chooses among the verdicts of a log of
    lm-evaluation-harness. With `task` the input `problems` is matched with those of the file, and verdicts are left to a
    grader; `template` is the name of its prompts' template, or for a user's own task the template itself.
    """

    rows: str = semantic()
    form: str = semantic()
    reader: str = semantic()
    fields: dict[str, list[str]] = semantic(default_factory=dict)
    filter: str | None = semantic(default=None, absent_means=None)
    task: str | None = semantic(default=None, absent_means=None)
    template: str = semantic(default="", absent_means="")
    file: str = operational(default="")


def run(parameters: SamplesParameters, inputs: Mapping[str, Artifact], context: Context) -> Output:
    """Tables `problems`, `completions` (tokens -1 where unknown, finish "" where unknown) and, unless a task grades, `grades`.

    `summary.json`: {"ids": digest of the problems' ids, "problems", "completions", "fewest", "most": completions of one problem,
    "tokens", "finish": whether they are known of every completion, "reader": the one that read the file}.
    """
    from sirev.tasks import samples  # readers and what they need; a replay has no use for them

    kind, found = samples.read(
        Path(parameters.file),
        parameters.form,
        parameters.fields,
        graded=parameters.task is None,
        reader=parameters.reader,
        chosen=parameters.filter,
    )
    if parameters.task is None:
        pairs = [(one, _problem(one)) for one in found]
    else:
        from sirev.tasks.matching import matched
        from sirev.tasks.templates import TEMPLATES

        template = TEMPLATES.get(parameters.template, parameters.template)
        task_problems = inputs["problems"].rows("problems")
        pairs = [(one, dict(problem)) for one, problem in matched(found, task_problems, parameters.task, template)]
    each = [(problem["id"], i, answer) for one, problem in pairs for i, answer in enumerate(one.completions)]
    tables = {
        "problems": Table(source.COLUMNS, [problem for _, problem in pairs], ("id",)),
        "completions": Table(sample.COLUMNS, [_completion(*one) for one in each], sample.ORDER),
    }
    if parameters.task is None:
        tables["grades"] = Table(grade.COLUMNS, [_grade(*one) for one in each], sample.ORDER)
    summary = {**_summary(pairs), "reader": kind}
    return Output(tables=dict(tables), files={"summary.json": canonical_json(summary)}, provenance={"answers": len(each)})


def _problem(one: Sampled) -> dict[str, str]:
    return {"id": one.id, "prompt": one.prompt, "target": "", "answer": one.gold, "level": one.level}


def _completion(problem: str, draw: int, one: Completion) -> dict[str, Any]:
    return {"problem_id": problem, "draw": draw, "text": one.text, "tokens": one.tokens, "finish": one.finish}


def _grade(problem: str, draw: int, one: Completion) -> dict[str, Any]:
    reason = "right" if one.correct else "no answer found" if one.answer == "" else "wrong"
    return {"problem_id": problem, "draw": draw, "correct": bool(one.correct), "reason": reason, "answer": one.answer or ""}


def _summary(pairs: Sequence[tuple[Sampled, Mapping[str, str]]]) -> dict[str, Any]:
    counts = [len(one.completions) for one, _ in pairs]
    every = [answer for one, _ in pairs for answer in one.completions]
    return {
        "ids": sha256(canonical_json(sorted(problem["id"] for _, problem in pairs))),
        "problems": len(pairs),
        "completions": sum(counts),
        "fewest": min(counts),
        "most": max(counts),
        "tokens": all(answer.tokens >= 0 for answer in every),
        "finish": all(answer.finish for answer in every),
    }


STAGE = Stage("samples", 1, SamplesParameters, run)
