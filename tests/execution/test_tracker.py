from __future__ import annotations

import os
from pathlib import Path

import pytest

from sirev.execution.tracker import Tracker
from sirev.processes.spawning import environment
from sirev.trackers.dispatch import TRACKERS, TrackerTarget
from tests.conftest import eventually


def test_a_tracker_s_process_alone_gets_its_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", "secret")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "there")
    given = environment(1, TRACKERS["wandb"].passes)
    assert given["WANDB_API_KEY"] == "secret"
    assert "MLFLOW_TRACKING_URI" not in given
    assert not {"WANDB_API_KEY", "MLFLOW_TRACKING_URI"} & environment(1).keys()


def test_after_a_job_that_failed_no_other_is_done_and_one_reason_is_told() -> None:
    told: list[str] = []
    done: list[int] = []
    jobs = Tracker(TrackerTarget("mlflow", "mine"), told.append)
    jobs.submit(lambda: done.append(1))
    for why in ("first", "second"):
        jobs.submit(lambda why=why: _raise(why))
    jobs.submit(lambda: done.append(2))
    jobs.close(60, lambda: None)
    assert (done, told) == ([1], ["first"])


def test_nothing_of_it_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    jobs = Tracker(TrackerTarget("mlflow", "mine"), lambda reason: None)
    jobs.submit(lambda: (jobs.scratch / "page.html").touch())
    assert eventually(lambda: any(tmp_path.glob("*/page.html")))
    jobs.close(60, lambda: None)
    assert os.listdir(tmp_path) == []


def _raise(why: str) -> None:
    raise OSError(why)
