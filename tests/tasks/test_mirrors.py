from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sirev.tasks.core.math import problems as math_problems
from sirev.tasks.load import DatasetParameters, ProblemsRequest, load_problems
from sirev.tasks.mirrors import published_form
from sirev.tasks.rows import Row
from tests.tasks.conftest import refusal


def loaded(tmp_path: Path, task: str, split: str, *rows: dict[str, Any], options: dict[str, Any]) -> list[dict[str, str]]:
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    parameters = DatasetParameters(task, split, {"rows": {"sha256": "x"}}, task, options, files={"rows": str(file)})
    load_problems(ProblemsRequest(parameters, tmp_path / "out.json"), lambda event: None)
    return list(json.loads((tmp_path / "out.json").read_text()))


def test_rows_of_math_500(tmp_path: Path) -> None:
    row = {"problem": "What is $1+1$?", "answer": "2", "subject": "Algebra", "level": 3, "unique_id": "test/algebra/1.json"}
    (one,) = loaded(tmp_path, "math", "test", row, options={"subjects": ["Algebra"], "levels": None})
    assert (one["answer"], one["level"]) == ("2", "3")


def test_rows_of_math_itself_stay_as_they_are() -> None:
    row = Row("f:1", {"problem": "p", "solution": "\\boxed{5}", "answer": "6", "level": "Level ?", "type": "Algebra"})
    assert published_form("math", row).values == row.values
    assert math_problems([published_form("math", row)])[0]["answer"] == "5"


def test_sanitized_rows_of_mbpp(tmp_path: Path) -> None:
    row = {
        "task_id": 12,
        "prompt": "Sort.",
        "code": "def f(x): ...",
        "test_imports": ["import math"],
        "test_list": ["assert f(1)"],
    }
    (one,) = loaded(tmp_path, "mbpp", "test", row, options={})
    assert json.loads(one["answer"]) == {"setup": "import math", "tests": ["assert f(1)"]}
    assert "Sort." in one["prompt"]
    assert "must be a list of imports" in refusal(lambda: published_form("mbpp", Row("f:1", {**row, "test_imports": "math"})))


def test_all_splits_of_mbpp_at_once(tmp_path: Path) -> None:
    row = {"text": "Sort.", "code": "def f(x): ...", "test_list": ["assert f(1)"]}
    rows = [{**row, "task_id": at} for at in (2, 11, 511, 601)]
    assert [one["id"] for one in loaded(tmp_path, "mbpp", "all", *rows, options={})] == [
        "mbpp-0002",
        "mbpp-0011",
        "mbpp-0511",
        "mbpp-0601",
    ]
