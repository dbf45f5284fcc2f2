"""train: M_t <- F_t(M_{t-1} | D_t), by TRL's SFT or DPO trainer in a resident child."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sirev.errors import BadInput
from sirev.stages.model import model_files, model_folders
from sirev.stages.stage import Context, Stage, operational, semantic
from sirev.store.artifacts import Artifact, Output


@dataclass(frozen=True)
class LoraParameters:
    """PEFT LoRA; see `sirev.recipe.Lora`."""

    r: int = semantic()
    alpha: int = semantic()
    dropout: float = semantic()
    target_modules: list[str] = semantic()


@dataclass(frozen=True)
class TrainParameters:
    """One training. `beta` and `nll_weight` are DPO's; `lora` is null for full parameters; see `sirev.recipe.Training`."""

    kind: str = semantic()
    epochs: int = semantic()
    batch_size: int = semantic()
    learning_rate: float = semantic()
    warmup: float = semantic()
    seed: int = semantic()
    beta: float | None = semantic(default=None, absent_means=None)
    nll_weight: float = semantic(default=0.0, absent_means=0.0)
    lora: LoraParameters | None = semantic(default=None, absent_means=None)
    optimizer: str = semantic(default="adamw_torch_fused", absent_means="adamw_torch_fused")
    dtype: str = semantic(default="auto", absent_means="auto")
    max_prompt_tokens: int | None = semantic(default=None, absent_means=None)
    max_completion_tokens: int | None = semantic(default=None, absent_means=None)
    chat_template: bool = semantic(default=False, absent_means=False)
    max_steps: int | None = semantic(default=None, absent_means=None)
    """Optimizer steps, instead of as many as `epochs` are."""
    micro_batch_size: int | None = operational(default=None)
    gradient_checkpointing: bool = operational(default=False)
    precompute_reference: bool = operational(default=False)
    checkpoint_minutes: float | None = operational(default=None)


def run(parameters: TrainParameters, inputs: Mapping[str, Artifact], context: Context) -> Output:
    """The trained model as a folder: full weights, or an adapter on the input `base`.

    Inputs: `init` and, if that is an adapter, its `init_base`; `data`; for dpo `reference` (and `reference_base`),
    which is M_{t-1} in Algorithm 1. Provenance: the trainer's log, steps, tokens, examples dropped for their length.
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
    arguments: dict[str, Any] = {
        "kind": parameters.kind,
        "init": model_folders("init", inputs, context),
        "data": str(data),
        "seed": parameters.seed,
        "out": str(out),
        "attempts": str(context.attempts),
        "settings": asdict(parameters),
    }
    if parameters.kind == "dpo":
        arguments["reference"] = model_folders("reference", inputs, context)
        arguments["reference_is_init"] = inputs["reference"].semantic == inputs["init"].semantic
    result = context.call(
        "trainer",
        "sirev.trainers.trl_steps:train",
        arguments,
        lambda event: context.progress(event["step"], event["steps"], "steps"),
    )
    return Output(files=model_files(out), provenance={**result, "examples": len(rows)})


STAGE = Stage("train", 1, TrainParameters, run, place=70, makes_model=True, long=True, needs=("gpu", "training"))
