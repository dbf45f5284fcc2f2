from __future__ import annotations

import json
from pathlib import Path

import pytest

from sirev.api.measure import StepRead
from sirev.cli.measure import run, what_was_read
from sirev.errors import BadInput


def test_a_step_is_named_with_its_file(tmp_path: Path) -> None:
    for steps, line in [(["M1"], "--step M1: expected STEP=FILE"), (["=a"], "--step =a: expected STEP=FILE")]:
        with pytest.raises(BadInput, match=line):
            run("mine", steps, [], {}, {}, tmp_path / "store")
    with pytest.raises(BadInput, match="--greedy M1: expected STEP=FILE"):
        run("mine", ["M1=a", "M2=b"], ["M1"], {}, {}, tmp_path / "store")


def test_the_report_of_files_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for step, right in (("M1", 4), ("M2", 7)):
        rows = [{"id": i, "said": f"{i}", "correct": i < right} for i in range(10)]
        (tmp_path / f"{step}=x.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    steps = [f"{step}={tmp_path}/{step}=x.jsonl" for step in ("M1", "M2")]
    run("mine", steps, [], {"task": None}, {"text": "said", "level": None}, tmp_path / "store", reader="rows")
    found = capsys.readouterr()
    assert "40.0" in found.out
    assert "70.0" in found.out


def rows(path: Path, draws: int, right: int, problems: int = 10, **more: object) -> Path:
    found = [
        {"id": f"p{i}", "completion": f"{i}, draw {k}", "correct": i < right, **more}
        for i in range(problems)
        for k in range(draws)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in found))
    return path


def test_what_was_read_stands_beside_the_report_with_the_command_for_a_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, *shards = (rows(tmp_path / f"{name}.jsonl", 4, right) for name, right in (("m1", 4), ("m2-0", 7), ("m2-1", 6)))
    greedy = [f"{step}={rows(tmp_path / f'{step}.jsonl', 1, 5)}" for step in ("M1", "M2")]
    steps = [f"M1={first}", *(f"M2={path}" for path in shards)]
    run("mine", steps, greedy[:0], {}, {}, tmp_path / "a store")
    said = capsys.readouterr()
    lines = said.out.splitlines()
    assert lines[:5] == [
        "Read:",
        "  M1: m1.jsonl, 10 problems, 4 draws per problem",
        "  M2: m2-0.jsonl and 1 more, 10 problems, 8 draws per problem",
        "  fields: id, text from completion, correct",
        "",
    ]
    assert any("sirev report html mine" in line and "-o mine.html" in line for line in lines)
    assert "mean of 4 to 8 draws" in said.out
    run("mine", steps, greedy, {}, {}, tmp_path / "a store")
    assert "  M1: M1.jsonl, 10 problems, 1 greedy answer per problem" in capsys.readouterr().out.splitlines()


def test_fields_that_differ_by_step_are_told_by_step() -> None:
    read = [
        StepRead(step, "greedy", ("a.jsonl",), 1, 1, 1, {"text": f"{step}.said", "correct": correct})
        for step, correct in (("M1", "correct"), ("M2", "passed"))
    ]
    assert what_was_read(read, {"text": "{step}.said"})[-2:] == [
        "  fields of M1: text from {step}.said, correct",
        "  fields of M2: text from {step}.said, correct from passed",
    ]
