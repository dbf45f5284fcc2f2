"""SFT by TRL, on prompts with one answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trl import SFTConfig, SFTTrainer

from sirev.trainers.dispatch import TrainRequest
from sirev.trainers.examples import Ids
from sirev.trainers.parts import PartsTrainer, TokenRow
from sirev.trainers.tokens import IGNORED


def row(prompt: Ids, completion: Ids) -> dict[str, Ids]:
    """An example in the columns of TRL's collator, with loss only on the completion."""
    return {"input_ids": prompt + completion, "labels": [IGNORED] * len(prompt) + completion}


def lengths(example: TokenRow) -> Sequence[int]:
    """The length of an example's one sequence, in tokens."""
    return (len(example["input_ids"]),)


def trainer(request: TrainRequest, policy: Any, common: dict[str, Any], given: dict[str, Any]) -> SFTTrainer:
    """TRL's trainer, without TRL's preparation of the data set, which would process the rows one by one."""
    config = SFTConfig(**common, packing=False, dataset_kwargs={"skip_prepare_dataset": True})
    return _AnswerTrainer(policy, args=config, lengths=lengths, **given)


class _AnswerTrainer(PartsTrainer, SFTTrainer):
    """TRL's SFTTrainer, with batches in parts."""

    def size(self, part: dict[str, Any], metric: str) -> int:
        return int((part["labels"] != IGNORED).sum())
