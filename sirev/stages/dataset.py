"""dataset: the problems of one split of a task, from the rows of a data set, as one table.

Equal rows give equal tables, whether they come from the Hub or from local files, so later keys are the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from sirev.stages.source import COLUMNS
from sirev.stages.stage import Context, Stage
from sirev.store.artifacts import Artifact, Output
from sirev.store.tables import Table
from sirev.tasks.load import DatasetParameters, ProblemsRequest, load_problems


def run(parameters: DatasetParameters, inputs: Mapping[str, Artifact], context: Context) -> Output:
    """Table `problems`: id, prompt, target (the continuation of the prompt in training), answer, level."""
    out = context.scratch / "problems.json"
    context.call("source", load_problems, ProblemsRequest(parameters, out), lambda event: None)
    return Output(tables={"problems": Table(COLUMNS, json.loads(out.read_text(encoding="utf-8")), ("id",))})


STAGE = Stage("dataset", 1, DatasetParameters, run, place=20, deterministic=True, needs=("data",))
