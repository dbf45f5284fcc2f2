from __future__ import annotations

import math
import signal
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from sirev.errors import StageFailed
from sirev.processes.requests import Progress
from sirev.processes.resident import ChildFailed
from sirev.trainers import checkpoints as checkpoints_module
from sirev.trainers.checkpoints import CHECKPOINT_MARKER, Checkpoints, is_whole, mark
from sirev.trainers.dispatch import LoraParameters, TrainRequest
from sirev.trainers.models import ModelSource
from sirev.trainers.trl_steps import train
from tests.forked import Forks
from tests.trainers import killed_training
from tests.trainers.training_requests import LORA, dpo_rows, request, sft_rows, weights

LN_2 = math.log(2)


def checkpoint(root: Path, attempt: str, step: int, *, whole: bool = True) -> Path:
    """What an earlier attempt left."""
    folder = root / f"attempt-{attempt}" / f"checkpoint-{step}"
    (folder / "deep").mkdir(parents=True)
    (folder / "weights").write_text(f"{attempt} {step}")
    (folder / "deep" / "state").write_text("state")
    if whole:
        mark(folder)
    return folder


def test_nothing_is_adopted_where_nobody_tried(tmp_path: Path) -> None:
    assert Checkpoints(tmp_path / "attempts", None).adopt() is None


def test_the_furthest_whole_checkpoint_is_moved_to_the_new_attempt_and_the_others_are_gone(tmp_path: Path) -> None:
    checkpoint(tmp_path, "one", 9)
    checkpoint(tmp_path, "one", 10)
    checkpoint(tmp_path, "two", 2)
    checkpoint(tmp_path, "three", 11, whole=False)
    checkpoints = Checkpoints(tmp_path, None)
    assert checkpoints.adopt() == checkpoints.folder / "checkpoint-10"
    assert (checkpoints.folder / "checkpoint-10" / "weights").read_text() == "one 10"
    assert list(tmp_path.iterdir()) == [checkpoints.folder]


def test_a_checkpoint_that_another_attempt_adopted_is_not_adopted_twice(tmp_path: Path) -> None:
    checkpoint(tmp_path, "old", 3)
    earlier = Checkpoints(tmp_path, None)
    first = earlier.adopt()
    assert first is not None
    earlier.attempt.leave()
    second = Checkpoints(tmp_path, None).adopt()
    assert second is not None
    assert not first.exists()


def test_an_attempt_that_still_runs_is_neither_robbed_nor_deleted(tmp_path: Path) -> None:
    running = Checkpoints(tmp_path, None)
    running.adopt()
    (running.folder / "checkpoint-4").mkdir()
    mark(running.folder / "checkpoint-4")
    late = Checkpoints(tmp_path, None)
    assert late.adopt() is None
    assert is_whole(running.folder / "checkpoint-4")
    late.discard()
    assert running.folder.is_dir()
    running.discard()
    assert not tmp_path.exists()


@pytest.mark.parametrize("spoil", ["cut", "changed", "missing", "added", "marker"])
def test_a_spoilt_checkpoint_is_not_adopted_but_the_whole_one_before_it(tmp_path: Path, spoil: str) -> None:
    folder = checkpoint(tmp_path, "old", 3)
    checkpoint(tmp_path, "old", 2)
    file = folder / "deep" / "state"
    match spoil:
        case "cut":
            file.write_text("sta")
        case "changed":
            file.write_text("stale")
        case "missing":
            file.unlink()
        case "added":
            (folder / "more").write_text("")
        case "marker":
            (folder / CHECKPOINT_MARKER).write_text((folder / CHECKPOINT_MARKER).read_text()[:-5])
    assert not is_whole(folder)
    adopted = Checkpoints(tmp_path, None).adopt()
    assert adopted is not None
    assert (adopted / "weights").read_text() == "old 2"


@pytest.mark.parametrize(("minutes", "step", "due"), [(0, 3, True), (0, 9, False), (60, 3, False), (None, 3, False)])
def test_a_checkpoint_is_due_after_its_minutes_but_not_after_the_last_step(
    tmp_path: Path, minutes: float | None, step: int, due: bool
) -> None:
    control = SimpleNamespace(should_save=False)
    state = SimpleNamespace(global_step=step, max_steps=9)
    Checkpoints(tmp_path, minutes).on_step_end(None, state, control)
    assert control.should_save is due


