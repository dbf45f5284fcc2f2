"""measure: per-problem statistics of one M_t's graded completions, in families with versions of their own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sirev.metrics import diversity
from sirev.stages.stage import Context, Stage, semantic
from sirev.store.artifacts import Artifact, Output
from sirev.store.digests import canonical_json

Answers = dict[str, list[tuple[str, bool]]]
"""Problem id -> its completions in the order of draws: text, and whether it is right."""


@dataclass(frozen=True)
class MeasureParameters:
    """Which family of statistics, and its version: a change to one family recomputes that one alone."""

    family: str = semantic()
    family_version: int = semantic()


def parameters_for(family: str) -> MeasureParameters:
    """The parameters of a family at its present version."""
    return MeasureParameters(family, FAMILIES[family][0])


def run(parameters: MeasureParameters, inputs: Mapping[str, Artifact], context: Context) -> Output:
    """`measures.json`: {"problems": [{"id", "level", ...}]}, in the order of ids.

    Inputs: `problems`, `completions`, `grades`.
    """
    levels = {p["id"]: p["level"] for p in inputs["problems"].rows("problems")}
    answers: Answers = defaultdict(list)
    completions, grades = inputs["completions"].rows("completions"), inputs["grades"].rows("grades")
    for completion, verdict in zip(completions, grades, strict=True):
        answers[completion["problem_id"]].append((completion["text"], verdict["correct"]))
    _, measure = FAMILIES[parameters.family]
    problems = [{"id": x, "level": levels[x], **measure(answers[x])} for x in sorted(answers)]
    return Output(files={"measures.json": canonical_json({"problems": problems})})


def accuracy(answers: list[tuple[str, bool]]) -> dict[str, Any]:
    """How many answers there are and how many are right."""
    return {"n": len(answers), "correct": sum(right for _, right in answers)}


def answer_diversity(answers: list[tuple[str, bool]]) -> dict[str, Any]:
    """Distinct-N and distinct equation lists over all, the correct and the incorrect answers."""
    groups = {
        "all": [text for text, _ in answers],
        "correct": [text for text, right in answers if right],
        "incorrect": [text for text, right in answers if not right],
    }
    return {name: _unlikeness(texts) for name, texts in groups.items()}


def _unlikeness(texts: list[str]) -> dict[str, Any]:
    tokenised = [diversity.tokens(text) for text in texts]
    return {
        "answers": len(texts),
        "distinct_n": {str(n): diversity.distinct_n(tokenised, n) for n in diversity.ORDERS},
        "distinct_equations": diversity.distinct_equations(texts),
    }


FAMILIES: dict[str, tuple[int, Callable[[list[tuple[str, bool]]], dict[str, Any]]]] = {
    "accuracy": (1, accuracy),
    "diversity": (1, answer_diversity),
}
"""Family -> (version, what it says of one problem's answers)."""

STAGE = Stage("measure", 1, MeasureParameters, run)
