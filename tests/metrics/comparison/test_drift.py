from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest

from sirev.metrics.comparison.drift import BINS, composition, halves, success_by_bin
from sirev.metrics.sheet import Sheet
from tests.metrics.comparison.studies import draws


def by_bin(first: Any, later: Any, is_first: bool = False) -> dict[str, Any]:
    sheet = Sheet(len(first), 0, 200)
    found: dict[str, Any] = sheet.settle(success_by_bin(sheet, first, later, is_first))
    return found


def test_it_is_the_mean_over_all_halves_of_the_draws() -> None:
    n, c = 8, 3
    right = [True] * c + [False] * (n - c)
    weights, values = np.zeros(len(BINS)), np.zeros(len(BINS))
    every = list(combinations(range(n), n // 2))
    for half in every:
        a = sum(right[i] for i in half)
        place = {0: 0, 1: 1, 2: 2, 3: 3, 4: 5}[a]  # of 4: never, to 25, 50, 75 %, always
        weights[place] += 1 / len(every)
        values[place] += (c - a) / (n - n // 2) / len(every)
    found = halves(np.array([n, n]), np.array([c, 8]))
    assert found.weights[0] == pytest.approx(weights)
    assert found.first[0] == pytest.approx(values)
    assert found.weights[1].tolist() == pytest.approx([0, 0, 0, 0, 0, 1])


def test_a_model_drawn_again_does_not_seem_to_drift() -> None:
    rng = np.random.default_rng(0)
    chance = rng.beta(0.6, 0.9, 4_000)
    first, later = (draws(16, dict(zip(map(str, range(4_000)), rng.binomial(16, chance).tolist(), strict=True))) for _ in "ab")
    for name, found in by_bin(first, later).items():
        assert found["first"]["value"] == pytest.approx(found["later"]["value"], abs=0.025), name
        assert found["change"]["low"] - 0.01 < 0 < found["change"]["high"] + 0.01
    bins = [found["first"]["value"] for found in by_bin(first, later).values()]
    assert bins == sorted(bins)
    assert bins[0] > 0.01  # what was never solved is solved sometimes: binned by all draws it would be 0


def test_hard_problems_forgotten_are_a_fall_in_their_bins_alone() -> None:
    rng = np.random.default_rng(1)
    chance = np.repeat([0.15, 0.9], 500)
    names = list(map(str, range(1_000)))
    first = draws(32, dict(zip(names, rng.binomial(32, chance).tolist(), strict=True)))
    later = draws(32, dict(zip(names, rng.binomial(32, np.repeat([0.02, 0.9], 500)).tolist(), strict=True)))
    found = by_bin(first, later)
    assert found["0-25"]["change"]["high"] < -0.05
    assert found["75-100"]["change"]["low"] < 0 < found["75-100"]["change"]["high"]
    assert sum(one["problems"] for one in found.values()) == pytest.approx(1_000)


def test_the_first_model_shows_its_own_values_and_no_change() -> None:
    rows = draws(8, {f"{c}{i}": c for c in (0, 4, 8) for i in range(30)})
    found = by_bin(rows, rows, is_first=True)
    assert all(one["first"] == one["later"] for one in found.values())
    assert found["0"]["change"]["reason"] == "M_1 is not compared with itself"
    assert found["0-25"]["first"]["value"] is not None
    assert found["75-100"]["problems"] == 0
    assert found["75-100"]["first"]["reason"] == "fewer than 5 problems are that hard for M_1"
    assert by_bin(rows, None)["0"]["first"]["reason"] == "no draws were given"


def made_of(first: Any, later: Any, is_first: bool = False) -> dict[str, Any]:
    sheet = Sheet(len(later or ()), 0, 200)
    found: dict[str, Any] = sheet.settle(composition(sheet, first, later, is_first, "no draws on training problems"))
    return found


def test_right_training_draws_are_split_by_difficulty_and_by_level() -> None:
    levels = {"a": "1", "b": "2", "c": "2"}
    first, later = draws(8, {"a": 8, "b": 0, "c": 4}, levels), draws(8, {"a": 8, "b": 2, "c": 6}, levels)
    found = made_of(first, later)
    assert sum(one["value"] for one in found["bins"].values()) == pytest.approx(1.0)
    assert found["bins"]["0"]["value"] >= 2 / 16  # b, and c where its half has no right draw
    assert {level: one["value"] for level, one in found["levels"].items()} == {"1": 0.5, "2": 0.5}
    assert made_of(first, first, is_first=True)["bins"]["100"]["value"] == pytest.approx(8 / 12, abs=0.05)


def test_without_training_draws_there_is_a_reason() -> None:
    found = made_of(None, None)
    assert found["levels"] == {}
    assert {one["reason"] for one in found["bins"].values()} == {"no draws on training problems"}