def test_a_save_leaves_one_checkpoint_and_no_reference_adapter_in_it(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path, 0)
    for step in (1, 2):
        folder = checkpoints.folder / f"checkpoint-{step}"
        (folder / "ref").mkdir(parents=True)
        (folder / "weights").write_text("")
        checkpoints.on_save(None, SimpleNamespace(global_step=step), None)
    assert [path.name for path in checkpoints.folder.iterdir()] == ["checkpoint-2"]
    assert sorted(path.name for path in folder.iterdir()) == [CHECKPOINT_MARKER, "weights"]
    assert is_whole(folder)


CASES = {
    "sft": ("sft", "base", None),
    "dpo": ("dpo", "base", None),
    "sft with a new adapter": ("sft", "base", replace(LORA, dropout=0.2)),
    "dpo with a new adapter": ("dpo", "base", LORA),
    "sft of an adapter": ("sft", "adapter", LORA),
    "dpo of an adapter": ("dpo", "adapter", LORA),
}


@pytest.fixture(params=CASES)
def case(
    request: pytest.FixtureRequest, base: ModelSource, adapter: ModelSource
) -> tuple[str, ModelSource, LoraParameters | None]:
    kind, model, lora = CASES[request.param]
    return kind, {"base": base, "adapter": adapter}[model], lora


class Training:
    """A training of six steps in two epochs, and the same one without an interruption."""

    def __init__(self, forks: Forks, folder: Path, kind: str, model: ModelSource, **settings: Any) -> None:
        self.forks = forks
        self.folder = folder
        self.rows: list[dict[str, str]] = sft_rows(11) if kind == "sft" else dpo_rows(11)
        self.kind, self.model = kind, model
        self.settings = {"epochs": 2, "learning_rate": 1e-2, "checkpoint_minutes": 0, **settings}
        self.arguments = self._request("interrupted")
        self.undisturbed = self._request("undisturbed")
        self.expected = train(self.undisturbed, lambda event: None)

    def _request(self, name: str, **settings: Any) -> TrainRequest:
        return request(self.folder / name, self.kind, self.model, self.rows, **self.settings, **settings)

    def killed(self, step: int, moment: str, number: int = signal.SIGKILL, told: str = "killed") -> None:
        killed = killed_training.KilledTraining(self.arguments, step, moment, number)
        with pytest.raises(ChildFailed, match=told):
            self.forks.resident(self.folder / "log").call(killed_training.run, killed, lambda event: None)

    def left(self) -> list[Path]:
        """The checkpoints that are there, whole or not."""
        return sorted(self.arguments.attempts.glob("attempt-*/checkpoint-*"))

    def goes_on_from(self, step: int | None) -> None:
        """The same request again takes up the checkpoint of `step`, and ends as if nothing had happened."""
        events: list[Progress] = []
        result = train(self.arguments, events.append)
        assert result.resumed == step
        assert [event.done for event in events] == list(range((step or 0) + 1, 7))
        assert [(e["step"], e["loss"]) for e in result.log] == [(e["step"], e["loss"]) for e in self.expected.log]
        expected = weights(self.undisturbed)
        assert all(torch.equal(weight, expected[name]) for name, weight in weights(self.arguments).items())
        assert replace(result, log=[], resumed=None) == replace(self.expected, log=[], resumed=None)
        assert not self.arguments.attempts.exists()


