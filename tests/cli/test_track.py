from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Command, Study

HEAVY = ("torch", "transformers", "datasets", "pyarrow", "matplotlib", "mlflow")


@pytest.mark.slow
def test_a_run_is_sent_once_and_again_if_asked(command: Command, smoke: Study, tmp_path: Path) -> None:
    pytest.importorskip("mlflow")
    variables = {"MLFLOW_TRACKING_URI": f"file://{tmp_path}/kept", "SIREV_STORE": str(smoke.store.path)}
    asked = ("track", smoke.of("dpo").id[:-4], "--track", "mlflow:mine")
    first, second, third = (command(*words, **variables) for words in (asked, asked, (*asked, "--again")))
    assert (first.returncode, first.stderr) == (0, "")
    assert first.stdout.endswith("points sent: optimizer steps of its trainings, and measured models\n")
    assert second.stdout == "All points were sent before; --again sends them once more.\n"
    assert third.stdout == first.stdout


def test_a_tracker_that_there_is_not_ends_in_one_line(command: Command, smoke: Study) -> None:
    for asked in (("track", smoke.of("sft").id), ("iterate", "tiny_smoke")):
        done = command(*asked, "--store", smoke.store.path, SIREV_TRACK="wandd")
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.startswith("sirev: error: SIREV_TRACK wandd: unknown tracker 'wandd'; did you mean 'wandb'?")
        assert done.stderr.count("\n") == 1


@pytest.mark.slow
def test_a_replay_of_a_tracked_run_imports_as_little_as_any(command: Command, smoke: Study, tmp_path: Path) -> None:
    pytest.importorskip("mlflow")
    variables = {"MLFLOW_TRACKING_URI": f"file://{tmp_path}/kept", "SIREV_STORE": str(smoke.store.path)}
    asked = ("iterate", "tiny_smoke", "--method", "sft", "--track", "mlflow:mine")
    assert command(*asked, **variables).returncode == 0
    again = command(*asked, **variables, PYTHONPROFILEIMPORTTIME="1")
    assert again.returncode == 0
    loaded = {line.rpartition("|")[2].strip() for line in again.stderr.splitlines() if line.startswith("import time:")}
    assert "sirev.api.tracking" in loaded
    assert not loaded & {*HEAVY}
