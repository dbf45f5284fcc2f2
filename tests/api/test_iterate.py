from __future__ import annotations

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
