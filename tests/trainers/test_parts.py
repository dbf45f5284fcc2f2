from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from torch import Tensor

from sirev.trainers.models import ModelSource
from sirev.trainers.parts import PartLimits, in_parts
from sirev.trainers.trl_steps import make_trainer
from tests.trainers.training_requests import dpo_rows, request, sft_rows

LENGTHS = [(5,), (9,), (2,), (7,), (9,), (1,)]
PAIRS = [(5, 3), (9, 9), (2, 4)]


def padded(lengths: Sequence[tuple[int, ...]], parts: list[list[int]]) -> int:
    """Tokens that go through the model, padding included."""
    return sum(sum(len(lengths[i]) for i in part) * max(max(lengths[i]) for i in part) for part in parts)


@pytest.mark.parametrize("limits", [PartLimits(), PartLimits(examples=6), PartLimits(tokens=54)])
def test_a_batch_within_the_limits_stays_as_it_is(limits: PartLimits) -> None:
    assert in_parts(LENGTHS, limits) == [[0, 1, 2, 3, 4, 5]]


@pytest.mark.parametrize(
    ("limits", "parts"),
    [
        (PartLimits(examples=2), [[1, 4], [3, 0], [2, 5]]),
        (PartLimits(examples=4), [[1, 4, 3, 0], [2, 5]]),
        (PartLimits(tokens=18), [[1, 4], [3, 0], [2, 5]]),
        (PartLimits(tokens=53), [[1, 4, 3, 0], [2, 5]]),
        (PartLimits(examples=1, tokens=53), [[1], [4], [3], [0], [2], [5]]),
        (PartLimits(tokens=1), [[1], [4], [3], [0], [2], [5]]),  # what is above the limit goes alone
    ],
)
def test_the_longest_go_together_and_first(limits: PartLimits, parts: list[list[int]]) -> None:
    assert in_parts(LENGTHS, limits) == parts


def test_a_pair_counts_twice_with_the_longer_of_its_answers() -> None:
    assert in_parts(PAIRS, PartLimits(tokens=54)) == [[0, 1, 2]]
    assert in_parts(PAIRS, PartLimits(tokens=53)) == [[1], [0, 2]]
    assert in_parts(PAIRS, PartLimits(tokens=35)) == [[1], [0, 2]]


def test_another_part_must_spare_more_padding_than_it_costs() -> None:
    for length, parts in ((512, 1), (514, 2)):
        assert len(in_parts([(length,), (1,)], PartLimits(examples=2))) == parts


@pytest.mark.parametrize(("examples", "tokens"), [(8, None), (None, 1200), (4, 900)])
def test_every_example_is_in_one_part_within_the_limits_and_padding_is_spared(examples: int | None, tokens: int | None) -> None:
    draw = random.Random(0)
    limits = PartLimits(examples, tokens)
    sorted_, unsorted, whole = 0, 0, 0
    for _ in range(200):
        lengths = [(round(draw.lognormvariate(4.5, 0.5)),) for _ in range(32)]
        parts = in_parts(lengths, limits)
        assert sorted(place for part in parts for place in part) == list(range(32))
        assert all(len(part) == 1 or limits.allow(len(part), padded(lengths, [part])) for part in parts)
        size = -(-32 // len(parts))
        sorted_ += padded(lengths, parts)
        unsorted += padded(lengths, [list(range(start, min(start + size, 32))) for start in range(0, 32, size)])
        whole += sum(length for (length,) in lengths)
    assert whole < sorted_ < 0.85 * unsorted


def unpadded(part: dict[str, Tensor]) -> list[list[int]]:
    """The tokens of a part's sequences."""
    both = zip(part["input_ids"].tolist(), part["attention_mask"].tolist(), strict=True)
    return [[token for token, there in zip(ids, mask, strict=True) if there] for ids, mask in both]


@pytest.mark.parametrize("kind", ["sft", "dpo"])
def test_the_batches_of_the_optimizer_are_those_of_a_training_without_limits(
    base: ModelSource, kind: str, tmp_path: Path
) -> None:
    rows = sft_rows(11) if kind == "sft" else dpo_rows(11)

    def batches(name: str, **limits: Any) -> list[list[list[int]]]:
        trainer, _ = make_trainer(request(tmp_path / name, kind, base, rows, **limits), tmp_path / name / "attempts")
        return [sorted(ids for part in batch["parts"] for ids in unpadded(part)) for batch in trainer.get_train_dataloader()]

    assert batches("parts", micro_batch_tokens=50) == batches("whole")
