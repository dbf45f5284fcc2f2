from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from sirev.cli import doctor
from sirev.cli.doctor import report_lines
from sirev.machine.findings import Finding, Remedy

LONG = "--set evaluation.ood.a_suite_with_a_long_name.task.data.path=/a/folder/with/a/name/that/is/long/as/well"
FINDINGS = [
    Finding("Python", "3.11.7", True, True),
    Finding("package pydantic", "2.0", True, True),
    Finding("GPU", "none, and none is required", True, False, (Remedy("buy one"),), True),
    Finding("data of a_suite_with_a_long_name", "a word and " * 12 + "the end", False, True, (Remedy("name files", LONG),)),
    Finding("scratch", "too little", False, False, (Remedy("find more"),)),
]


def texts(width: int, verbose: bool = False) -> list[str]:
    return [line.text for line in report_lines(FINDINGS, "some", width, verbose)]


def test_what_is_missing_comes_first_then_what_to_note_and_what_is_here() -> None:
    lines = texts(400)
    headings = [line for line in lines[:-1] if line and not line.startswith(" ")]
    assert headings == ["Missing", "Note", "Here", "Not here, and not needed"]
    assert lines[-1] == "some can't run here: 1 requirement is missing."
    assert not any("buy one" in line for line in lines)


def test_narrow_lines_break_between_words_and_commands_never() -> None:
    lines = texts(80)
    assert [line for line in lines if len(line) > 80] == [" " * (2 + len("data of a_suite_with_a_long_name") + 2 + 4) + LONG]
    words = " ".join(" ".join(lines).split())
    assert FINDINGS[3].found in words


def test_names_and_values_stand_apart() -> None:
    column = 2 + len("data of a_suite_with_a_long_name") + 2
    for finding in (FINDINGS[0], FINDINGS[3], FINDINGS[4]):
        assert any(line[:column].strip() == finding.what and line[column:] == finding.found for line in texts(400))


def test_packages_that_are_well_are_one_line_unless_all_is_asked_for() -> None:
    assert "package pydantic" not in " ".join(texts(80))
    assert any(line.startswith("  package pydantic ") for line in texts(80, verbose=True))


def test_the_disk_has_to_hold_the_models_that_are_still_to_be_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage._replace(free=200 * 10**9))
    said: list[dict[str, Any]] = []
    monkeypatch.setattr(doctor, "out_json", said.append)
    doctor.run("mistral_gsm8k", ["engine=transformers"], tmp_path / "store", ["full"], form="json")
    (store,) = [finding for finding in said[0]["findings"] if finding["what"] == "store"]
    assert store["status"] == "missing"
    assert "347.6 GB" in store["found"]
