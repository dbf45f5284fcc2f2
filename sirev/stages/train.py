"""train: M_t <- F_t(M_{t-1} | D_t), with TRL's SFT or DPO trainer in a resident child."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict

from sirev.errors import BadInput
from sirev.stages.model import model_files, model_source
from sirev.stages.stage import Context, Stage
from sirev.store.artifacts import Artifact, Output
from sirev.trainers.dispatch import TrainingProgress, TrainParameters, TrainRequest, train


def run(parameters: TrainParameters, inputs: Mapping[str, Artifact], context: Context) -> Output:
    """The trained model as a folder: full weights, or an adapter of the input `init_base`, or else of `init`.

    Inputs: `init` and, if that is an adapter, its `init_base`; `data`; where the kind of training has one, `reference`
    (and `reference_base`), which is M_{t-1} in Algorithm 1. Provenance: the fields of `Trained`, and the number of examples.
    """
    rows = inputs["data"].rows("examples")
    if not rows:
        raise BadInput("train was given an empty training set")
    data = context.scratch / "examples.json"
    data.write_text(
        json.dumps([{k: v for k, v in row.items() if k not in ("problem_id", "place")} for row in rows]), encoding="utf-8"
    )
    out = context.scratch / "model"
    out.mkdir()
    reference = inputs.get("reference")
    request = TrainRequest(
        parameters,
        init=model_source("init", inputs, context),
        data=data,
        out=out,
        attempts=context.attempts,
        reference=model_source("reference", inputs, context) if reference else None,
        reference_is_init=reference is not None and reference.semantic == inputs["init"].semantic,
    )

    def told(event: TrainingProgress) -> None:
        context.progress(event.done, event.total, "steps")
        context.log(event.done, event.entry)

    trained = context.call("trainer", train, request, told)
    return Output(files=model_files(out), provenance={**asdict(trained), "examples": len(rows)})


STAGE = Stage("train", 1, TrainParameters, run, place=70, makes_model=True, long=True, needs=("libraries", "gpu", "training"))
