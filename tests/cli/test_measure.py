from __future__ import annotations

import json
from pathlib import Path

import pytest

from sirev.cli.measure import run
from sirev.errors import BadInput


def test_files_of_steps_are_named_once_each(tmp_path: Path) -> None:
    for steps, line in [
        (["M1"], "--step M1: expected STEP=FILE"),
        (["=a"], "--step =a: expected STEP=FILE"),
        (["M1=a", "M1=b"], "the step M1 is named twice"),
    ]:
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
    assert "M2: 10 problems, one completion each, taken as the greedy answer" in found.err
