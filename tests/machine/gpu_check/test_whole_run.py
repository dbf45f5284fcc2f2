from __future__ import annotations

from pathlib import Path

import pytest

from sirev.execution.model_sizes import shipped_shapes
from sirev.machine.gpu_check import whole_run as module
from sirev.machine.gpu_check.running import Bench, Check, CheckResult, run_checks
from tests import resident_work
from tests.conftest import alive
from tests.hub_cache import HubCache


def outcome(folder: Path) -> CheckResult:
    bench = Bench("cpu", folder, shipped_shapes()["mistralai/Mistral-7B-v0.1"], 1)
    (result,) = run_checks([Check("whole run", module.whole_run, 3600)], bench)
    return result


def test_a_model_that_can_not_be_had_is_the_reason_to_skip_it(hub: HubCache, tmp_path: Path) -> None:
    result = outcome(tmp_path)
    assert result.status == "skipped"
    assert result.told.startswith("base model: HuggingFaceTB/SmolLM2-135M-Instruct at 12fd25f77366 is not on this machine")


@pytest.mark.slow
def test_a_run_that_is_killed_goes_on_and_a_replay_finds_everything(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "RECIPE", "tiny_smoke")  # which needs no network
    monkeypatch.setattr(module, "why_no_vllm", lambda on_gpu: "")
    result = outcome(tmp_path)
    assert (result.status, result.told.partition(", it computed ")[0]) == ("ok", "killed after train:2"), result.told


def test_a_command_that_fails_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "RECIPE", "tiny_smoke")
    monkeypatch.setattr(module, "why_no_vllm", lambda on_gpu: "")
    (tmp_path / "store").write_text("in the way")
    result = outcome(tmp_path)
    assert result.status == "failed"
    assert "it ended on its own" in result.told


def test_no_child_of_an_earlier_check_is_there_when_the_run_begins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    bench = Bench("cpu", tmp_path, shipped_shapes()["mistralai/Mistral-7B-v0.1"], 1)
    earlier = bench.child("trainer").call(resident_work.pid, {}, lambda event: None)
    assert alive(earlier)
    seen: list[bool] = []

    def sirev(*asked: object, killed_after: str = "") -> tuple[int, str]:
        seen.append(alive(earlier))
        return 0, ""

    monkeypatch.setattr(module, "base_model", lambda recipe: [])
    monkeypatch.setattr(module, "_sirev", sirev)
    module.whole_run(bench)
    assert seen == [False, False, False]


def test_the_last_words_about_steps_count() -> None:
    told = "2 steps cached, 9 computed, 1.0 s\nnote: x\n11 steps cached, 0 computed, 0.1 s\nfor a claim: iterate"
    assert module._counts(told) == (11, 0)
    assert module._counts("Killed") == (0, -1)
