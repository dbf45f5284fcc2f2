from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sirev.tasks.external.completions import Reading, read
from tests.tasks.conftest import refusal

OLD = {
    "example": "1 + 1?",
    "full_prompt": "Answer. 1 + 1?",
    "predictions": ["2"],
    "gold": ["2"],
    "metrics": {"extractive_match": 1.0},
}
NEW = {
    "doc": {"query": "1 + 1?", "choices": ["3", "2"], "gold_index": [1], "id": "7"},
    "model_response": {"text": ["It is 2."]},
    "metric": {"pass@k:k=1": 0.0, "extractive_match": 1.0},
}


def reading(tmp_path: Path, *rows: dict[str, Any], **options: Any) -> Reading:
    path = tmp_path / "details_gsm8k.parquet"
    pq.write_table(pa.Table.from_pylist(list(rows)), path)
    return read([(path, ".parquet")], {}, **{"graded": True, **options})


@pytest.mark.parametrize(("row", "text"), [(OLD, "2"), (NEW, "It is 2.")])
def test_details_of_both_shapes(tmp_path: Path, row: dict[str, Any], text: str) -> None:
    found = reading(tmp_path, row)
    (one,) = found.problems
    assert (found.reader, one.prompt, one.gold) == ("lighteval", "1 + 1?", "2")
    assert [(c.text, c.correct) for c in one.completions] == [(text, True)]


def test_another_metric_can_be_named(tmp_path: Path) -> None:
    assert reading(tmp_path, NEW, chosen="pass@k:k=1").problems[0].completions[0].correct is False
    assert "no metric 'em'" in refusal(lambda: reading(tmp_path, NEW, chosen="em"))


def test_a_metric_of_several_answers_together_is_no_verdict(tmp_path: Path) -> None:
    several = {**OLD, "predictions": ["2", "3"], "metrics": {"extractive_match": 0.5}}
    assert "for 2 answers together" in refusal(lambda: reading(tmp_path, several))
    assert len(reading(tmp_path, several, graded=False).problems[0].completions) == 2


def test_likelihoods_of_options_are_no_answers(tmp_path: Path) -> None:
    assert "likelihood of its options" in refusal(lambda: reading(tmp_path, {**OLD, "predictions": [-1.5, -0.5]}))
