from __future__ import annotations

import math
from typing import Any

import pytest

from sirev.errors import BadInput
from sirev.metrics.statistic import Statistic, absent
from sirev.recipe import METHODS
from sirev.reporting.against_paper import against_paper, difference, paper_alone
from sirev.reporting.published import ROWS
from sirev.reporting.tables import TextTable


def stat(value: float, half: float = 0.02, n: int = 1319) -> Statistic:
    return {"value": value, "low": value - half, "high": value + half, "n": n, "reason": None}


def a_run(method: str, accuracies: list[float], seed: int = 0, n: int = 1319, parameters: str = "full") -> dict[str, Any]:
    none = absent("not measured")
    iterations = [
        {
            "t": t,
            "pass_at_1": stat(accuracy, n=n),
            "coverage": {
                "mass": {"train": stat(0.9), "test": stat(0.6)},
                "solved": {"train": stat(0.99, 0.005), "test": absent("no draws")},
            },
            "improvement_set": {"size": 10, "m1_pass_at_n": {"64": stat(0.9 + t / 100)} if t > 1 else {}},
            "diversity": {"correct": {"sentence_bert": stat(0.7 - t / 10), "distinct_n": {"mean": stat(0.4 - t / 20)}}},
            "ood": {"math_algebra": {"accuracy": stat(0.15 - t / 100), "group_disparity": none}},
        }
        for t, accuracy in enumerate(accuracies, 1)
    ]
    return {"method": method, "seed": seed, "parameters": parameters, "null": None, "iterations": iterations}


def tables_of(*runs: dict[str, Any], recipe: str = "mistral_gsm8k") -> list[TextTable]:
    return against_paper([(recipe, {"runs": list(runs)})])


def test_the_same_maximum_over_t_and_the_last_model_beside_it() -> None:
    table = tables_of(a_run("sft", [0.60, 0.66, 0.70, 0.65]))[0]
    assert [row[:5] for row in table.rows] == [
        ["all", "0", "M_1", "61.79 ± 2.6", "60.0 [58.0, 62.0]"],
        ["sft", "0", "best M_t (M_3)", "68.92 ± 2.5", "70.0 [68.0, 72.0]"],
        ["sft", "0", "M_4", "66.5 ± 2.5", "65.0 [63.0, 67.0]"],
    ]
    assert [row[5] for row in table.rows] == ["-1.8 [-3.8, +0.2]", "+1.1 [-0.9, +3.1]", "-1.5 [-3.5, +0.5]"]


def test_m1_is_never_the_best_of_its_successors() -> None:
    table = tables_of(a_run("dpo", [0.60, 0.50]))[0]
    assert table.rows[1][2] == "best M_t (M_2)"


def test_the_difference_of_two_independent_numbers_by_hand() -> None:
    # ours 60 [58, 62] of 1,000 problems, published 50: 1.96 * sqrt(50 * 50 / 1000) = 3.099
    found = difference(stat(0.60), 50.0, 1000)
    assert found is not None
    gap, fixed, both = found
    assert gap == pytest.approx(10)
    assert fixed == pytest.approx((8, 12))
    half = math.hypot(2, 3.099)
    assert both == pytest.approx((10 - half, 10 + half), abs=1e-3)
    assert difference(absent("none"), 50.0, 1000) is None


def test_the_interval_of_a_difference_covers_the_truth() -> None:
    import numpy as np

    draws, size, truth, other = np.random.default_rng(0), 500, 0.6, 0.5
    hits = 0
    for ours, theirs in zip(draws.binomial(size, truth, 2000) / size, draws.binomial(size, other, 2000) / size, strict=True):
        half = 1.96 * math.sqrt(ours * (1 - ours) / size)
        found = difference(stat(ours, half, size), 100 * theirs, size)
        assert found is not None
        hits += found[2][0] <= 100 * (truth - other) <= found[2][1]
    assert 0.935 <= hits / 2000 <= 0.965


