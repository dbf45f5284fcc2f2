"""pretrain: the embedded recipe's base model M_0, from random weights; one for all seeds of a recipe."""

from __future__ import annotations

from collections.abc import Mapping

from sirev.stages.model import model_files
from sirev.stages.stage import Context, Stage
from sirev.store.artifacts import Artifact, Output
from sirev.trainers.dispatch import PretrainParameters, PretrainRequest, pretrain


def run(parameters: PretrainParameters, inputs: Mapping[str, Artifact], context: Context) -> Output:
    """Weights and tokenizer of M_0 as a model folder."""
    out = context.scratch / "model"
    out.mkdir()
    request = PretrainRequest(parameters, out, context.attempts)
    log = context.call("trainer", pretrain, request, lambda event: context.progress(event.done, event.total, "steps"))
    return Output(files=model_files(out), provenance={"log": log})


STAGE = Stage("pretrain", 1, PretrainParameters, run, place=50, makes_model=True, long=True, needs=("libraries",))
