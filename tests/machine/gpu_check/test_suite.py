from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sirev.execution.children import gpu
from sirev.execution.measured_rates import MeasuredRate, load_rates
from sirev.machine.gpu_check import large_model, large_ways, suite, watching
from sirev.machine.gpu_check.running import Bench, Check, Notes
from sirev.machine.gpu_check.suite import GPU_CHECKS, WHOLE_RUN
from sirev.machine.vllm_build import why_no_vllm
from sirev.processes.requests import messages_of
from sirev.trainers.dispatch import TrainingProgress
from tests import resident_work
from tests.conftest import SIREV, Command


def test_a_machine_without_a_gpu_says_so_in_one_line(command: Command) -> None:
    done = command("doctor", "--gpu-check", CUDA_VISIBLE_DEVICES="")
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("sirev: error: there is no GPU to check: ")
    assert line.endswith("(--device cpu runs the checks that make sense on a CPU)")


def test_the_check_of_a_checkout_is_the_command(tmp_path: Path) -> None:
    check = Path(__file__).parents[2] / "gpu" / "check.py"
    variables = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run([sys.executable, check], env=variables, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert done.returncode == 2
    assert done.stderr.startswith("sirev: error: there is no GPU to check: ")


def test_an_unknown_device_is_refused(command: Command) -> None:
    done = command("doctor", "--gpu-check", "--device", "tpu")
    assert (done.returncode, done.stderr) == (2, "sirev: error: --device tpu: allowed: cuda, cpu\n")


def test_every_check_needs_only_those_before_it() -> None:
    names = [check.name for check in (*GPU_CHECKS, WHOLE_RUN)]
    assert len(set(names)) == len(names)
    for place, check in enumerate((*GPU_CHECKS, WHOLE_RUN)):
        assert set(check.after) <= set(names[:place])


@pytest.fixture
def on_a_cpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """The folder for temporary files; the environment is put back afterwards."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    yield tmp_path / "temporary"
    gpu.cache_clear()


def test_rates_are_kept_for_the_plan(monkeypatch: pytest.MonkeyPatch, on_a_cpu: Path) -> None:
    rate = MeasuredRate("a GPU", "train", 7, 9.0)
    monkeypatch.setattr(suite, "GPU_CHECKS", (Check("speed", lambda bench: Notes(rates=[rate]), 60),))
    assert [result.status for result in suite.gpu_check("cpu")] == ["ok"]
    assert load_rates() == [rate]
    assert not list(on_a_cpu.iterdir())


def test_rates_that_can_not_be_kept_are_told(monkeypatch: pytest.MonkeyPatch, on_a_cpu: Path) -> None:
    (on_a_cpu.parent / "state").write_text("in the way")
    rated = Check("speed", lambda bench: Notes(found=["fast"], rates=[MeasuredRate("a GPU", "train", 7, 9.0)]), 60)
    monkeypatch.setattr(suite, "GPU_CHECKS", (rated, Check("none", lambda bench: Notes(found=["fine"]), 60)))
    told = [result.told for result in suite.gpu_check("cpu")]
    assert told[0].startswith("fast; its rates can't be kept for plans in $XDG_STATE_HOME")
    assert told[1] == "fine"


def test_logs_of_children_stay_where_a_check_failed(monkeypatch: pytest.MonkeyPatch, on_a_cpu: Path) -> None:
    def broken(bench: Bench) -> Notes:
        (bench.folder / "base").mkdir()
        (bench.folder / "data.json").write_text("[]")
        bench.child("one").call(resident_work.fail, {}, lambda event: None)
        return Notes()

    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    monkeypatch.setattr(suite, "GPU_CHECKS", (Check("broken", broken, 60),))
    (result,) = suite.gpu_check("cpu")
    (logs,) = on_a_cpu.iterdir()
    (log,) = logs.iterdir()
    assert str(log) in result.told
    assert "ValueError" in log.read_text()


@pytest.mark.parametrize(
    "work",
    [
        watching.watched_training,
        large_model.large_training,
        large_ways.training_in_given_order,
        large_ways.full_training,
        large_ways.full_training_with_cache,
    ],
)
def test_a_training_of_a_check_sends_the_events_of_a_training(work: Any) -> None:
    assert messages_of(work).event is TrainingProgress


@pytest.mark.slow
@pytest.mark.spinning
def test_all_checks_run_on_a_cpu(tmp_path: Path) -> None:
    words = [SIREV, "doctor", "--gpu-check", "--device", "cpu", "--format", "json"]
    variables = {**os.environ, "TMPDIR": str(tmp_path), "XDG_STATE_HOME": str(tmp_path / "state")}
    done = subprocess.run(words, env=variables, capture_output=True, text=True, timeout=3600)
    told = json.loads(done.stdout)
    found = {check["name"]: check for check in told["checks"]}
    assert not [check for check in found.values() if check["status"] == "failed"]
    assert list(found) == [check.name for check in GPU_CHECKS]
    assert done.returncode == 0
    skipped = {name for name, check in found.items() if check["status"] == "skipped"}
    assert skipped == ({"vllm memory"} if not why_no_vllm(on_gpu=False) else {name for name in found if name.startswith("vllm")})
    assert not [check for check in found.values() if check["rates"]]  # a CPU's are no GPU's
    assert not [*tmp_path.glob("sirev-gpu-check-*"), *tmp_path.glob("sirev-scratch-*")]