def test_several_seeds_are_each_shown_and_their_maxima_averaged() -> None:
    table = tables_of(a_run("sft", [0.60, 0.66, 0.70]), a_run("sft", [0.62, 0.72, 0.64], seed=1))[0]
    best = {row[1]: (row[2], row[4]) for row in table.rows if row[2].startswith("best")}
    assert best == {
        "0": ("best M_t (M_3)", "70.0 [68.0, 72.0]"),
        "1": ("best M_t (M_2)", "72.0 [70.0, 74.0]"),
        "mean": ("best M_t", "71.0 [69.0, 73.0]"),
    }
    assert [(row[1], row[4]) for row in table.rows if row[2] == "M_3"] == [
        ("0", "70.0 [68.0, 72.0]"),
        ("1", "64.0 [62.0, 66.0]"),
        ("mean", "67.0 [65.0, 69.0]"),
    ]
    assert any(note.startswith("mean: over seeds") for note in table.notes)


def test_coverage_in_both_readings_on_both_splits() -> None:
    table = tables_of(a_run("sft", [0.60, 0.66]))[1]
    assert table.rows == [
        ["mass", "train", "0", "62.7", "90.0 [88.0, 92.0]", "+27.3 [+25.3, +29.3]"],
        ["mass", "test", "0", "62.7", "60.0 [58.0, 62.0]", "-2.7 [-4.7, -0.7]"],
        ["solved", "train", "0", "62.7", "99.0 [98.5, 99.5]", "+36.3 [+35.8, +36.8]"],
        ["solved", "test", "0", "62.7", "–", "–"],
    ]


def test_shapes_stand_beside_what_was_read_off_the_figures() -> None:
    shapes = tables_of(a_run("dpo", [0.60, 0.66]))[2]
    told = {row[0]: row[3:] for row in shapes.rows}
    assert told["SentenceBERT diversity of correct answers, %"] == ["71 → 58", "60.0 → 50.0"]
    assert told["MATH algebra (OOD), %"] == ["15.3 → 17.8", "14.0 → 13.0"]
    assert told["group disparity, MATH algebra, %"] == ["91.5 → 92.8", "– → –"]
    assert told["M_1's pass@64 on IS(t), %"] == ["98 – 100", "92.0 – 92.0"]
    assert shapes.columns[3] == "published, read off"
    assert len(tables_of(a_run("dpo", [0.60, 0.66]), recipe="llama2_gsm8k")) == 2


def test_a_run_without_samples_or_suites_is_shown_as_absent() -> None:
    run = a_run("sft", [0.60, 0.66])
    for iteration in run["iterations"]:
        iteration["ood"], iteration["improvement_set"]["m1_pass_at_n"] = {}, {}
        iteration["pass_at_1"] = absent("no greedy answers")
    accuracy, _, shapes = tables_of(run)
    assert [row[4:] for row in accuracy.rows] == [["–", "–", "–"]] * 3
    assert {row[0]: row[4] for row in shapes.rows}["MATH algebra (OOD), %"] == "– → –"


@pytest.mark.parametrize("recipe", ["mistral_math", "llama2_csqa", "llama3_gsm8k"])
def test_the_papers_inconsistencies_of_a_row_are_named(recipe: str) -> None:
    notes = " ".join(tables_of(a_run("sft", [0.1, 0.2]), recipe=recipe)[0].notes)
    for sentence in ROWS[recipe].inconsistencies:
        assert sentence in notes
    assert ("exception" in notes) == (recipe == "mistral_math")


def test_what_differs_from_the_paper_is_named() -> None:
    def notes(run: dict[str, Any]) -> str:
        return " ".join(tables_of(run, recipe="mistral_mbpp")[0].notes)

    like, unlike = (
        a_run("sft", [0.3] * 5, n=500),
        a_run("sft", [0.3] * 3, n=90, parameters="lora"),
    )
    for phrase in ("LoRA", "Ours on 90 problems", "here a run ends at M_3"):
        assert phrase in notes(unlike)
        assert phrase not in notes(like)
    assert tables_of(a_run("sft", [0.2, 0.3]), recipe="llama2_mbpp")[0].rows[0][3] == "19.0 ± 3.4"
    assert "below one standard error of a number here (2.1 points): sft +0.60, dpo +1.80, sft-dpo +1.20" in notes(like)


