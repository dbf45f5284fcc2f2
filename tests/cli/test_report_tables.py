from __future__ import annotations

from pathlib import Path

import pytest

import sirev
from sirev.cli.report import run
from sirev.study.comparing import joint_records
from tests.conftest import Study


def report(store: Path, section: str | None = None, form: str = "table") -> int:
    return run(section, ["tiny_smoke"], [], [], form, store, None, None, 8, None, False)


def test_a_comparison_that_has_to_be_computed_is_announced_and_one_that_is_there_is_not(
    smoke_copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = sirev.Store(smoke_copy)
    for key, artifact in joint_records(store, store.runs.all()):
        store.records.path(key, artifact).unlink()
    assert report(smoke_copy) == 0
    assert capsys.readouterr().err == "sirev: comparing 3 runs (the store has no such comparison yet) ...\n"
    assert report(smoke_copy) == 0
    found = capsys.readouterr()
    assert found.err == ""
    assert found.out.startswith("tiny_smoke: 24 test problems")


def test_a_report_with_holes_says_so_on_stderr_and_ends_with_1(
    smoke: Study, smoke_copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = sirev.Store(smoke_copy)
    dpo = smoke.run("dpo", store)
    pin = dpo.pins["train:3"]
    store.records.path(pin.key, pin.artifact).unlink()
    assert report(smoke_copy, "training", "json") == 1
    found = capsys.readouterr()
    assert f"has no record of {dpo.id}:3:train; compute them again with `sirev iterate" in found.err
    assert f"{dpo.id}:3:train" in found.out
    assert report(smoke_copy, "accuracy") == 0


def test_other_settings_are_commands_on_stderr(smoke: Study, smoke_copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sirev.iterate("tiny_smoke", methods=["sft"], overrides=["evaluation.draws.n=8"], store=smoke_copy)
    assert report(smoke_copy) == 0
    line, other = capsys.readouterr().err.splitlines()
    assert line == "sirev: tiny_smoke was run with 2 settings; this is the one run last (draws.n=8). The others:"
    digits = smoke.results[0].id.rpartition("-")[2]
    assert other == f"  sirev report --run {digits} --store {smoke_copy}  # draws.n=16"
