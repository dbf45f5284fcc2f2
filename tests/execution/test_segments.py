from __future__ import annotations

from collections import Counter
from pathlib import Path

from sirev.api.sweep import GridSweep
from sirev.recipe.grid import read_grid
from sirev.stages import STAGES
from sirev.store.store import Store
from tests.api.test_sweep import grid
from tests.conftest import Study


def assert_parents_first(made: GridSweep) -> None:
    seen: set[str] = set()
    for segment in made.segments:
        assert segment.parents <= seen
        seen.add(segment.id)


def test_segments_have_every_step_of_all_runs_once_and_parents_come_first(tmp_path: Path) -> None:
    text = "recipes: tiny_smoke\nmethods: [sft, dpo, sft-dpo]\nseeds: [0, 1]\nnulls: [retrain, resample, gold]\n"
    made = GridSweep(read_grid(grid(tmp_path, text)), Store(tmp_path / "store"))
    assert len(made.runs) == 2 * (3 + 2 + 3)
    planners = {name: one.request.planner(one.run, blind=True) for name, one in made.runs.items()}
    works = [planners[run].steps[step].work for segment in made.segments for run, step in segment.places]
    assert len(works) == len(set(works))
    assert set(works) == {step.work for planner in planners.values() for step in planner.steps.values()}
    assert_parents_first(made)
    led = Counter(segment.leader for segment in made.segments)
    # Of each seed: one M_1; M_2 of sft, and of dpo and sft-dpo; M_3 of each method.
    assert (led["1:train"], led["2:train"], led["3:train"]) == (2, 2 * 2, 2 * 3)
    needing = {
        STAGES[planners[run].steps[step].stage].needs_gpu
        for one in made.segments
        if not one.needs_gpu
        for run, step in one.places
    }
    assert needing == {False}


def test_data_that_one_of_several_runs_reads_come_before_the_models_that_they_share(tmp_path: Path) -> None:
    suites = "{evaluation.ood: [{}, {hard: {levels: [4], problems: 30}}]}"
    made = GridSweep(read_grid(grid(tmp_path, f"recipes: tiny_smoke\nmethods: sft\nset: {suites}\n")), Store(tmp_path / "store"))
    assert len(made.runs) == 2
    assert sum(segment.leader == "1:train" for segment in made.segments) == 1
    assert_parents_first(made)


def test_control_runs_hold_up_no_method(tmp_path: Path) -> None:
    made = GridSweep(
        read_grid(grid(tmp_path, "recipes: tiny_smoke\nnulls: [retrain, resample, gold]\n")), Store(tmp_path / "store")
    )
    nulls = {name for name, one in made.runs.items() if one.run.method.startswith("null-")}
    aside = {segment.id for segment in made.segments if segment.runs <= nulls}
    assert aside
    for segment in made.segments:
        if segment.id not in aside:
            assert not segment.parents & aside


def test_what_is_left_at_the_end_is_one_segment_of_the_runs_that_share_it(smoke: Study, tmp_path: Path) -> None:
    text = "recipes: tiny_smoke\nmethods: [sft, dpo, sft-dpo]\nset: {evaluation.draws.n: 2}\n"
    made = GridSweep(read_grid(grid(tmp_path, text)), Store(smoke.store.path))
    left = [step.work for planner in made.planners().values() for step in planner.steps.values() if step.state != "hit"]
    (rest,) = made.rest()  # all ask M_1 for two draws
    assert len(left) > len(set(left))
    assert len(rest.places) == len(set(rest.works)) == len(set(left))
    assert rest.runs == set(made.runs)


def test_a_segment_with_more_steps_has_another_id_and_the_same_lead(tmp_path: Path) -> None:
    few, more = (
        GridSweep(read_grid(grid(tmp_path, f"recipes: tiny_smoke\nmethods: {methods}\n")), Store(tmp_path / "store"))
        for methods in ("[sft]", "[sft, dpo]")
    )
    first = {one.lead: one.id for one in few.segments if one.leader == "1:train"}
    second = {one.lead: one.id for one in more.segments if one.leader == "1:train"}
    assert first.keys() == second.keys()
    assert first != second
