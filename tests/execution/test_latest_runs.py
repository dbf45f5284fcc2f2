from __future__ import annotations

from pathlib import Path

import pytest

import sirev
from sirev.execution.latest_runs import latest_runs, remember
from tests.conftest import Study


def test_the_last_iterate_is_remembered_also_if_it_was_a_replay(smoke: Study, smoke_copy: Path) -> None:
    (only,) = sirev.iterate("tiny_smoke", methods=["dpo"], store=smoke_copy)
    assert [run.id for run in latest_runs(sirev.Store(smoke_copy))] == [only.id]
    sirev.iterate("tiny_smoke", store=smoke_copy)
    assert {run.id for run in latest_runs(sirev.Store(smoke_copy))} == {result.id for result in smoke.results}


def test_without_a_memory_the_store_tells(smoke: Study, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert {run.id for run in latest_runs(smoke.store)} == {result.id for result in smoke.results}


def test_a_memory_that_can_not_be_written_or_read_does_no_harm(
    smoke: Study, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "sirev").write_text("a file where the folder should be")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    remember(smoke.store, ["x"])
    assert latest_runs(smoke.store)
