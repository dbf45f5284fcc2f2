"""What is sent of a run, with all but the tracker's process."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import sirev
from sirev.api.run_sender import RunSender, tracked_run
from sirev.execution.tracker import Tracker
from sirev.store.store import Store
from sirev.trackers.dispatch import TrackedPoint, TrackedRun, TrackerTarget


@pytest.fixture(autouse=True)
def nothing_sent_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


class Recording(Tracker):
    """A tracker without a process, which keeps what it is sent."""

    def __init__(self) -> None:
        super().__init__(TrackerTarget("tensorboard", "mine"), pytest.fail)
        self.points: list[TrackedPoint] = []
        self.moves = 0

    def send(self, run: TrackedRun, points: list[TrackedPoint], facts: dict[str, str]) -> None:
        self.points += points

    def alive(self) -> None:
        super().alive()
        self.moves += 1


def send(run_id: str, store: Path) -> Recording:
    tracker = Recording()
    sender = RunSender(tracker, store, None, lambda run, text: pytest.fail(text))
    sender.send_rest(run_id)
    sender.close(60)
    return tracker


def test_a_tracker_gets_no_private_path(smoke_copy: Path) -> None:
    store = Store(smoke_copy)
    run = store.runs.all()[0]
    mine = replace(run, settings={**run.settings, "model": "/home/me/models/mine"})
    assert tracked_run(store, mine).config["settings.model"] == "./mine"


def test_computing_a_comparison_counts_as_going_on(smoke_copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (run,) = [run for run in Store(smoke_copy).runs.all() if run.method == "sft"]
    moves = send(run.id, smoke_copy).moves
    monkeypatch.setattr(RunSender, "_compared_then", lambda sender, run, t: None)
    monkeypatch.setenv("TENSORBOARD_LOGGING_DIR", "elsewhere")
    assert send(run.id, smoke_copy).moves < moves


def test_a_headline_that_changed_is_sent_and_nothing_else_of_it(smoke_copy: Path) -> None:
    (result,) = sirev.iterate("tiny_smoke", methods=["sft"], store=smoke_copy)
    first = send(result.id, smoke_copy)
    assert send(result.id, smoke_copy).points == []
    (again,) = sirev.iterate("tiny_smoke", methods=["sft"], overrides={"evaluation.verdict.margin": 0.9}, store=smoke_copy)
    assert again.id == result.id
    changed = send(result.id, smoke_copy).points
    assert {name for point in changed for name in point.values} == {"headline"}
    said = {point.step: point.values["headline"] for point in first.points if "headline" in point.values}
    assert all(said[point.step] != point.values["headline"] for point in changed)
