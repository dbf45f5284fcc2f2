from __future__ import annotations

import json
from pathlib import Path

import pytest

from sirev.cli.measure import run
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
    lines = [" ".join(line.split()) for line in said.out.splitlines()]
    assert "M1 m1.jsonl draws id, text=completion, correct 10 4" in lines
    assert "M2 m2-0.jsonl and 1 more draws id, text=completion, correct 10 8" in lines
    assert lines[-1] == f"next: sirev report html --recipe mine -o mine.html --store '{tmp_path}/a store'"
    assert "pass@1, mean of 4 to 8 draws" in said.out
    run("mine", steps, greedy, {}, {}, tmp_path / "a store")
    lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
    assert "M1 M1.jsonl greedy id, text=completion, correct 10 1" in lines
