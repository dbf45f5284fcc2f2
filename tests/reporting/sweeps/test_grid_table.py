from __future__ import annotations

from dataclasses import replace

import pytest

from sirev.reporting.sweeps.grid_table import grid_notes, grid_table, label_columns, told_once
from sirev.reporting.sweeps.swept_studies import SweptStudy, told_apart
from tests.reporting.sweeps.made_sweeps import progress, stopped, swept


def idle(model: str, task: str) -> SweptStudy:
    return swept(model, task, methods=[], seeds=[], late=[progress("sft", 0, "not run", 0)])


@pytest.mark.parametrize(
    ("places", "columns"),
    [
        ([("a", "x"), ("b", "x")], ["model"]),
        ([("a", "x"), ("a", "y")], ["task"]),
        ([("a", "x"), ("b", "y")], ["model", "task"]),
        ([("a", "x")], []),
    ],
)
def test_columns_are_those_that_tell_studies_apart(places: list[tuple[str, str]], columns: list[str]) -> None:
    assert list(label_columns([idle(*place) for place in places])) == columns


def test_settings_that_vary_are_columns_and_recipes_where_nothing_else_tells() -> None:
    ends = [swept(settings={"dpo.beta": beta}, methods=[], seeds=[], late=[progress("sft", 0)]) for beta in ("0.1", "0.3")]
    assert [say(ends[1]) for say in label_columns(ends).values()] == ["0.3"]
    assert list(label_columns([swept(), swept()])) == []
    twins = told_apart([replace(idle("llama", "sums"), recipe=name) for name in ("mine", "yours")])
    assert [say(twins[0]) for say in label_columns(twins).values()] == ["mine"]


def test_a_row_has_the_headline_the_seeds_the_claim_and_the_observations() -> None:
    of = swept(methods=["sft"], later=0.2, ood=-0.2, distinct=(0.6, 0.3))
    table = grid_table("grid.yaml", [of])
    assert table.title == "grid.yaml, llama on sums: 3 of 3 runs finished"
    cells = dict(zip(table.columns, table.rows[0], strict=True))
    assert (cells["method"], cells["seeds"], cells["headline"], cells["alike"], cells["claim"]) == (
        *("sft", "3", "REVERSAL", "3 of 3", "reversal"),
    )
    assert (cells["variety"], cells["other problems"]) == ("FELL", "FELL")
    assert " → " in cells["pass@1 %"]
    assert cells["change [95% CI]"].startswith("+")
    assert any(note.startswith("seeds: those finished, of those in the grid. alike: seeds whose own") for note in table.notes)


def test_a_row_of_runs_that_are_not_finished_says_so_and_has_no_number() -> None:
    table = grid_table("grid.yaml", [swept(methods=[], seeds=[], late=[progress("dpo", 0, "running", 1)])])
    cells = dict(zip(table.columns, table.rows[0], strict=True))
    assert (cells["headline"], cells["seeds"]) == ("running, M_1 of M_2", "0 of 1")
    assert {cells[name] for name in ("pass@1 %", "alike", "claim", "variety")} == {"–"}
    assert table.notes == []


def test_notes_tell_what_is_late_failed_unclaimed_or_without_control() -> None:
    late = [progress("sft", 2, "running", 1), progress("dpo", 0, "failed", 1, reason="CUDA out of memory")]
    notes = grid_notes([swept(methods=["sft"], seeds=[0, 1], late=late)])
    assert "Not finished: llama on sums, sft seed 2: running, M_1 of M_2." in notes
    assert "r-dpo-s0-0a1b2c3d: failed: CUDA out of memory." in notes
    assert "llama on sums, sft: 2 seeds; claims about a method need 3." in notes
    assert "llama on sums: no null run: how much retraining or resampling alone would change is unknown." in notes


def test_control_runs_that_are_not_finished_are_named() -> None:
    of = swept(methods=["sft"], seeds=[0], late=[progress("null-retrain", 0, "not run", 0)])
    assert "llama on sums: control runs are not finished: null-retrain seed 0: not run." in grid_notes([of])


def test_a_control_run_that_failed_is_noted_with_its_reason() -> None:
    late = [progress("null-retrain", 0, "failed", 1, reason="CUDA out of memory")]
    assert "r-null-retrain-s0-0a1b2c3d: failed: CUDA out of memory." in grid_notes([swept(methods=["sft"], late=late)])


def test_of_a_cell_with_a_verdict_the_seeds_that_stopped_are_noted() -> None:
    notes = grid_notes([stopped(swept(methods=["sft"], later=0.2), [0, 1, 2])])
    assert "llama on sums, sft: seeds 0, 1, 2 stopped at t = 3: no pair." in notes


def test_a_verdict_on_other_seeds_of_the_store_names_them_and_what_of_the_grid_is_not_finished() -> None:
    of = swept(methods=["sft"], later=0.2)
    notes = grid_notes([replace(of, progress=(progress("sft", 7, "running", 1),))])
    assert "Not finished: llama on sums, sft seed 7: running, M_1 of M_2." in notes
    assert "llama on sums, sft: judged with seeds 0, 1, 2 of the store." in notes


def test_studies_of_one_name_keep_a_note_each() -> None:
    notes = grid_notes([swept(methods=["sft"], seeds=seeds, later=0.2) for seeds in ([0], [0, 1])])
    assert "llama on sums, sft: 1 seed; claims about a method need 3." in notes
    assert "llama on sums, sft: 2 seeds; claims about a method need 3." in notes


def test_what_holds_of_all_is_said_once_and_of_many_with_some_names() -> None:
    assert told_once([("a", "late"), ("b", "late")], "all") == ["All: late."]
    assert told_once([("a", "late"), ("b", "")], "all") == ["a: late."]
    assert told_once([("a", "late"), ("b", "early"), ("c", "late")], "all") == ["a; c: late.", "b: early."]
    assert told_once([*((name, "late") for name in "abcde"), ("f", "no")], "all")[0] == "a; b; c and 2 more: late."


def test_notes_begin_with_answers_that_were_not_read() -> None:
    of = swept(methods=["sft", "dpo"])
    assert of.study is not None
    for run in of.study["runs"]:
        run["unread"] = ["1:grade/draws: 50 of 100 answers were not read"]
    notes = grid_notes([of])
    assert notes[0] == "sft, seed 0: 1:grade/draws: 50 of 100 answers were not read."
    assert notes[3] == "3 more notes of this kind on the studies' own pages."
