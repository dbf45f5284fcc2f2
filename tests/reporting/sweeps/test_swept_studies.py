from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import sirev
from sirev.reporting.sweeps.swept_studies import SweptStudy, compared, progress_of, told_apart
from sirev.store.runs import Run
from sirev.study.comparing import silent
from sirev.study.step_names import measuring_step
from tests.conftest import Study
from tests.reporting.sweeps.made_sweeps import PIN, progress


def planned(smoke: Study, **seeds: int) -> SweptStudy:
    """The finished runs of tiny_smoke, and with them runs of these methods and seeds that nobody began."""
    runs = [run for run in smoke.store.runs.all() if run.method in ("sft", "dpo")]
    runs += [Run(f"tiny_smoke-{method}-s{seed}-0", "tiny_smoke", method, seed, 1, {}, "2026") for method, seed in seeds.items()]
    return SweptStudy("tiny_smoke", "small", "sums", {}, progress_of(smoke.store, runs, 3))


@pytest.mark.parametrize(
    ("state", "measured", "said"),
    [
        ("not run", 0, "not run"),
        ("running", 0, "running"),
        ("running", 1, "running, M_1 of M_2"),
        ("interrupted", 1, "M_1 of M_2"),
        ("interrupted", 0, "interrupted"),
        ("failed", 1, "failed, M_1 of M_2"),
        ("complete", 2, "complete"),
        ("stopped", 1, "stopped, M_1 of M_2"),
    ],
)
def test_a_run_says_how_far_it_is(state: str, measured: int, said: str) -> None:
    assert progress("sft", 0, state, measured).in_words == said


def test_a_model_of_which_only_the_greedy_answers_are_measured_is_not_measured_yet() -> None:
    one = progress("sft", 0, "running", 1)
    greedy = {**one.run.pins, measuring_step("greedy", 2): PIN}
    assert replace(one, run=replace(one.run, pins=greedy)).measured == 1
    both = {**greedy, measuring_step("draws", 2): PIN}
    assert replace(one, run=replace(one.run, pins=both)).measured == 2


def test_recipes_of_the_same_model_and_task_are_in_titles_and_of_one_name_with_their_digits() -> None:
    late = [progress("sft", 0)]

    def titles(*recipes: tuple[str, str]) -> list[str]:
        return [of.title for of in told_apart([SweptStudy(recipe, model, "sums", {}, tuple(late)) for recipe, model in recipes])]

    assert titles(("mine", "llama"), ("yours", "mistral")) == ["llama on sums", "mistral on sums"]
    assert titles(("mine", "llama"), ("yours", "llama")) == ["llama on sums, mine", "llama on sums, yours"]
    assert titles(("mine", "llama"), ("mine", "llama"))[0] == "llama on sums, mine-0a1b2c3d"


def test_settings_alone_put_no_recipe_into_a_title() -> None:
    betas = [SweptStudy("r", "llama", "sums", {"beta": str(i)}, (progress("sft", 0),)) for i in range(2)]
    assert [of.title for of in told_apart(betas)] == ["llama on sums, beta=0", "llama on sums, beta=1"]


def test_the_store_says_which_runs_are_finished_and_how_many_models_are_measured(smoke: Study) -> None:
    found = planned(smoke, dpo=7).progress
    assert [(one.state, one.measured) for one in found] == [("complete", 3)] * 2 + [("not run", 0)]


def test_finished_runs_are_compared_with_the_methods_of_the_grid_alone(smoke: Study) -> None:
    ((of,), missing) = compared(smoke.store, [planned(smoke, dpo=7)], silent)
    assert missing == []
    assert of.study is not None
    assert [run["method"] for run in of.study["runs"]] == ["sft", "dpo"]
    whole = sirev.report(recipes=["tiny_smoke"], store=smoke.store).studies[0]
    assert of.study["verdicts"] == [verdict for verdict in whole["verdicts"] if verdict["method"] in ("sft", "dpo")]


def test_without_a_finished_run_there_is_no_comparison(smoke: Study) -> None:
    idle = SweptStudy("tiny_smoke", "small", "sums", {}, (progress("sft", 0, "not run", 0),))
    assert compared(smoke.store, [idle], silent) == ([idle], [])


def test_a_run_that_was_judged_by_other_settings_is_left_out_and_named(smoke_copy: Path) -> None:
    store = sirev.Store(smoke_copy)
    (other,) = [run for run in store.runs.all() if run.method == "dpo"]
    evaluation = {**other.settings["evaluation"], "k": [3]}
    again = replace(other, id=f"{other.id}-r2", realisation=2, settings={**other.settings, "evaluation": evaluation})
    store.runs.save(again)
    (smoke_copy / "runs" / f"{other.id}.json").unlink()
    runs = [run for run in store.runs.all() if run.id == again.id or run.method in ("sft", "sft-dpo")]
    of = SweptStudy("tiny_smoke", "small", "sums", {}, progress_of(store, runs, 3))
    ((found,), missing) = compared(store, [of], silent)
    assert found.study is not None
    assert [run["method"] for run in found.study["runs"]] == ["sft", "sft-dpo"]
    assert missing == [
        f"{again.id} was judged by other settings of evaluation.verdict or evaluation.k than other runs, and is left out"
    ]
