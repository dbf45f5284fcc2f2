"""SFT by TRL, on prompts with one answer."""

from __future__ import annotations

from typing import Any

from trl import SFTConfig, SFTTrainer

from sirev.trainers.dispatch import TrainRequest
from sirev.trainers.examples import Ids


def row(prompt: Ids, completion: Ids) -> dict[str, Ids]:
    """An example in the columns that TRL takes; there is loss where the mask is 1."""
    return {"input_ids": prompt + completion, "completion_mask": [0] * len(prompt) + [1] * len(completion)}


def trainer(request: TrainRequest, policy: Any, common: dict[str, Any], given: dict[str, Any]) -> SFTTrainer:
    """TRL's trainer, with completion-only loss."""
    return SFTTrainer(policy, args=SFTConfig(**common, packing=False, completion_only_loss=True), **given)
