from __future__ import annotations

import pytest

from sirev.recipe import METHODS
from sirev.reporting.published import MODELS, PAPER, ROWS, TEST_PROBLEMS, Published, as_data, as_rows, published

TASKS = sorted({row["task"] for row in PAPER["rows"]})


def row_of(recipe: str) -> Published:
    found = published(recipe)
    assert found is not None
    return found


def test_every_recipe_of_the_grid_has_its_row() -> None:
    rows = {(row_of(f"{prefix}_{task}").model, task) for prefix in MODELS for task in TASKS}
    assert rows == {(row["model"], row["task"]) for row in PAPER["rows"]}


@pytest.mark.parametrize("name", ["tiny", "tiny_smoke", "smollm2_gsm8k", "mistral", "mistral_aime", "gsm8k_mistral"])
def test_other_recipes_have_none(name: str) -> None:
    assert published(name) is None


def test_the_task_of_the_settings_goes_before_the_name() -> None:
    own = published("llama2_mine", {"task": {"name": "math"}})
    assert own is not None
    assert (own.model, own.task, own.first, own.best["sft"]) == ("llama2-7b", "math", 5.88, 8.10)
    assert published("llama2_math", {"task": {"name": "aime"}}) is None


def test_the_rule_has_one_exception_in_the_table() -> None:
    rows = [row_of(f"{prefix}_{task}") for prefix in MODELS for task in TEST_PROBLEMS if task in TASKS]
    found = [(row.model, row.task) for row in rows if row.exception]
    assert found == [("mistral-7b", "math")]


DISAGREEING = [row for row in map(Published.of, PAPER["rows"]) if any("end points" in one for one in row.inconsistencies)]


@pytest.mark.parametrize("row", DISAGREEING, ids=lambda row: f"{row.model} {row.task}")
def test_the_end_points_in_the_inconsistencies_are_the_tables(row: Published) -> None:
    (sentence,) = row.inconsistencies
    method = "sft-dpo" if "SFT-DPO" in sentence else "sft"
    gain = float(sentence.rstrip(".").rpartition(" ")[2])
    assert gain == pytest.approx(row.best[method] - row.first)


def test_every_row_of_the_data_says_what_each_method_reached() -> None:
    for row in map(Published.of, PAPER["rows"]):
        assert set(row.best) == set(METHODS)
        assert all(set(shape.last) == set(METHODS) for shape in row.shapes)


@pytest.mark.parametrize("row", ROWS.values(), ids=lambda row: row.recipe)
def test_figure_1_and_the_table_agree_where_they_are_not_known_to_differ(row: Published) -> None:
    # The best of M_2 to M_5, read off, is the table's within reading error, and M_1 within the rounding of 500 problems.
    assert set(row.over_t) == set(METHODS)
    for method, curve in row.over_t.items():
        assert len(curve) == PAPER["T"]
        if (row.model, row.task) != ("mistral-7b", "math"):
            assert curve[0] == pytest.approx(row.first, abs=row.error(method) + 0.15)
        assert max(curve[1:]) == pytest.approx(row.best[method], abs=max(0.8, row.error(method) + 0.2))


def test_a_published_value_is_found_by_t_and_by_path() -> None:
    row = row_of("mistral_mbpp")
    assert (row.at("sft", 5), row.at("sft", 6), row.at("other", 1)) == (33.0, None, None)
    assert row.curves(("pass_at_1",))["dpo"][-1] == (5, 36.4)
    assert row.curves(("diversity", "correct", "distinct_n", "mean"))["sft"] == [(1, 41), (5, 25)]
    assert row.curves(("entropy",)) == {}


def test_diversity_on_math_collapses_under_dpo_at_the_last_t() -> None:
    row = row_of("mistral_math")
    assert row.curves(("diversity", "correct", "sentence_bert"))["dpo"] == [(1, 67), (4, 64), (5, 25)]
    assert any("collapses at t = 5" in note for note in row.notes)


def test_json_has_shares_of_every_t_with_what_they_were_read_off() -> None:
    told = as_data({"mistral_gsm8k": row_of("mistral_gsm8k")}, ["sft"])
    (row,) = told["rows"]
    assert row["pass_at_1"] == {"sft": [0.617, 0.69, 0.66, 0.665, 0.663]}
    assert row["best"] == {"sft": 0.6892}
    assert told["read_off"]["1"]["error"]["gsm8k"]["sft-dpo"] == 0.014
    shapes = {shape["statistic"]: shape["over_t"]["sft"] for shape in row["shapes"]}
    assert shapes["diversity.incorrect.distinct_equations"] == {"1": 0.72, "5": 0.4}


def test_rows_of_a_spreadsheet_name_method_t_and_how_a_value_was_read() -> None:
    rows = as_rows({"mistral_mbpp": row_of("mistral_mbpp")}, METHODS)
    found = [row for row in rows if (row.get("method"), row.get("t")) == ("sft", 5) and row["statistic"] == "published.pass_at_1"]
    (last,) = found
    assert (last["value"], last["n"], last["text"]) == (0.33, 500, "read off Figure 1, within 0.19 points")
    assert last["low"] == pytest.approx(0.2888, abs=1e-4)
    assert {row["recipe"] for row in rows} == {"mistral_mbpp"}
