from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from sirev.cli import gpu_check as module
from sirev.errors import BadInput
from sirev.execution.measured_rates import MeasuredRate
from sirev.machine.gpu_check.running import CheckResult
from tests.conftest import Command

WELL = CheckResult("device", "ok", "a GPU", 1.4)
ABSENT = CheckResult("vllm", "skipped", "vLLM is not installed", 0.0)
FAILED = CheckResult("large model", "failed", "no training fits", 61.0, (MeasuredRate("a GPU", "train", 7, 9.0),))


def ran(patch: pytest.MonkeyPatch, *results: CheckResult, form: str = "table") -> int:
    def checks(device: str, recipe: Any, *, full: bool) -> Iterator[CheckResult]:
        yield from results

    patch.setattr(module, "gpu_check", checks)
    return module.run(None, [], [], "cuda", False, form)


def test_each_check_is_a_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert ran(monkeypatch, WELL, ABSENT) == 0
    assert capsys.readouterr().out.splitlines() == [
        "ok      device               a GPU (1 s)",
        "skipped vllm                 vLLM is not installed",
        "No check failed; 1 of 2 skipped.",
    ]


def test_a_failure_is_counted_and_is_the_exit_status(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert ran(monkeypatch, WELL, FAILED) == 1
    assert capsys.readouterr().out.splitlines()[1:] == [
        "failed  large model          no training fits (61 s)",
        "1 of 2 checks failed.",
    ]


def test_programs_get_json_and_nothing_else(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert ran(monkeypatch, WELL, FAILED, form="json") == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["schema"], told["device"]) == (1, "cuda")
    assert [check["status"] for check in told["checks"]] == ["ok", "failed"]
    assert told["checks"][1]["rates"][0]["tokens_per_second"] == 9.0


def test_an_unknown_format_is_refused_before_anything_is_run(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadInput, match="--format"):
        ran(monkeypatch, WELL, form="yaml")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--full"], "--full: only with --gpu-check"),
        (["--device", "cuda"], "--device: only with --gpu-check"),
        (["--gpu-check", "--verbose", "--store", "here"], "--store and --verbose: not with --gpu-check"),
    ],
)
def test_an_option_that_says_nothing_is_refused(command: Command, words: list[str], told: str) -> None:
    done = command("doctor", *words)
    assert (done.returncode, done.stderr) == (2, f"sirev: error: {told}\n")
