"""select: the training set D_t: gold answers at t = 1, later the kind of training's examples from right and wrong answers."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from sirev.parameters import semantic
from sirev.seeds import derive_seed
from sirev.stages.stage import Context, Stage
from sirev.store.artifacts import Artifact, Output
from sirev.store.digests import canonical_json
from sirev.store.tables import Table, TableRow
from sirev.training_kinds import KINDS, SFT, TrainingKind

GOLD_ANSWERS = "gold"


@dataclass(frozen=True)
class SelectParameters:
    """`kind` is "gold" or a kind of training; `max_per_problem` limits examples (DPO: pairs); `seed` selects them."""

    kind: str = semantic()
    unique: bool = semantic(default=False)
    max_per_problem: int | None = semantic(default=None)
    seed: int = semantic(default=0)


def run(parameters: SelectParameters, inputs: Mapping[str, Artifact], context: Context) -> Output:
    """Table `examples` and `summary.json`: {examples, problems, new, truncated, outcome}.

    Answers that were cut off at the length limit are left out and counted, because training would end them where the
    model did not. Inputs: `problems`; unless gold, also `completions` and `grades`, and optionally `previous`, the last
    training set of the answering model, if of the same kind. The outcome is "ok" or why there is nothing to learn from:
    "no problem", "no correct answer", "no pair", or "nothing new" (every example is in `previous`).
    """
    problems = inputs["problems"].rows("problems")
    if parameters.kind == GOLD_ANSWERS:
        rows = [_example(SFT, p["id"], 0, p["prompt"], (p["target"],)) for p in problems]
        return _output(SFT, rows, None, "no problem", 0)
    kind = KINDS[parameters.kind]
    completions = inputs["completions"].rows("completions")
    truncated = sum(row["finish"] == "length" for row in completions)
    right, wrong = answers_by_problem(completions, inputs["grades"].rows("grades"))
    previous = inputs["previous"].rows("examples") if "previous" in inputs else None
    prompts = {p["id"]: p["prompt"] for p in problems}
    rows = []
    for problem_id, prompt in prompts.items():
        rng = random.Random(derive_seed(parameters.seed, problem_id))
        good, bad = (_drawn(answers[problem_id], parameters.unique, rng) for answers in (right, wrong))
        chosen = list(kind.examples(good, bad))[: parameters.max_per_problem]
        rows.extend(_example(kind, problem_id, place, prompt, answers) for place, answers in enumerate(chosen))
    return _output(kind, rows, previous, kind.nothing, truncated)


def answers_by_problem(
    completions: list[TableRow], grades: list[TableRow]
) -> tuple[defaultdict[str, list[str]], defaultdict[str, list[str]]]:
    """The texts of correct and incorrect answers that were not cut off, each by problem, in the order of draws."""
    right: defaultdict[str, list[str]] = defaultdict(list)
    wrong: defaultdict[str, list[str]] = defaultdict(list)
    for completion, grade in zip(completions, grades, strict=True):
        assert (completion["problem_id"], completion["draw"]) == (grade["problem_id"], grade["draw"])
        if completion["finish"] == "stop":
            (right if grade["correct"] else wrong)[completion["problem_id"]].append(completion["text"])
    return right, wrong


def _drawn(texts: list[str], unique: bool, rng: random.Random) -> list[str]:
    """The texts in random order, without duplicates if `unique`."""
    pool = list(dict.fromkeys(texts)) if unique else list(texts)
    rng.shuffle(pool)
    return pool


def _example(kind: TrainingKind, problem_id: str, place: int, prompt: str, answers: tuple[str, ...]) -> TableRow:
    return {"problem_id": problem_id, "place": place, "prompt": prompt, **dict(zip(kind.answers, answers, strict=True))}


def _output(kind: TrainingKind, rows: list[TableRow], previous: list[TableRow] | None, nothing: str, truncated: int) -> Output:
    columns = {"problem_id": "string", "place": "int", "prompt": "string", **dict.fromkeys(kind.answers, "string")}
    texts = [name for name in columns if name != "place"]

    def identity(row: TableRow) -> tuple[str, ...]:
        return tuple(row[name].strip() for name in texts)

    known = {identity(row) for row in previous or []}
    new = sum(identity(row) not in known for row in rows)
    outcome = nothing if not rows else "nothing new" if previous is not None and new == 0 else "ok"
    summary = {
        "examples": len(rows),
        "problems": len({row["problem_id"] for row in rows}),
        "new": new,
        "truncated": truncated,
        "outcome": outcome,
    }
    return Output(
        files={"summary.json": canonical_json(summary)},
        tables={"examples": Table(columns, rows, ("problem_id", "place"))},
    )


STAGE = Stage("select", 1, SelectParameters, run, place=60, deterministic=True)
