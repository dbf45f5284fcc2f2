from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sirev.tasks.external.completions import Reading, read
from sirev.tasks.external.files import file_form
from tests.tasks.conftest import DATA, refusal


def log(*samples: dict[str, Any]) -> dict[str, Any]:
    return {"version": 2, "status": "success", "eval": {"task": "sums", "model": "mock/one"}, "samples": list(samples)}


def sample(id_: int, said: str | None, scores: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    choices = [{"message": {"role": "assistant", "content": said}, "stop_reason": "max_tokens"}]
    output = {"choices": choices, "usage": {"output_tokens": 9}} if said is not None else {"choices": []}
    return {
        "id": id_,
        "epoch": 1,
        "input": f"{id_} + 1?",
        "target": str(id_ + 1),
        "output": output,
        "scores": scores or {},
        **more,
    }


def reading(path: Path, value: Any = None, **options: Any) -> Reading:
    if value is not None:
        path.write_text(json.dumps(value))
    return read([(path, file_form(path))], {}, **{"graded": True, **options})


def test_samples_of_a_json_log(tmp_path: Path) -> None:
    scored = [sample(1, "2", {"match": {"value": "C", "answer": "2"}}), sample(2, "5", {"match": {"value": "I"}})]
    found = reading(tmp_path / "log.json", log(*scored, sample(1, "3", {"match": {"value": 0}}, epoch=2)))
    one, two = found.problems
    assert found.reader == "inspect"
    assert (one.prompt, one.gold, [(c.text, c.correct, c.answer) for c in one.completions]) == (
        "1 + 1?",
        "2",
        [("2", True, "2"), ("3", False, None)],
    )
    assert [(c.text, c.correct, c.finish, c.tokens) for c in two.completions] == [("5", False, "length", 9)]


def test_the_first_scorer_counts_unless_one_is_named(tmp_path: Path) -> None:
    path = tmp_path / "log.json"
    value = log(sample(1, "2", {"exact": {"value": "I"}, "judge": {"value": "C"}}))
    assert reading(path, value).choices == ["exact", "judge"]
    assert not reading(path).problems[0].completions[0].correct
    assert reading(path, chosen="judge").problems[0].completions[0].correct
    assert "no scorer 'jugde' (there: exact, judge)" in refusal(lambda: reading(path, chosen="jugde"))


def test_a_score_that_is_no_verdict_is_refused(tmp_path: Path) -> None:
    for value in (0.5, "P", {"a": 1}):
        assert "--grader NAME" in refusal(
            lambda v=value: reading(tmp_path / "log.json", log(sample(1, "2", {"f1": {"value": v}})))
        )


def test_an_error_of_the_model_is_a_failed_request(tmp_path: Path) -> None:
    answers = [sample(1, "2", {"match": {"value": "C"}}), sample(2, None, error={"message": "rate limit"})]
    failed = reading(tmp_path / "log.json", log(*answers)).problems[1].completions[0]
    assert (failed.failed, failed.correct, failed.text) == (True, False, "")


def test_a_long_input_stands_among_the_attachments(tmp_path: Path) -> None:
    held = sample(1, "2", {"match": {"value": "C"}}, attachments={"d1": "a long question"})
    found = reading(tmp_path / "log.json", log({**held, "input": "attachment://d1"}))
    assert found.problems[0].prompt == "a long question"


@pytest.mark.parametrize("name", ["inspect_popularity_a.eval", "inspect_popularity_b.eval"])
def test_published_eval_logs(name: str) -> None:
    pytest.importorskip("inspect_ai", reason="inspect_ai reads .eval logs: pip install 'sirev[inspect]'")
    path = DATA / "samples" / name
    if not path.is_file():
        pytest.skip(f"no {name} in {path.parent}; set SIREV_TEST_DATA to a folder of the published data sets")
    found = reading(path, graded="_b" in name)
    assert len(found.problems) == 10
    if "_b" in name:
        assert sum(bool(one.completions[0].correct) for one in found.problems) == 8


def test_without_inspect_ai_the_line_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sirev.tasks.external.inspect_logs.find_spec", lambda name: None)
    (tmp_path / "log.eval").write_bytes(b"PK")
    assert "inspect" in refusal(lambda: reading(tmp_path / "log.eval"))
    assert "pip install" in refusal(lambda: reading(tmp_path / "log.eval"))
