"""dataset: the problems of one split of a task whose rows come from a data set, as one table.

The same rows give the same table whether they come from the Hub or from local files, so nothing below notices.
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
    """A table `problems`: id, prompt, target (what follows the prompt in training), answer, level."""
    out = context.scratch / "problems.json"
    context.call("source", load_problems, ProblemsRequest(parameters, out), lambda event: None)
    return Output(tables={"problems": Table(COLUMNS, json.loads(out.read_text(encoding="utf-8")), ("id",))})


STAGE = Stage("dataset", 1, DatasetParameters, run, place=20, deterministic=True, needs=("data",))
