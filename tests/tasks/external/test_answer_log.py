from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from sirev.tasks.external.answer_log import AnswerLog, distinct_name
from sirev.tasks.external.inspect_writing import write_inspect_log
from sirev.tasks.external.lm_eval_writing import write_lm_eval_log

ROW = {"problem_id": "p", "draw": 0, "level": "", "prompt": "1+1?", "gold": "2", "text": "2", "tokens": 1, "finish": "stop"}
ALIKE = [
    ("ckpt_1", "t-a/draws"),
    ("ckpt-1", "t-a/draws"),
    ("ckpt-1", "t-a-draws"),
    ("ckpt-1/t-a", "draws"),
    ("ckpt-1", "t-a_draws"),
]
"""Models and tasks whose names are equal but for letters that no file's name has."""


def logs() -> list[AnswerLog]:
    rows = [{**ROW, "correct": True, "answer": "2", "reason": "right"}]
    return [AnswerLog(task, model, "grader", "2026-01-02T03:04:05+00:00", rows) for model, task in ALIKE]


@pytest.mark.parametrize("write", [write_lm_eval_log, write_inspect_log])
def test_no_two_logs_have_a_file_in_common(tmp_path: Path, write: Callable[[AnswerLog, Path], list[Path]]) -> None:
    if write is write_inspect_log:
        pytest.importorskip("inspect_ai")
    written = [{path.relative_to(tmp_path) for path in write(log, tmp_path)} for log in logs()]
    assert len(set().union(*written)) == sum(map(len, written))


def test_models_have_a_folder_each(tmp_path: Path) -> None:
    folders = [write_lm_eval_log(log, tmp_path)[0].parent for log in logs()]
    assert len({*folders}) == len({model for model, _ in ALIKE})


def test_a_name_that_a_file_can_have_stays_as_it_is() -> None:
    assert distinct_name("gsm8k-draws") == "gsm8k-draws"
    for first, second in pairwise(["ckpt_1", "ckpt-1", "ckpt/1", "ckpt 1"]):
        assert distinct_name(first) != distinct_name(second)
        assert distinct_name(second).startswith("ckpt-1")
