from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sirev.reporting.figures import describe_grid, draw, draw_grid, write_grids
from sirev.reporting.figures.grids import GRIDS, Grid, GridPanel, arranged, grids_of, in_rows_and_columns
from sirev.reporting.published import ROWS
from tests.reporting.test_figures import comparison, lines, texts


def studies(*recipes: str, **made: Any) -> list[Any]:
    return [{**comparison(**made), "recipe": recipe} for recipe in recipes]


def titles(figure: Any) -> list[str]:
    return [axes.get_title(loc="left") for axes in figure.axes]


def places(grid: Grid) -> list[list[str | None]]:
    return [[cell.title if cell else None for cell in row] for row in grid]


def test_recipes_of_the_papers_grid_have_rows_of_models_and_columns_of_tasks() -> None:
    grid = arranged(studies("mistral_mbpp", "llama2_gsm8k", "mistral_gsm8k"), ROWS)
    assert places(grid) == [["llama2-7b, gsm8k", None], ["mistral-7b, gsm8k", "mistral-7b, mbpp"]]
    figure = draw_grid(grid, "grid-pass-at-1")
    assert titles(figure) == ["llama2-7b, gsm8k", "mistral-7b, gsm8k", "mistral-7b, mbpp"]


def test_other_recipes_have_a_panel_each() -> None:
    grid = arranged(studies("tiny", "mine", "a", "b", "mistral_gsm8k"), ROWS)
    assert places(grid) == [["tiny", "mine", "a", "b"], ["mistral_gsm8k"]]


def test_without_studies_the_grid_is_the_papers_own() -> None:
    grid = arranged([], ROWS)
    assert [len(row) for row in grid] == [4, 4, 4]
    figure = draw_grid(grid, "grid-pass-at-1")
    panel = next(axes for axes in figure.axes if axes.get_title(loc="left") == "mistral-7b, mbpp")
    drawn = {line.get_label(): list(line.get_ydata()) for line in panel.get_lines()}
    assert drawn["sft, published"] == pytest.approx([35.0, 36.0, 34.7, 33.7, 33.0])
    assert not any(line.is_dashed() for line in panel.get_lines())
    assert {"sft", "dpo", "sft-dpo"} <= set(texts(figure))


def test_published_curves_are_thin_and_dashed_beside_ones_own() -> None:
    figure = draw_grid(arranged(studies("mistral_gsm8k"), ROWS), "grid-pass-at-1")
    theirs, ours = (lines(figure)[f"0: {name}"] for name in ("sft, published", "sft"))
    assert list(theirs.get_ydata()) == pytest.approx([61.7, 69.0, 66.0, 66.5, 66.3])
    assert theirs.is_dashed()
    assert theirs.get_linewidth() < ours.get_linewidth()
    assert "Dashed: published values (arXiv 2407.05013), read off Figure 1" in " ".join(texts(figure)).replace("\n", " ")


def test_a_study_beside_the_paper_has_its_curves_in_its_own_figures() -> None:
    study, row = studies("mistral_gsm8k")[0], ROWS["mistral_gsm8k"]
    drawn = lines(draw(study, "pass-at-1", published=row))
    assert list(drawn["0: dpo, published"].get_ydata())[-1] == pytest.approx(71.0)
    of_right = next(line for name, line in lines(draw(study, "diversity", published=row)).items() if name == "1: sft, published")
    assert list(of_right.get_xdata()) == [1, 5]
    assert not any("published" in label for label in lines(draw(study, "pass-at-1")))


def test_gains_have_one_scale_and_coverage_in_their_titles() -> None:
    figure = draw_grid(arranged(studies("mistral_gsm8k", "mistral_mbpp"), ROWS), "grid-gains")
    assert titles(figure) == ["mistral-7b, gsm8k\ncoverage 62.7% (62.7%)", "mistral-7b, mbpp\ncoverage 62.7% (62.9%)"]
    assert len({axes.get_xlim() for axes in figure.axes}) == 1
    assert list(lines(figure)["1: sft, published"].get_xdata()) == pytest.approx([33.0 - 35.0])


