"""Requests of the stage `train` for its child process, with a small model and a few examples."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch import Tensor

from sirev.trainers.dispatch import LoraParameters, TrainParameters, TrainRequest
from sirev.trainers.models import ModelSource

SETTINGS = TrainParameters(
    "sft", epochs=1, batch_size=4, learning_rate=5e-4, warmup=0.1, seed=1, beta=0.3, checkpoint_minutes=None
)
LORA = LoraParameters(r=4, alpha=8, dropout=0.0, target_modules=["q_proj", "v_proj"])

NAMES = ("Tom", "Ann", "Max", "Eva")


def sft_rows(count: int) -> list[dict[str, str]]:
    """Examples of different lengths."""
    return [
        {"prompt": f"{NAMES[i % 4]} has {i} apples.", "completion": " + ".join(str(i + j) for j in range(1 + i % 5))}
        for i in range(count)
    ]


def dpo_rows(count: int) -> list[dict[str, str]]:
    """Pairs of different lengths."""
    return [
        {"prompt": row["prompt"], "chosen": row["completion"], "rejected": f"{i} - {i % 3}"}
        for i, row in enumerate(sft_rows(count))
    ]


def request(folder: Path, kind: str, model: ModelSource, rows: list[dict[str, Any]], **settings: Any) -> TrainRequest:
    """A request for a training; `settings` override SETTINGS."""
    (folder / "out").mkdir(parents=True)
    (folder / "data.json").write_text(json.dumps(rows))
    return TrainRequest(
        replace(SETTINGS, kind=kind, **settings),
        init=model,
        data=folder / "data.json",
        out=folder / "out",
        attempts=folder / "attempts",
        reference=model,
        reference_is_init=True,
    )


def weights(asked: TrainRequest) -> dict[str, Tensor]:
    """The saved weights of a training, full or of an adapter."""
    (file,) = asked.out.glob("*.safetensors")
    return dict(load_file(file))
