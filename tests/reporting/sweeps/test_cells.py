from __future__ import annotations

import copy
from dataclasses import replace

import pytest

from sirev.reporting.sweeps.cells import GridCell, finished_in_words, grid_cells, late_in_words
from sirev.reporting.sweeps.swept_studies import SweptStudy
from tests.reporting.sweeps.made_sweeps import progress, stopped, swept


def only(of: SweptStudy) -> GridCell:
    (cell,) = grid_cells([of])
    return cell


@pytest.fixture(scope="module")
def reversal() -> GridCell:
    return only(swept(methods=["sft"], later=0.2, ood=-0.2, distinct=(0.6, 0.3)))


def test_a_cell_has_what_is_pooled_over_seeds_and_how_many_of_them_say_the_same(reversal: GridCell) -> None:
    assert (reversal.word, reversal.alike, reversal.judged) == ("REVERSAL", 3, 3)
    assert reversal.claim is not None
    assert reversal.claim["claim"] == "reversal"
    assert reversal.why == ""
    assert reversal.observed["other_problems"] == "FELL"
    assert reversal.change is not None
    assert (reversal.change["difference"]["value"] or 0) > 0.1


def test_seeds_that_say_something_else_are_not_counted(reversal: GridCell) -> None:
    assert reversal.claim is not None
    claim = {**reversal.claim, "verdicts": ["reversal", "progress or reversal", "reversal"]}
    assert replace(reversal, judgement=claim).alike == 2  # type: ignore[arg-type]


def test_of_one_seed_its_verdict_is_shown_and_nothing_is_claimed() -> None:
    cell = only(swept(methods=["sft"], seeds=[4], later=0.2, ood=-0.2, distinct=(0.6, 0.3)))
    assert (cell.word, cell.alike, cell.judged) == ("REVERSAL", 1, 1)
    assert cell.why == "1 seed; claims about a method need 3"


def test_a_cell_without_a_finished_run_says_how_far_its_runs_are() -> None:
    late = [progress("sft", 0, "interrupted", 1), progress("sft", 1, "interrupted", 1), progress("sft", 2, "not run", 0)]
    cell = only(swept(methods=[], seeds=[], late=late))
    assert cell.word == "M_1 of M_2 (2 seeds); not run (1 seed)"
    assert cell.seeds_in_words == "0 of 3"
    assert cell.change is None
    assert set(cell.observed.values()) == {"not measured"}
    alike = only(swept(methods=[], seeds=[], late=late[:2]))
    assert (alike.word, late_in_words(alike)) == ("M_1 of M_2", "sft M_1 of M_2")


def test_a_cell_some_of_whose_runs_are_finished_is_about_these_and_names_the_others() -> None:
    cell = only(swept(methods=["sft"], seeds=[0, 1], late=[progress("sft", 2, "running", 1)], later=0.2))
    assert cell.seeds_in_words == "2 of 3"
    assert cell.judged == 2
    assert late_in_words(cell) == "sft seed 2: running, M_1 of M_2"


def test_finished_runs_without_a_verdict_say_why() -> None:
    of = swept(methods=["sft"], seeds=[0])
    assert of.study is not None
    bare = replace(of, study={**of.study, "verdicts": []})
    cell = only(bare)
    assert (cell.word, cell.why) == ("no verdict", "No verdict: no run has a model after M_1.")
    early = progress("sft", 0, "stopped", 1, reason="t = 2: no example was selected")
    assert only(replace(bare, progress=(early,))).why == "seed 0 stopped at t = 2: no example was selected"


def test_a_judged_cell_names_the_seeds_that_stopped_before_t_and_why() -> None:
    of = swept(methods=["sft"], later=0.2)
    assert only(of).stopped == ""
    early = stopped(stopped(of, [0, 2]), [1], "t = 2: no correct answer")
    cell = only(early)
    assert cell.judgement is not None
    assert cell.stopped == "seeds 0, 2 stopped at t = 3: no pair; seed 1 stopped at t = 2: no correct answer"


def test_a_seed_of_the_store_alone_that_stopped_is_named_too(reversal: GridCell) -> None:
    assert reversal.of.study is not None
    study = copy.deepcopy(reversal.of.study)
    study["runs"][2]["stopped"] = "t = 3: no pair"
    cell = replace(reversal, of=replace(reversal.of, study=study), progress=reversal.progress[:1])
    assert cell.stopped == "seed 2 stopped at t = 3: no pair"


def test_a_verdict_on_seeds_of_the_store_alone_leaves_the_grids_seeds_unfinished(reversal: GridCell) -> None:
    cell = replace(reversal, progress=(progress("sft", 7, "running", 1),))
    assert late_in_words(cell) == "sft seed 7: running, M_1 of M_2"


def test_control_runs_are_among_the_runs_that_are_counted() -> None:
    of = swept(methods=["sft"], late=[progress("null-retrain", 0), progress("null-retrain", 1, "running", 1)])
    assert finished_in_words([of]) == "4 of 5 runs finished"


def test_seeds_of_the_store_that_the_grid_has_not_are_named(reversal: GridCell) -> None:
    assert reversal.others == []
    assert replace(reversal, progress=reversal.progress[:1]).others == [1, 2]


def test_control_runs_are_no_cells() -> None:
    of = swept(methods=["sft"], late=[progress("null-retrain", 0, "not run", 0)])
    assert [cell.method for cell in grid_cells([of])] == ["sft"]


def test_answers_that_were_not_read_alike_are_said_with_the_word(reversal: GridCell) -> None:
    assert reversal.run is not None
    run = copy.deepcopy(reversal.run)
    run["iterations"][0]["greedy"]["unanswered"]["value"] = 0.5
    unlike = replace(reversal, run=run)
    assert (unlike.headline, unlike.word) == ("REVERSAL", "REVERSAL (READ UNEVENLY)")
    assert unlike.read_unlike.startswith("an answer was read from 50.0% of M_1's answers and 100.0% of M_2's")
