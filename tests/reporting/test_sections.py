from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sirev.metrics.comparison.compare import compare
from sirev.metrics.comparison.inputs import ComparisonSettings, RunMeasures
from sirev.metrics.families.measures import Measures
from sirev.reporting.page.cards import verdicts_as_html
from sirev.reporting.sections.drift import drift_tables, support_table
from sirev.reporting.sections.nulls import nulls
from sirev.reporting.sections.ood import ood
from sirev.reporting.sections.overview import overview
from sirev.reporting.sections.pass_n import pass_n
from sirev.reporting.sections.verdicts import outcome_rows, summary, verdicts
from tests.metrics.comparison.studies import diversity as diversity_rows
from tests.metrics.comparison.studies import draws, greedy, study


def shown(runs: list[RunMeasures], parameters: str = "full") -> dict[str, Any]:
    """A comparison with what a report adds to it."""
    told = compare(runs, "math", None, ComparisonSettings(replicates=200))
    added = {
        "id": "",
        "recipe": "r",
        "status": "complete",
        "stopped": None,
        "parameters": parameters,
        "remark": None,
        "steps": None,
    }
    told["runs"] = [{**added, "label": run["method"], "null": run["method"].startswith("null-"), **run} for run in told["runs"]]
    return {"recipe": "r", **told}


@pytest.fixture(scope="module")
def gained() -> dict[str, Any]:
    return shown(study(np.random.default_rng(1), 400, later=0.2, ood=-0.2))


def test_a_verdict_names_its_model_its_reason_and_the_lack_of_seeds_and_null_runs(gained: dict[str, Any]) -> None:
    table = summary([gained])
    assert table.rows[0][:4] == ["sft", "0", "M_2", "reversal"]
    assert "1 seed; claims about a method need 3." in table.notes
    assert any(note.startswith("No null run: ") for note in table.notes)
    assert not any("LoRA" in note for note in table.notes)


def test_adapters_are_named_once_where_they_may_understate_a_loss() -> None:
    table = summary([shown(study(np.random.default_rng(1), 60, methods=("sft", "dpo")), "lora")])
    assert [note for note in table.notes if "LoRA" in note] == [
        "Trained with LoRA, which may understate the loss of diversity (arXiv 2405.09673): sft, dpo."
    ]


def test_outcomes_stand_in_their_order_with_seeds_printed(gained: dict[str, Any]) -> None:
    table = outcome_rows([gained])
    assert [row[2] for row in table.rows] == ["A pass@1", "B pass@32", "C suite, greedy", "D variety"]
    assert "seed 0" in table.notes[-1]


def test_evidence_of_something_new_is_said_or_denied_at_one_n(gained: dict[str, Any]) -> None:
    table = pass_n([gained])[2]
    assert table.columns[3:] == ["N", "IS(t)", "re-roll", "shortfall", "95%", "at most", "p"]
    (row,) = table.rows
    told = gained["runs"][0]["iterations"][1]["improvement_set"]
    assert row[3] == "8"
    assert row[8] == f"{100 * told['new']['bound']:+.1f}"
    word = "Proven to be within 5 points of luck, so selected: " if told["new"]["bound"] < 0.05 else "so partly new: none"
    assert any(word in note for note in table.notes)


def test_nothing_gained_is_a_row_with_its_reason(gained: dict[str, Any]) -> None:
    made = shown(study(np.random.default_rng(1), 40))
    made["runs"][0]["iterations"][1] = made["runs"][0]["iterations"][0] | {"t": 2}
    table = pass_n([made])[2]
    assert table.rows[0][3:] == ["–"] * 7
    assert "none: M_t gains no problem over M_1" in table.notes


