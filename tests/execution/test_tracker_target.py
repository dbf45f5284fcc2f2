from __future__ import annotations

import pytest

from sirev.errors import BadInput
from sirev.execution import tracker_target as module
from sirev.execution.tracker_target import tracker_target
from sirev.trackers.dispatch import TRACKERS, TrackerTarget


@pytest.mark.parametrize(
    ("track", "said"),
    [
        ("wandd", r"--track wandd: unknown tracker 'wandd'; did you mean 'wandb'"),
        ("wandb:", r"--track 'wandb:': expected wandb:PROJECT, with a project of 1 to 128 characters"),
        ("mlflow:a\nb", r"expected mlflow:PROJECT"),
        ("mlflow:" + "a" * 129, r"expected mlflow:PROJECT"),
        (":mine", r"unknown tracker ''"),
    ],
)
def test_what_is_no_tracker_is_refused_with_what_is_allowed(track: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        tracker_target(track)


def test_a_tracker_that_is_not_installed_is_refused_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    for name in TRACKERS:
        with pytest.raises(BadInput, match=rf"is not installed; install it with: pip install .*\[{name}\]"):
            tracker_target(name)


def test_tensorboard_needs_torch_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: None if name == "torch" else object())
    with pytest.raises(BadInput, match=r"the package torch is not installed; install it with: pip install .*\[tensorboard\]"):
        tracker_target("tensorboard")
    assert tracker_target("trackio") == TrackerTarget("trackio", "sirev")


def test_the_project_is_the_one_named_else_the_tracker_s_own_else_sirev(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_EXPERIMENT_NAME", raising=False)
    monkeypatch.delenv("SIREV_TRACK", raising=False)
    assert tracker_target(None) is None
    assert tracker_target("mlflow") == TrackerTarget("mlflow", "sirev")
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "theirs")
    assert tracker_target("mlflow") == TrackerTarget("mlflow", "theirs")
    assert tracker_target("mlflow:/Users/me/mine") == TrackerTarget("mlflow", "/Users/me/mine")
    monkeypatch.setenv("SIREV_TRACK", "wandb:team")
    assert tracker_target(None) == TrackerTarget("wandb", "team")
    monkeypatch.setenv("SIREV_TRACK", "team")
    with pytest.raises(BadInput, match="SIREV_TRACK team: unknown tracker"):
        tracker_target(None)
