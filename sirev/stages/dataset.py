"""dataset: the problems of one split of a task whose rows come from a data set, as one table.

The same rows give the same table whether they come from the Hub or from local files, so nothing below notices.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sirev.stages.source import COLUMNS
from sirev.stages.stage import Context, Stage, operational, semantic
from sirev.store.artifacts import Artifact, Output
from sirev.store.tables import Table


@dataclass(frozen=True)
class DatasetParameters:
    """Which rows become which problems; `files` are where local rows, or a class of the user's, lie: `source` has their
    digests."""

    task: str = semantic()
    split: str = semantic()
    source: dict[str, Any] = semantic()
    template: str = semantic()
    options: dict[str, Any] = semantic()
    limit: int | None = semantic(default=None, absent_means=None)
    limit_seed: int = semantic(default=0, absent_means=0)
    dev: int | None = semantic(default=None, absent_means=None)
    files: dict[str, str] = operational(default_factory=dict)


def run(parameters: DatasetParameters, inputs: Mapping[str, Artifact], context: Context) -> Output:
    """A table `problems`: id, prompt, target (what follows the prompt in training), answer, level."""
    out = context.scratch / "problems.json"
    context.call("source", "sirev.tasks.load:load", {**asdict(parameters), "out": str(out)}, lambda event: None)
    return Output(tables={"problems": Table(COLUMNS, json.loads(out.read_text(encoding="utf-8")), ("id",))})


STAGE = Stage("dataset", 1, DatasetParameters, run, place=20, deterministic=True, needs=("data",))