def test_a_suite_asked_by_draws_has_tables_of_pass_at_n_and_reach() -> None:
    problems = {f"p{i}": i for i in range(8)}

    def model(gain: int, n: int | None) -> Measures:
        drawn = {"ood_draws": {"suite": draws(n, {x: (i + gain) % n for x, i in problems.items()})}} if n else {}
        return Measures(greedy(dict.fromkeys(problems, 1)), None, ood={"suite": greedy(dict.fromkeys(problems, 1))}, **drawn)

    models = {1: model(0, 8), 2: model(0, None), 3: model(2, 8)}
    plain, curves, reach = ood([shown([RunMeasures("sft", 0, models)])])
    assert [row[2] for row in plain.rows] == ["M_1", "M_2", "M_3"]
    assert [row[2] for row in curves.rows] == [row[2] for row in reach.rows] == ["M_1", "M_3"]
    assert curves.columns[3:] == ["N=1", "N=2", "N=4", "N=8"]
    assert curves.rows[0][3] == f"{100 * 28 / 64:.1f}"
    assert reach.rows[0][3:7] == ["–"] * 4
    assert reach.rows[1][3:6] == ["1", "1", "1.000"]  # p0 is solved first by M_3, p6 by M_1 alone


def test_a_suite_whose_draws_were_compared_has_a_table_of_their_diversity() -> None:
    right = {f"p{i}": 10 for i in range(32)}

    def model(distinct: float) -> Measures:
        plain = greedy(dict.fromkeys(right, 1))
        drawn = {"ood_draws": {"suite": draws(12, right)}, "ood_diversity": {"suite": diversity_rows(12, right, distinct)}}
        return Measures(plain, None, ood={"suite": plain}, **drawn)

    *_, table = ood([shown([RunMeasures("sft", 0, {1: model(0.75), 2: model(0.25)})])])
    assert table.columns[3:] == ["of", "Distinct-N", "equations", "problems"]
    assert [(row[2], row[3], row[5].split()[0], row[6]) for row in table.rows] == [
        ("M_1", "all", "75.0", "32"),
        ("M_1", "correct", "75.0", "32"),
        ("M_2", "all", "25.0", "32"),
        ("M_2", "correct", "25.0", "32"),
    ]
    assert table.notes == ["none: 0 problems have 8 incorrect answers at every t and method; 30 are needed"]


def test_null_models_have_a_row_each_and_where_there_are_none_it_says_so(gained: dict[str, Any]) -> None:
    (table,) = nulls([gained])
    assert table.rows == []
    assert table.notes[0].startswith("none: no null run; add some with")
    (run,) = study(np.random.default_rng(2), 60)
    (table,) = nulls([shown([run, RunMeasures("null-retrain", 0, {1: run.models[1], 2: run.models[2], 3: run.models[1]})])])
    assert [row[:3] for row in table.rows] == [["null-retrain", "0", "2"], ["null-retrain", "0", "3"]]


def test_the_overview_has_a_line_a_run(gained: dict[str, Any]) -> None:
    assert len(overview([gained]).rows) == 1


def test_the_mean_change_of_diversity_over_seeds_is_relative_as_everywhere() -> None:
    made = shown(study(np.random.default_rng(1), 200, later=0.2, distinct=(0.6, 0.3), seeds=(0, 1, 2)))
    *_, over_seeds = verdicts([made])
    row = next(row for row in over_seeds.rows if row[1] == "D variety")
    assert row[4] == "-50.0%"
    assert "variety of correct answers −50.0%, over problems [" in verdicts_as_html(made)


def test_what_is_solved_at_all_and_by_difficulty_stand_in_tables(gained: dict[str, Any]) -> None:
    (solved,) = support_table([gained])
    told = gained["runs"][0]["iterations"][1]["support"]
    assert [row[3] for row in solved.rows] == ["test"]
    assert solved.rows[0][4:8] == [str(told["k"]), *(f"{told[name]:.0f}" for name in ("first", "later", "shrinkage"))]
    success, training = drift_tables([gained])
    assert [row[2] for row in success.rows] == ["problems", "M_1", "M_2", "M_T − M_1"]
    assert success.rows[3][6].endswith("*")  # M_2 is better by 20 points
    assert sum(float(cell) for cell in training.rows[0][3:] if cell != "–") == pytest.approx(100, abs=0.4)
