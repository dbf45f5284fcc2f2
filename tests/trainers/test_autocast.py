"""The trainer's arithmetic on a GPU, as far as a CPU has it: 16-bit autocast around the forward pass, by accelerate."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import TrainingArguments

from sirev.trainers.dispatch import LoraParameters, TrainRequest
from sirev.trainers.models import ModelFolders, ModelSource, load_model
from sirev.trainers.trl_steps import make_trainer, train
from tests.trainers.training_requests import dpo_rows, request, sft_rows

LORA = LoraParameters(
    r=32,
    alpha=64,
    dropout=0.0,
    target_modules=["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
)
ADAPTER = {"lora": LORA, "dtype": "bfloat16", "learning_rate": 1e-3}
FULL = {"dtype": "float32", "optimizer": "adafactor", "learning_rate": 3e-3}
MEMORY = {"gradient_checkpointing": True, "micro_batch_size": 2}


@pytest.fixture
def autocast(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Has every trainer that is made from now on compute as on a GPU that knows bfloat16."""
    plain = TrainingArguments.__post_init__

    def forced(self: Any) -> None:
        self.bf16 = True
        plain(self)

    return lambda: monkeypatch.setattr(TrainingArguments, "__post_init__", forced)


def asked(folder: Path, kind: str, model: ModelSource, **settings: Any) -> TrainRequest:
    rows = sft_rows(24) if kind == "sft" else dpo_rows(24)
    return request(folder, kind, model, rows, warmup=0, **MEMORY, **settings)


@dataclass(frozen=True)
class Seen:
    """A trainer that has trained, its losses, and the types of what its layers put out."""

    trainer: Any
    losses: list[float]
    outputs: set[torch.dtype]


def trained(arguments: TrainRequest) -> Seen:
    trainer, _ = make_trainer(arguments, arguments.attempts)
    outputs: set[torch.dtype] = set()
    for name, module in trainer.model.named_modules():
        if name.endswith(("q_proj", "down_proj")):
            module.register_forward_hook(lambda module, given, output: outputs.add(output.dtype))
    trainer.train()
    return Seen(trainer, [entry["loss"] for entry in trainer.state.log_history if "loss" in entry], outputs)


@pytest.mark.parametrize("settings", [ADAPTER, FULL], ids=["adapter", "full"])
@pytest.mark.slow
def test_sft_has_the_losses_of_32_bit_arithmetic(
    base: ModelSource, autocast: Callable[[], None], settings: dict[str, Any], tmp_path: Path
) -> None:
    exact = trained(asked(tmp_path / "exact", "sft", base, **{**settings, "dtype": "float32"}))
    autocast()
    short = trained(asked(tmp_path / "short", "sft", base, **settings))
    assert short.trainer.accelerator.mixed_precision == "bf16"
    assert (exact.outputs, short.outputs) == ({torch.float32}, {torch.bfloat16})
    assert len(short.losses) == 6
    assert short.losses == pytest.approx(exact.losses, abs=1e-2)
    assert short.losses[-1] < short.losses[0]


@pytest.mark.parametrize("precompute", [False, True])
@pytest.mark.parametrize("settings", [ADAPTER, FULL], ids=["adapter", "full"])
@pytest.mark.slow
def test_dpo_begins_at_ln_2_and_has_the_losses_of_32_bit_arithmetic(
    base: ModelSource, autocast: Callable[[], None], settings: dict[str, Any], precompute: bool, tmp_path: Path
) -> None:
    first = asked(tmp_path / "sft", "sft", base, **settings)
    train(first, lambda event: None)
    before = ModelSource(first.out, base.path if "lora" in settings else None)
    ways = {**settings, "precompute_reference": precompute}
    exact = trained(asked(tmp_path / "exact", "dpo", before, **{**ways, "dtype": "float32"}))
    autocast()
    short = trained(asked(tmp_path / "short", "dpo", before, **ways))
    assert short.trainer.accelerator.mixed_precision == "bf16"
    assert short.losses[0] == pytest.approx(math.log(2), abs=1e-3)
    assert short.losses == pytest.approx(exact.losses, abs=1e-2)
    assert short.losses[-1] < short.losses[0] - 1e-3


def test_an_adapter_is_trained_in_32_bits_on_a_base_of_16_that_stays_as_it_is(
    base: ModelSource, autocast: Callable[[], None], tmp_path: Path
) -> None:
    autocast()
    seen = trained(asked(tmp_path, "sft", base, **ADAPTER))
    untouched = dict(load_model(ModelFolders.of(base), dtype="bfloat16").named_parameters())
    found = 0
    for name, weight in seen.trainer.model.named_parameters():
        if "lora_" in name:
            assert weight.dtype == torch.float32, name
            assert "lora_A" in name or weight.abs().max() > 0, name  # B begins at zero
            continue
        assert torch.equal(weight, untouched[name.removeprefix("base_model.model.").replace(".base_layer", "")]), name
        assert (weight.dtype, weight.requires_grad) == (torch.bfloat16, False), name
        found += 1
    assert found == len(untouched)
