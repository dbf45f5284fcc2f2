from __future__ import annotations

from pathlib import Path

import pytest

from sirev.execution.sent import Sent
from sirev.execution.user_state import state_file
from sirev.trackers.dispatch import TrackerTarget

TARGET = TrackerTarget("mlflow", "mine")


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))


def test_what_was_sent_is_remembered_for_the_same_run_store_and_place_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = Sent.of(TARGET, "store", "run")
    sent.curves["train:1"] = 8
    sent.values["1"] = {"pass_at_1": 0.5}
    sent.whole = "digest"
    assert sent.save()
    assert Sent.of(TARGET, "store", "run") == sent
    others = [
        Sent.of(TARGET, "other", "run"),
        Sent.of(TARGET, "store", "other"),
        Sent.of(TrackerTarget("mlflow", "other"), "store", "run"),
        Sent.of(TrackerTarget("wandb", "mine"), "store", "run"),
        Sent.of(TARGET, "store", "run", nothing=True),
    ]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://elsewhere")
    others.append(Sent.of(TARGET, "store", "run"))
    assert all((one.curves, one.values, one.whole) == ({}, {}, None) for one in others)


@pytest.mark.parametrize("text", ["", "[]", "{", '{"curves": 1}', "null", '{"values": [1]}', '{"values": {"1": ["pass_at_1"]}}'])
def test_a_note_that_is_not_as_it_was_written_is_none(text: str) -> None:
    sent = Sent.of(TARGET, "store", "run")
    assert sent.save()
    state_file(sent.file).write_text(text)
    assert Sent.of(TARGET, "store", "run") == Sent(sent.file)


def test_where_nothing_can_be_written_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    assert not Sent.of(TARGET, "store", "run").save()
