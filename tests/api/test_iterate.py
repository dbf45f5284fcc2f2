from __future__ import annotations

from pathlib import Path

import pytest

import sirev
from tests.conftest import Study


def test_the_results_are_what_the_report_says(smoke: Study) -> None:
    (study,) = sirev.report(recipes=["tiny_smoke"], store=smoke.store).to_dict()["studies"]
    told = {run["method"]: run["iterations"] for run in study["runs"]}
    for result in smoke.results:
        assert [i["pass_at_1"] for i in told[result.method]] == [i["pass_at_1"] for i in result.iterations]


def test_a_replay_of_a_recipe_that_needs_a_gpu_needs_none(smoke: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    results = sirev.iterate("tiny_smoke", overrides=["gpu=required"], store=smoke.store)
    assert {result.id for result in results} == {result.id for result in smoke.results}
    assert all(result.computed == () for result in results)


def test_where_interrupted_trainings_are_kept_is_part_of_no_run_and_a_replay_makes_nothing_there(
    smoke: Study, tmp_path: Path
) -> None:
    results = sirev.iterate("tiny_smoke", scratch=tmp_path / "scratch", store=smoke.store)
    assert {result.id for result in results} == {result.id for result in smoke.results}
    assert all(result.computed == () for result in results)
    assert list(tmp_path.iterdir()) == []
