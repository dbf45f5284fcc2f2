from __future__ import annotations

from pathlib import Path

import pytest

from sirev.api.plan import plans
from sirev.api.request import Request
from sirev.execution.outlook import Outlook, Piece
from sirev.recipe import load_recipe
from sirev.store.store import Store


def outlook(parallel: int = 4, **rates: float) -> Outlook:
    """Two runs that share their first model: 100 tokens to train on, 50 to sample, then apart."""
    kinds = {"train:1": "train sft", "sample:1": "sample", "grade:1": "grade", "train:2": "train sft", "sample:2": "sample"}
    sizes = {"train:1": 100.0, "sample:1": 50.0, "grade:1": 1.0, "train:2": 200.0, "sample:2": 50.0}
    shared = ("train:1", "sample:1", "grade:1")
    runs = {run: {step: step if step in shared else f"{run} {step}" for step in kinds} for run in "ab"}
    pieces = {work: Piece(kinds[step], sizes[step]) for steps in runs.values() for step, work in steps.items()}
    return Outlook(runs, pieces, parallel, rates)


def do(it: Outlook, run: str, step: str, begin: float, end: float) -> None:
    it.start(run, step, begin)
    it.finish(run, step, end, computed=True)


def test_no_time_is_said_before_every_long_kind_of_step_has_a_rate() -> None:
    it = outlook()
    assert it.seconds_left(0) is None
    do(it, "a", "train:1", 0, 10)
    assert it.seconds_left(10) is None
    do(it, "a", "sample:1", 10, 15)
    assert it.seconds_left(15) == pytest.approx(20 + 5)  # each run: 200 tokens at 10 per second, 50 at 10


def test_steps_of_kinds_that_were_never_seen_are_no_0_seconds() -> None:
    it = outlook(train=10.0, sample=10.0)
    for run in "ab":
        for step in ("train:1", "sample:1", "train:2", "sample:2"):
            it.finish(run, step, 0, computed=False)
    assert it.seconds_left(0) is None
    do(it, "a", "grade:1", 0, 4)
    assert it.seconds_left(4) == 0


def test_rates_of_earlier_runs_count_until_there_are_own_ones() -> None:
    it = outlook(train=20.0, sample=5.0)
    assert it.seconds_left(0) == pytest.approx(100 / 20 + 50 / 5 + 200 / 20 + 50 / 5)
    do(it, "a", "train:1", 0, 10)
    assert it.seconds_left(10) == pytest.approx(50 / 5 + 200 / 10 + 50 / 5)


def test_runs_side_by_side_take_as_long_as_the_longest_and_runs_in_turn_as_all() -> None:
    assert outlook(parallel=2, train=10.0, sample=10.0).seconds_left(0) == pytest.approx(10 + 5 + 20 + 5)
    assert outlook(parallel=1, train=10.0, sample=10.0).seconds_left(0) == pytest.approx(10 + 5 + 2 * (20 + 5))


def test_a_step_under_way_is_judged_by_its_own_progress() -> None:
    it = outlook(train=10.0, sample=10.0)
    it.start("a", "train:1", 0)
    assert it.seconds_left(4) == pytest.approx(6 + 5 + 25)
    it.progress("a", "train:1", 0, 100, 2)
    it.progress("a", "train:1", 50, 100, 4)
    assert it.seconds_left(5) == pytest.approx(1 + 5 + 25)


def test_what_an_earlier_attempt_had_done_makes_no_rate() -> None:
    it = outlook(sample=10.0)
    it.start("a", "train:1", 0)
    it.progress("a", "train:1", 80, 100, 0)
    it.progress("a", "train:1", 100, 100, 10)
    it.finish("a", "train:1", 10, computed=True)
    assert it.seconds_left(10) == pytest.approx(5 + 200 / (20 / 10) + 5)


def test_a_step_that_an_earlier_attempt_had_all_but_ended_makes_no_rate_and_takes_no_time() -> None:
    it = outlook(train=10.0, sample=10.0)
    it.start("a", "train:1", 0)
    it.progress("a", "train:1", 8, 8, 4)
    assert it.seconds_left(4) == pytest.approx(5 + 20 + 5)
    it.finish("a", "train:1", 5, computed=True)
    assert it.seconds_left(5) == pytest.approx(5 + 20 + 5)


def test_another_kind_of_training_lends_its_rate() -> None:
    it = outlook(sample=10.0)
    it.pieces["b train:2"] = Piece("train dpo", 400.0)
    do(it, "a", "train:1", 0, 10)
    assert it.seconds_left(10) == pytest.approx(5 + 40 + 5)


def test_shared_steps_count_in_each_run_and_a_run_that_ends_early_has_no_more() -> None:
    it = outlook(train=10.0, sample=10.0)
    assert (it.total, it.done) == (10, 0)
    do(it, "a", "train:1", 0, 10)
    it.finish("b", "train:1", 10, computed=False)
    assert (it.total, it.done) == (10, 2)
    it.end("b")
    assert (it.total, it.done) == (6, 2)


def test_the_outlook_on_a_real_plan_has_all_its_steps(tmp_path: Path) -> None:
    recipe = load_recipe("tiny_smoke")
    planned = plans(Request.of(recipe, store=Store(tmp_path)))
    it = Outlook.of(recipe, planned.store, planned.planners, parallel=3)
    assert it.total == sum(map(len, planned.states.values()))
    assert (it.hits, it.done, it.seconds_left(0)) == (0, 0, None)
    assert all(piece.size > 1 for piece in it.pieces.values() if piece.kind.startswith(("sample", "train")))


def test_a_finished_study_has_nothing_left(smoke_copy: Path) -> None:
    recipe = load_recipe("tiny_smoke")
    planned = plans(Request.of(recipe, store=smoke_copy))
    it = Outlook.of(recipe, planned.store, planned.planners, parallel=3)
    assert it.done == it.total == it.hits
    assert it.seconds_left(0) == 0


def test_what_goes_on_beside_the_gpu_costs_no_time_of_its_own_until_there_is_more_of_it() -> None:
    it = outlook(parallel=1, train=10.0, sample=10.0)
    it.pieces["grade:1"] = Piece("grade", 300.0)
    it.rates["grade"] = 10.0
    assert it.seconds_left(0) == pytest.approx(10 + 5 + 2 * (20 + 5) + 30)
    it.beside = True
    assert it.seconds_left(0) == pytest.approx(10 + 5 + 2 * (20 + 5))
    it.rates["grade"] = 2.0
    assert it.seconds_left(0) == pytest.approx(150)
