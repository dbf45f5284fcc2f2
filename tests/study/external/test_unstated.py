"""What files of completions don't say is no number of a report."""

from __future__ import annotations

from pathlib import Path

import sirev
from sirev.api.measure import measure
from sirev.study.external.unstated import ANSWER, FINISH
from tests.api.test_measure import write


def test_what_files_do_not_say_is_null_with_the_reason(tmp_path: Path) -> None:
    more = {"finish_reason": "stop", "extracted_answer": "4"}
    files = {"M1": write(tmp_path / "a.jsonl", 10, 4, draws=4), "M2": write(tmp_path / "b.jsonl", 10, 7, draws=4, **more)}
    greedy = {"M1": write(tmp_path / "c.jsonl", 10, 4), "M2": write(tmp_path / "d.jsonl", 10, 7, **more)}
    store = sirev.Store(tmp_path / "store")
    found = measure("mine", steps=files, greedy=greedy, store=store)
    (run,) = sirev.report(store=store).studies[0]["runs"]
    for iterations in (found.iterations, run["iterations"]):
        silent, telling = iterations
        for group in (silent, silent["greedy"]):
            assert (group["truncated"]["value"], group["truncated"]["reason"]) == (None, FINISH)
            assert (group["unanswered"]["value"], group["unanswered"]["reason"]) == (None, ANSWER)
        for group in (telling, telling["greedy"]):
            assert (group["truncated"]["value"], group["unanswered"]["value"]) == (0.0, 0.0)
        assert telling["improvement_set"]["format"]["reason"] == ANSWER
    rows = {(row["t"], row["statistic"]): row for row in sirev.report("accuracy", store=store).rows()}
    assert (rows[1, "truncated"]["value"], rows[1, "truncated"]["reason"]) == (None, FINISH)
    table = next(table for table in sirev.report("accuracy", store=store).tables() if table.title == "Test samples")
    assert [row[-2:] for row in table.rows] == [["–", "–"], ["0.0", "0.0"]]


def test_a_single_completion_of_a_file_is_a_greedy_answer_with_the_same_gaps(tmp_path: Path) -> None:
    files = {"M1": write(tmp_path / "a.jsonl", 10, 4), "M2": write(tmp_path / "b.jsonl", 10, 7, finish_reason="length")}
    first, second = measure("mine", steps=files, store=tmp_path / "store").iterations
    assert first["greedy"]["truncated"]["reason"] == FINISH
    assert second["greedy"]["truncated"]["value"] == 1.0
    assert "draw" in first["truncated"]["reason"]  # none were given
