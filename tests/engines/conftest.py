"""A briefly trained adapter on a real model, for the tests of engines."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from sirev.engines.protocol import Prompt
from sirev.trainers.dispatch import LoraParameters, TrainParameters, TrainRequest
from sirev.trainers.models import ModelFolders, ModelSource
from sirev.trainers.trl_steps import train

QUESTIONS = [
    f"{name} has {n} {thing} and gets {n + 3} more. How many {thing} are there?"
    for name, n, thing in [(name, n, thing) for n in range(1, 6) for name in ("Tom", "Ann") for thing in ("apples", "coins")]
]


@dataclass(frozen=True)
class Trained:
    """M_1 as an adapter on M_0, with its training examples."""

    folders: ModelFolders
    rows: list[dict[str, str]]

    @property
    def prompts(self) -> tuple[Prompt, ...]:
        return tuple(Prompt(f"p{i:02}", row["prompt"]) for i, row in enumerate(self.rows))


@pytest.fixture(scope="session")
def trained(smollm2: Path, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = tmp_path_factory.mktemp("trained")
    rows = [
        {"prompt": f"Problem: {question}\nSolution:\n", "completion": f"There are {2 * n + 3}.\n#### {2 * n + 3}"}
        for question, n in zip(QUESTIONS, [n for n in range(1, 6) for _ in range(4)], strict=True)
    ]
    (folder / "data.json").write_text(json.dumps(rows))
    (folder / "adapter").mkdir()
    lora = LoraParameters(r=4, alpha=8, dropout=0.0, target_modules=["q_proj", "v_proj", "down_proj"])
    settings = TrainParameters("sft", epochs=2, batch_size=4, learning_rate=5e-3, warmup=0.0, seed=1, lora=lora)
    asked = TrainRequest(settings, ModelSource(smollm2), folder / "data.json", folder / "adapter", folder / "attempts")
    train(asked, lambda event: None)
    return Trained(ModelFolders(folder / "adapter", smollm2), rows)