def test_lora_is_known_from_the_settings_too() -> None:
    run = a_run("sft", [0.3, 0.4])
    del run["parameters"]
    settings = {"mistral_gsm8k": {"task": {"name": "gsm8k"}, "training": {"parameters": "lora"}}}
    assert "LoRA" in " ".join(against_paper([("mistral_gsm8k", {"runs": [run]})], settings)[0].notes)


def test_null_runs_are_left_out() -> None:
    null = a_run("sft", [0.9, 0.9], seed=7) | {"null": "retrain"}
    table = tables_of(a_run("sft", [0.6, 0.7]), a_run("null-retrain", [0.9, 0.9]), null)[0]
    assert {(row[0], row[1]) for row in table.rows} == {("all", "0"), ("sft", "0")}


def test_a_recipe_that_the_paper_does_not_have_is_refused_with_those_it_has() -> None:
    with pytest.raises(
        BadInput, match=r"^the paper has no numbers for the recipe 'tiny' \(it has: llama2_csqa, .*llama3_mbpp\)$"
    ):
        against_paper([("mistral_gsm8k", {"runs": []}), ("tiny", {"runs": []})])


def test_methods_are_the_papers_in_its_order() -> None:
    runs = [a_run(method, [0.6, 0.7]) for method in reversed(METHODS)]
    table = tables_of(*runs)[0]
    assert list(dict.fromkeys(row[0] for row in table.rows)) == ["all", *METHODS]


def test_every_t_has_the_papers_number_of_the_same_t_on_request() -> None:
    run = a_run("sft", [0.60, 0.66, 0.70])
    table = against_paper([("mistral_gsm8k", {"runs": [run]})], every_t=True)[0]
    assert [(row[2], row[3]) for row in table.rows[2:]] == [("M_2", "69.0 ± 2.5"), ("M_3", "66.0 ± 2.6")]
    later = against_paper([("mistral_gsm8k", {"runs": [a_run("sft", [0.6] * 7)]})])[0]
    assert later.rows[-1][2:4] == ["M_7", "–"]


def test_what_may_have_been_read_off_wrongly_widens_the_difference() -> None:
    exact, read = difference(stat(0.60), 50.0, 1000), difference(stat(0.60), 50.0, 1000, reading=1.4)
    assert exact is not None
    assert read is not None
    assert read[1] == exact[1]
    assert read[2][0] == pytest.approx(10 - math.hypot(2, 3.099, 1.4), abs=1e-3)


def test_the_paper_alone_is_a_line_for_each_model_and_task() -> None:
    (table,) = paper_alone(list(ROWS.values()))
    assert len(table.rows) == 12
    assert ["mistral-7b", "mbpp", "35.2", "33.0 -2.0", "36.4 +1.4", "34.7 -0.3", "37.0 dpo"] in table.rows
    assert table.notes[0].startswith("M_5 ends below M_1: llama2-7b mbpp sft -3.2, mistral-7b mbpp sft -2.0,")


def test_the_whole_of_the_paper_has_every_t_and_every_shape() -> None:
    _, every_t, table, shapes = paper_alone(list(ROWS.values()), whole=True)
    assert len(every_t.rows) == 36
    assert ["llama2-7b", "mbpp", "sft", "18.9", "21.6", "21.1", "18.7", "15.7", "0.19"] in every_t.rows
    assert "mistral-7b math: M_1 is 13.88 by the gains of Figure 1, 11.56 in the table." in table.notes
    assert ["mistral-7b", "csqa", "Distinct N-grams of correct answers, %", "4", "31", "8", "22", "15"] in shapes.rows
    assert any("collapses at t = 5" in note for note in shapes.notes)


def test_the_paper_alone_may_be_of_one_method() -> None:
    (table,) = paper_alone([ROWS["llama3_csqa"]], ["dpo"])
    assert table.rows == [["llama3-8b", "csqa", "75.3", "78.8 +3.5", "79.0 dpo"]]
