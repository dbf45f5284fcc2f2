from __future__ import annotations

from pathlib import Path

import pytest

from sirev.errors import StageFailed
from sirev.processes.requests import Progress
from sirev.trainers import checkpoints
from sirev.trainers.dispatch import PretrainParameters, PretrainRequest
from sirev.trainers.pretrain import pretrain
from tests.trainers.test_models import SIZES

PARAMETERS = PretrainParameters(SIZES, 2400, [1], 0.5, batch_size=8, learning_rate=0.01, warmup=0.05, seed=1)
STEPS = 300


def asked(folder: Path) -> PretrainRequest:
    (folder / "out").mkdir(parents=True)
    return PretrainRequest(PARAMETERS, folder / "out", folder / "attempts")


def test_a_pretraining_that_a_signal_ended_goes_on_bit_for_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events: list[Progress] = []
    undisturbed = asked(tmp_path / "undisturbed")
    log = pretrain(undisturbed, events.append)
    assert [event.done for event in events] == [100, 200, STEPS]

    ended = asked(tmp_path / "ended")
    events.clear()
    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "termination_noted", lambda: len(events) == 2)
        with pytest.raises(StageFailed, match=f"after step 200 of {STEPS}"):
            pretrain(ended, events.append)
    assert [path.name for path in ended.attempts.glob("attempt-*/checkpoint-*")] == ["checkpoint-200"]
    events.clear()
    assert pretrain(ended, events.append) == log
    assert [event.done for event in events] == [STEPS]
    assert (ended.out / "model.safetensors").read_bytes() == (undisturbed.out / "model.safetensors").read_bytes()
    assert not ended.attempts.exists()
