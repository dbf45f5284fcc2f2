"""train: M_t <- F_t(M_{t-1} | D_t), by TRL's SFT or DPO trainer in a resident child."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sirev.errors import BadInput
from sirev.stages.pretrain import model_files
from sirev.stages.stage import Context, Stage, semantic
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
    """One training. `beta` is DPO's; `lora` is null for full parameters; learning rate and warmup end in a cosine."""

    kind: str = semantic()
    epochs: int = semantic()
    batch_size: int = semantic()
    learning_rate: float = semantic()
    warmup: float = semantic()
    seed: int = semantic()
    beta: float | None = semantic(default=None, absent_means=None)
    lora: LoraParameters | None = semantic(default=None, absent_means=None)


def run(parameters: TrainParameters, inputs: Mapping[str, Artifact], context: Context) -> Output:
    """The trained model as a folder: full weights, or an adapter on the input `base`.

    Inputs: `init` and, if that is an adapter, its `init_base`; `data`; for dpo `reference` (and `reference_base`),
    which is M_{t-1} in Algorithm 1.
    """
    rows = inputs["data"].rows("examples")
    if not rows:
        raise BadInput("train was given an empty training set")
    data = context.scratch / "examples.json"
    data.write_text(json.dumps([{k: v for k, v in row.items() if k not in ("problem_id", "place")} for row in rows]))
    out = context.scratch / "model"
    out.mkdir()
    settings = asdict(parameters)
    arguments: dict[str, Any] = {
        "kind": parameters.kind,
        "init": model_folders(context.scratch, "init", inputs),
        "data": str(data),
        "seed": parameters.seed,
        "out": str(out),
        "scratch": str(context.scratch / "trainer"),
        "settings": {name: settings[name] for name in ("epochs", "batch_size", "learning_rate", "warmup", "beta", "lora")},
    }
    if parameters.kind == "dpo":
        arguments["reference"] = model_folders(context.scratch, "reference", inputs)
        arguments["reference_is_init"] = inputs["reference"].semantic == inputs["init"].semantic
    result = context.call(
        "trainer",
        "sirev.trainers.trl_steps:train",
        arguments,
        lambda event: context.progress(event["step"], event["steps"], "steps"),
    )
    return Output(files=model_files(out), provenance={"log": result["log"]})


def model_folders(scratch: Path, name: str, inputs: Mapping[str, Artifact]) -> dict[str, str | None]:
    """Lay the model input `name`, and its base if it has one, out as folders for a child process."""
    path = inputs[name].link_into(scratch / name)
    base = inputs.get(f"{name}_base")
    return {"path": str(path), "base": str(base.link_into(scratch / f"{name}_base")) if base else None}


STAGE = Stage("train", 1, TrainParameters, run)
