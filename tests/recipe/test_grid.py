from __future__ import annotations

from pathlib import Path

import pytest

from sirev.errors import BadInput
from sirev.recipe.grid import Point, read_grid


def written(folder: Path, text: str) -> Path:
    file = folder / "grid.yaml"
    file.write_text(text)
    return file


def test_every_recipe_has_every_combination_of_settings(tmp_path: Path) -> None:
    grid = read_grid(written(tmp_path, "recipes: [a, b]\nset: {T: [2, 3], training.dpo.beta: 0.1}"))
    assert list(grid.points()) == [Point(recipe, {"T": t, "training.dpo.beta": 0.1}) for recipe in "ab" for t in (2, 3)]
    assert (grid.methods, grid.seeds, grid.nulls) == (None, (0,), ())


def test_an_exception_takes_out_what_is_all_of_it(tmp_path: Path) -> None:
    text = "recipes: [a, b]\nseeds: [0, 1]\nset: {T: [2, 3]}\nexcept: [{recipe: a, T: 3}, {method: dpo, seed: [1]}]"
    grid = read_grid(written(tmp_path, text))
    assert not grid.has(Point("a", {"T": 3}), "sft", 0)
    assert grid.has(Point("a", {"T": 2}), "sft", 0)
    assert grid.has(Point("b", {"T": 3}), "sft", 0)
    assert not grid.has(Point("b", {"T": 3}), "dpo", 1)
    assert grid.has(Point("b", {"T": 3}), "dpo", 0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{}", "recipes: missing, and required"),
        ("recipes: a\nsedes: [1]", "sedes: no such field; did you mean 'seeds'"),
        ("recipes: [1]", "recipes: 1 is not allowed: a name"),
        ("recipes: {a: b}", "recipes: expected a list"),
        ("recipes: a\nseeds: [-1]", "seeds: -1 is not allowed: a whole number from 0"),
        ("recipes: a\nseeds: [true]", "seeds: True is not allowed"),
        ("recipes: a\nset: [T]", "set: expected keys of a recipe with their values"),
        ("recipes: a\nset: {T: []}", "set: T: no value"),
        ("recipes: a\nset: {a: &x [1, 2, 3, 4, 5, 6, 7, 8, 9, 10], b: *x, c: *x, d: *x, e: *x}", "100,000 combinations"),
        ("recipes: a\nexcept: [sft]", "except: expected mappings"),
        ("recipes: a\nset: {T: [2]}\nexcept: [{t: 2}]", "except: t: no such key; did you mean 'T'"),
        ("recipes: a\nnull_count: many", "null_count: 'many' is not allowed"),
        ("recipes: a\nmodel: 3", "model: 3 is not allowed"),
        ("- a", "a mapping of fields"),
    ],
)
def test_a_broken_grid_is_told_of_in_one_line(text: str, said: str, tmp_path: Path) -> None:
    file = written(tmp_path, text)
    with pytest.raises(BadInput, match=said) as told:
        read_grid(file)
    assert str(told.value).startswith(str(file))
    assert "\n" not in str(told.value)


def test_a_grid_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no grid file"):
        read_grid(tmp_path / "grid.yaml")
