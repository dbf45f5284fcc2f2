from __future__ import annotations

from pathlib import Path

import pytest

from tests.trackers.tracked import keep_in, read_back

pytest.importorskip("mlflow")

from mlflow import MlflowClient

from sirev.trackers.dispatch import TrackedRun
from sirev.trackers.mlflow_run import MlflowRun


def test_a_run_that_was_made_without_its_configuration_gets_it_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep_in(tmp_path, "mlflow", monkeypatch)
    experiment = MlflowClient().create_experiment("mine")
    MlflowClient().create_run(experiment, tags={"sirev.id": "a1", "study": "tiny"}, run_name="tiny-sft")
    for version in ("1", "2"):  # what is there by now can't change
        MlflowRun("mine", TrackedRun("a1", "tiny-sft", "tiny", {"run": "tiny-sft", "sirev": version})).finish()
    found = read_back(tmp_path, "mlflow", "mine")
    assert found["tiny-sft"].config["sirev"] == "1"
