from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import sirev
from sirev.api.answers import ANSWER_COLUMNS
from sirev.errors import BadInput
from sirev.store.store import Store
from tests.conftest import Study


def refused(*arguments: object, **options: object) -> str:
    with pytest.raises(BadInput) as caught:
        sirev.answers(*arguments, **options)  # type: ignore[arg-type]
    return str(caught.value)


def test_answers_are_the_stored_completions_with_their_problems_and_grades(smoke: Study) -> None:
    found = smoke.of("sft").answers(2)
    completions = smoke.artifact("sft", "sample/test:2").rows("completions")
    grades = smoke.artifact("sft", "grade/draws:2").rows("grades")
    problems = {row["id"]: row for row in smoke.artifact("sft", "source/test").rows("problems")}
    assert [(row["problem_id"], row["draw"], row["text"]) for row in found] == [
        (row["problem_id"], row["draw"], row["text"]) for row in completions
    ]
    assert [(row["correct"], row["answer"], row["reason"]) for row in found] == [
        (row["correct"], row["answer"], row["reason"]) for row in grades
    ]
    assert all(row["prompt"] == problems[row["problem_id"]]["prompt"] for row in found)
    assert all(row["gold"] == problems[row["problem_id"]]["answer"] for row in found)
    assert {(row["run"], row["t"]) for row in found} == {(smoke.of("sft").id, 2)}


def test_kinds_draws_and_all_t(smoke: Study) -> None:
    run = smoke.of("sft")
    every = run.answers(draws=1)
    assert {row["t"] for row in every} == {1, 2, 3}
    assert {row["draw"] for row in every} == {0}
    greedy = sirev.answers(run.id, 1, kind="greedy", store=smoke.store)
    assert sum(row["correct"] for row in greedy) / len(greedy) == pytest.approx(run.iterations[0]["pass_at_1"]["value"])
    assert len(run.answers(1, kind="levels_1_to_3")) > 0
    assert "has no answers of the kind 'ood' (known: draws, greedy, levels_1_to_3, levels_1_to_3/draws, train)" in refused(
        run, kind="ood"
    )
    assert "has no draws of M_9; t is one of 1, 2, 3" in refused(run, 9)
    assert "has no run 'tinny'" in refused("tinny", store=smoke.store)


def test_a_data_frame_has_a_row_per_answer(smoke: Study) -> None:
    pytest.importorskip("pandas")
    found = smoke.of("sft").answers(1)
    frame = found.to_pandas()
    assert [*frame.columns] == [*ANSWER_COLUMNS]
    assert len(frame) == len(found)
    assert frame["correct"].mean() == pytest.approx(sum(row["correct"] for row in found) / len(found))
    numbers = sirev.report(recipes="tiny_smoke", store=smoke.store).to_pandas()
    shown = numbers[(numbers["statistic"] == "pass_at_1") & (numbers["t"] == 1) & (numbers["method"] == "sft")]
    assert float(shown["value"].iloc[0]) == pytest.approx(smoke.of("sft").iterations[0]["pass_at_1"]["value"])


def test_without_pandas_a_line_says_so(smoke: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(BadInput, match=r"a data frame needs pandas, which is not installed: pip install .*\[frames\]"):
        smoke.of("sft").answers(1).to_pandas()


def test_answers_that_the_store_lacks_are_a_line(smoke: Study, tmp_path: Path) -> None:
    store = Store(shutil.copytree(smoke.store.path, tmp_path / "store"))
    run = smoke.run("sft", store)
    pin = run.pins["sample/test:2"]
    store.records.path(pin.key, pin.artifact).unlink()
    assert f"lacks {run.id}:2:sample/test: sirev store verify" in refused(run.id, 2, store=store)


def test_answers_load_no_heavy_library_before_a_frame_is_asked_for(smoke: Study) -> None:
    program = f"""
import sys, sirev
(run,) = sirev.iterate("tiny_smoke", methods="sft", store={str(smoke.store.path)!r})
assert not {{"torch", "transformers", "pandas", "pyarrow", "datasets"}} & set(sys.modules)
run.answers(1)
assert not {{"torch", "transformers", "pandas", "datasets"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=300)
