"""describe: the description in the files of an external model, so that a replay need not read them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from sirev.stages.model import model_source
from sirev.stages.stage import Context, Stage
from sirev.store.artifacts import Artifact, Output
from sirev.store.digests import canonical_json
from sirev.trainers.description import DescribeRequest, Description, read_description

_FILE = "description.json"


@dataclass(frozen=True)
class DescribeParameters:
    """No parameters."""


def run(parameters: DescribeParameters, inputs: Mapping[str, Artifact], context: Context) -> Output:
    """`description.json` of the input `model`: the fields of `sirev.trainers.description.Description`."""
    found = context.call("source", read_description, DescribeRequest(model_source("model", inputs, context)), lambda event: None)
    return Output(files={_FILE: canonical_json(asdict(found))})


def description(artifact: Artifact) -> Description:
    """The description in an artifact of this stage."""
    return Description(**artifact.json(_FILE))


STAGE = Stage("describe", 1, DescribeParameters, run, place=42)
