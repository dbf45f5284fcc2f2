from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from transformers import Trainer

from sirev.machine.gpu_check.small_model import LORA, SFT_ROWS, SMALL_TRAINING, training_request
from sirev.machine.gpu_check.watching import WatchedTraining, watched_training
from sirev.trainers.models import ModelSource
from tests.base_model import save_base_model


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def watched(folder: Path) -> WatchedTraining:
    save_base_model(folder / "base")
    (folder / "rows.json").write_text(json.dumps(SFT_ROWS[:8]))
    request = training_request(
        folder, ModelSource(folder / "base"), folder / "rows.json", SMALL_TRAINING, batch_size=2, lora=LORA
    )
    return watched_training(request, lambda event: None)


def test_a_training_is_seen_as_it_is(tmp_path: Path) -> None:
    before = Trainer.train
    seen = watched(tmp_path)
    assert (seen.device, seen.precision, seen.trainable) == ("cpu", "no", ["torch.float32"])
    assert not seen.frozen_changed
    assert seen.peak == 0
    assert seen.seconds_per_step > 0
    assert len(seen.losses) == seen.trained.steps == 4
    assert Trainer.train is before


def test_a_frozen_weight_that_changes_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = Trainer.training_step

    def spoilt(self: Trainer, *given: object) -> torch.Tensor:
        with torch.no_grad():
            next(weight for weight in self.model.parameters() if not weight.requires_grad).view(-1)[0] += 1e-3
        return plain(self, *given)

    monkeypatch.setattr(Trainer, "training_step", spoilt)
    assert watched(tmp_path).frozen_changed