@pytest.mark.slow
def test_a_killed_training_goes_on_bit_for_bit(
    case: tuple[str, ModelSource, LoraParameters | None], forks: Forks, tmp_path: Path
) -> None:
    kind, model, lora = case
    training = Training(forks, tmp_path, kind, model, lora=lora)
    assert [entry["step"] for entry in training.expected.log] == [1, 2, 3, 4, 5, 6]
    training.killed(5, "training")
    assert [path.name for path in training.left()] == ["checkpoint-4"]
    training.goes_on_from(4)
    if kind == "dpo":  # ln 2 again would mean that the policy had started over at the reference
        assert training.expected.log[0]["loss"] == pytest.approx(LN_2, abs=1e-4)
        assert abs(training.expected.log[4]["loss"] - LN_2) > 0.05


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR2])
@pytest.mark.slow
def test_a_training_asked_to_end_saves_the_step_that_it_is_at_and_goes_on_bit_for_bit(
    adapter: ModelSource, number: signal.Signals, forks: Forks, tmp_path: Path
) -> None:
    training = Training(forks, tmp_path, "dpo", adapter, lora=LORA, checkpoint_minutes=None)
    # A step is told of once it is over: the training is at the next.
    training.killed(4, "training", number, "saved after step 5 of 6$")
    assert [path.name for path in training.left()] == ["checkpoint-5"]
    training.goes_on_from(5)


@pytest.mark.slow
def test_a_training_asked_to_end_while_it_saves_ends_with_that(base: ModelSource, forks: Forks, tmp_path: Path) -> None:
    training = Training(forks, tmp_path, "sft", base)
    training.killed(3, "saving", signal.SIGTERM, "saved after step 3 of 6$")
    training.goes_on_from(3)


@pytest.mark.slow
def test_a_training_asked_to_end_in_its_last_step_ends_as_ever(base: ModelSource, forks: Forks, tmp_path: Path) -> None:
    training = Training(forks, tmp_path, "sft", base)
    asked = killed_training.KilledTraining(training.arguments, 6, "training", signal.SIGTERM)
    training.forks.resident(tmp_path / "log").call(killed_training.run, asked, lambda event: None)
    expected = weights(training.undisturbed)
    assert all(torch.equal(weight, expected[name]) for name, weight in weights(training.arguments).items())


def test_a_training_asked_to_end_before_it_begins_touches_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = checkpoint(tmp_path, "earlier", 3)
    monkeypatch.setattr(checkpoints_module, "termination_noted", lambda: True)
    with pytest.raises(StageFailed, match="before it began"):
        Checkpoints(tmp_path, None).adopt()
    assert is_whole(left)
    assert [path.name for path in tmp_path.iterdir()] == ["attempt-earlier"]


@pytest.mark.parametrize("kind", ["sft", pytest.param("dpo", marks=pytest.mark.slow)])
def test_a_killed_training_in_parts_goes_on_bit_for_bit(base: ModelSource, kind: str, forks: Forks, tmp_path: Path) -> None:
    training = Training(forks, tmp_path, kind, base, micro_batch_tokens=60)
    training.killed(5, "training")
    training.goes_on_from(4)


@pytest.mark.slow
def test_a_training_killed_while_it_saves_goes_on_from_the_checkpoint_before(
    base: ModelSource, forks: Forks, tmp_path: Path
) -> None:
    training = Training(forks, tmp_path, "dpo", base, lora=LORA)
    training.killed(3, "saving")
    assert [path.name for path in training.left()] == ["checkpoint-2", "checkpoint-3"]
    training.goes_on_from(2)


@pytest.mark.slow
def test_a_training_whose_checkpoint_was_cut_short_starts_over(base: ModelSource, forks: Forks, tmp_path: Path) -> None:
    training = Training(forks, tmp_path, "sft", base)
    training.killed(3, "training")
    (left,) = training.left()
    with (left / "model.safetensors").open("r+b") as file:
        file.truncate((left / "model.safetensors").stat().st_size - 1)
    training.goes_on_from(None)


@pytest.mark.slow
def test_a_training_that_ran_out_of_memory_goes_on_in_smaller_parts(base: ModelSource, forks: Forks, tmp_path: Path) -> None:
    training = Training(forks, tmp_path, "dpo", base)
    training.killed(4, "training")
    parts: list[int] = []
    settings = replace(training.arguments.parameters, micro_batch_size=1)
    result = train(replace(training.arguments, parameters=settings), lambda event: parts.append(event.done))
    assert result.resumed == 3
    assert parts == [4, 5, 6]
    losses = [entry["loss"] for entry in training.expected.log]
    assert [entry["loss"] for entry in result.log] == pytest.approx(losses, abs=1e-4)
    expected = weights(training.undisturbed)
    assert all(torch.allclose(weight, expected[name], atol=1e-4) for name, weight in weights(training.arguments).items())
