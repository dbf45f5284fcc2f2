from __future__ import annotations

from pathlib import Path

import pytest

from sirev.trackers.dispatch import TRACKERS


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for kind in TRACKERS.values():
        for name in kind.places:
            monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("tracker", "variables", "place"),
    [
        ("tensorboard", {}, ["{here}/runs"]),
        ("tensorboard", {"TENSORBOARD_LOGGING_DIR": "logs"}, ["{here}/logs"]),
        ("tensorboard", {"TENSORBOARD_LOGGING_DIR": "~/logs"}, ["/home/me/logs"]),
        ("mlflow", {}, ["{here}/mlruns"]),
        ("mlflow", {"MLFLOW_TRACKING_URI": "../logs"}, ["{above}/logs"]),
        ("mlflow", {"MLFLOW_TRACKING_URI": "file:./logs"}, ["file:{here}/logs"]),
        ("mlflow", {"MLFLOW_TRACKING_URI": "sqlite:///logs.db"}, ["sqlite:///{here}/logs.db"]),
        ("trackio", {"TRACKIO_DIR": "logs"}, ["{here}/logs", "", ""]),
        ("wandb", {"WANDB_MODE": "offline"}, ["", "", "offline", "{here}"]),
        ("wandb", {"WANDB_MODE": "offline", "WANDB_DIR": "logs"}, ["", "", "offline", "{here}/logs"]),
    ],
)
def test_a_folder_is_another_place_in_another_folder(
    tracker: str, variables: dict[str, str], place: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert TRACKERS[tracker].place == [one.format(here=tmp_path, above=tmp_path.parent) for one in place]


@pytest.mark.parametrize(
    "uri", ["http://127.0.0.1:5000", "databricks", "databricks://me", "file:///logs", "/logs", "sqlite:////logs.db"]
)
def test_a_server_and_an_absolute_path_are_one_place_everywhere(uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    assert TRACKERS["mlflow"].place == [uri]


def test_an_account_is_one_place_everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_DIR", "logs")
    assert TRACKERS["wandb"].place == ["", "", "", ""]
    assert TRACKERS["trackio"].place == ["", "", ""]
