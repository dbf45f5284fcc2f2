"""source: the problems of one split of the embedded task, with prompt, gold answer and target, as one table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from sirev.parameters import semantic
from sirev.stages.stage import Context, Stage
from sirev.store.artifacts import Artifact, Output
from sirev.store.tables import Table

COLUMNS = {"id": "string", "prompt": "string", "target": "string", "answer": "string", "level": "string"}


@dataclass(frozen=True)
class SourceParameters:
    """Selection of problems of the embedded task: the first `n` of `split`, levels in turn."""

    task: str = semantic()
    split: str = semantic()
    n: int = semantic()
    levels: list[int] = semantic()
    data_seed: int = semantic()
    style_weights: dict[str, float] = semantic()
    question: Literal["forward", "inverse"] = semantic(default="forward", absent_means="forward")
    disjoint: bool = semantic(default=False, absent_means=False)


def run(parameters: SourceParameters, inputs: Mapping[str, Artifact], context: Context) -> Output:
    """Table `problems`: id, prompt, target (the continuation of the prompt in training), answer, level."""
    from sirev.tasks.core import arithmetic

    rows = arithmetic.problems(
        parameters.split,
        parameters.n,
        parameters.levels,
        parameters.data_seed,
        parameters.style_weights,
        asked=parameters.question,
        disjoint=parameters.disjoint,
    )
    return Output(tables={"problems": Table(COLUMNS, rows, ("id",))})


STAGE = Stage("source", 1, SourceParameters, run, place=10, deterministic=True)