def test_diversity_has_a_row_for_each_model_and_measure_that_has_values() -> None:
    figure = draw_grid(arranged([], ROWS), "grid-diversity")
    assert len(titles(figure)) == 8  # the paper shows mistral alone
    assert "mistral-7b, math\nSentenceBERT" in titles(figure)
    assert len({axes.get_ylim() for axes in figure.axes}) == 1


def test_without_diversity_a_grid_says_so() -> None:
    figure = draw_grid(arranged([], {"llama2_gsm8k": ROWS["llama2_gsm8k"]}), "grid-diversity")
    assert "none: no diversity was measured" in texts(figure)


def test_without_diversity_a_grid_says_what_is_not_finished() -> None:
    grid = [[GridPanel("tiny", None, unfinished="sft not run"), GridPanel("mine", None, unfinished="dpo failed")]]
    (said,) = texts(draw_grid(grid, "grid-diversity", titled=False))
    assert said.replace("\n", " ") == "none: no diversity was measured; not finished: tiny: sft not run; mine: dpo failed"


@pytest.mark.parametrize("name", GRIDS)
def test_grids_are_drawn_of_several_seeds_and_of_m1_alone(name: str) -> None:
    assert len(draw_grid(arranged(studies("tiny", "mine", seeds=(0, 1)), {}), name).axes) >= 2
    alone = draw_grid(arranged(studies("tiny", "mine", last=1), {}), name)
    assert alone.axes or "none: M_1 is the only model" in texts(alone)


def test_grids_are_files_in_every_format_asked_for(tmp_path: Path) -> None:
    written = write_grids(arranged(studies("tiny", "mine"), {}), tmp_path, ["svg"])
    assert [path.name for path in written] == [f"{name}.svg" for name in GRIDS]


def test_the_sentence_of_a_grid_names_each_studys_numbers() -> None:
    said = describe_grid(arranged(studies("mistral_gsm8k", "mistral_mbpp"), ROWS), "grid-pass-at-1")
    assert "mistral-7b, mbpp: sft 61.8 to 68.6" in said
    assert "published: sft 35.0 to 33.0" in said


def test_panels_with_names_of_rows_and_columns_stand_where_these_say() -> None:
    at = {(row, column): GridPanel(f"{row} {column}", None) for row, column in ("ax", "by", "bx")}
    assert places(in_rows_and_columns(at)) == [["a x", None], ["b x", "b y"]]


def test_a_single_row_or_column_is_side_by_side() -> None:
    column = {(row, "x"): GridPanel(row, None) for row in "abcde"}
    assert places(in_rows_and_columns(column)) == [["a", "b", "c", "d"], ["e"]]


def test_reach_is_pass_at_the_headlines_n_over_t() -> None:
    figure = draw_grid(arranged(studies("tiny", "mine"), {}), "grid-pass-at-n")
    assert titles(figure) == ["tiny\npass@32", "mine\npass@32"]
    (study,) = studies("tiny")
    expected = [100 * one["pass_at_n"]["32"]["value"] for one in study["runs"][0]["iterations"]]
    assert list(lines(figure)["0: sft"].get_ydata()) == pytest.approx(expected)


def test_other_problems_have_a_panel_for_each_study_and_suite() -> None:
    figure = draw_grid(arranged(studies("tiny", "mine"), {}), "grid-ood")
    assert titles(figure) == ["tiny\nalgebra", "mine\nalgebra"]
    assert list(lines(figure)["0: sft"].get_ydata()) == pytest.approx([15.3, 14.1, 13.2, 12.5, 11.8])


def test_a_grid_has_the_figures_that_there_is_something_for() -> None:
    assert grids_of(arranged(studies("tiny"), {})) == list(GRIDS)
    assert "grid-ood" not in grids_of(arranged([{**studies("tiny")[0], "suites": []}], {}))
    assert grids_of(arranged([], ROWS)) == ["grid-pass-at-1", "grid-gains", "grid-diversity"]


def test_below_its_title_a_panel_has_what_was_set() -> None:
    panel = GridPanel("tiny", studies("tiny")[0], subtitle="dpo.beta=0.1")
    assert titles(draw_grid([[panel]], "grid-pass-at-1")) == ["tiny\ndpo.beta=0.1"]
    assert "tiny, dpo.beta=0.1: sft 61.8 to 68.6" in describe_grid([[panel]], "grid-pass-at-1")
