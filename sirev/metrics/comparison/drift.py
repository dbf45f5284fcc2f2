"""Success of M_t, and the composition of its next training set, by the difficulty of problems for M_1.

A model that trains on its own right answers may forget hard problems, since few of them are in its training set (tail narrowing,
arXiv 2411.00750). If the same draws gave a problem's bin and M_1's success, chance alone would move the best bin down and the
worst one up (regression to the mean, Galton 1886). So one half of M_1's draws gives the bin and the other half M_1's success,
averaged over all possible halves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from sirev.metrics.families.accuracy import NO_DRAWS
from sirev.metrics.families.family import Tree
from sirev.metrics.families.measures import MeasureRow, column, counts, share_of, sorted_levels
from sirev.metrics.sheet import Sheet, SheetCell
from sirev.metrics.statistic import absent

_Floats = NDArray[np.float64]

BINS = ("0", "0-25", "25-50", "50-75", "75-100", "100")
"""Bins of M_1's share of right draws, in %: never right, up to a quarter, ..., always right."""
_ITSELF = "M_1 is not compared with itself"
_FEWEST = 5
"""Expected number of problems over all halves that a bin needs for a mean."""
EMPTY = f"fewer than {_FEWEST} problems are that hard for M_1"
_NO_RIGHT = "no draw is right"


@dataclass(frozen=True)
class Halves:
    """Per problem and bin, (P, 6): the share of halves of M_1's draws in it, and that times its success in the other half."""

    weights: _Floats
    first: _Floats


def halves(n: NDArray[np.int64], right: NDArray[np.int64]) -> Halves:
    """All halves of M_1's draws at once: of `n` draws, `right` of them, n // 2 are drawn without replacement, hypergeometrically.

    A half of h draws, a of them right, puts a problem into the bin of a / h; M_1's success is then (right - a) / (n - h). NaN
    where n < 2.
    """
    kinds, of = np.unique(np.column_stack([n, right]), axis=0, return_inverse=True)
    weights, first = (np.full((len(kinds), len(BINS)), np.nan) for _ in range(2))
    for i, (draws, c) in enumerate(kinds):
        h = draws // 2
        if not h:
            continue
        a = np.arange(h + 1)
        chance = stats.hypergeom.pmf(a, draws, c, h)
        places = np.where(a == h, len(BINS) - 1, np.ceil(4 * a / h).astype(int))
        weights[i] = np.bincount(places, chance, len(BINS))
        first[i] = np.bincount(places, chance * np.clip(c - a, 0, None) / (draws - h), len(BINS))
    return Halves(weights[of.reshape(-1)], first[of.reshape(-1)])


def success_by_bin(
    sheet: Sheet, first: Sequence[MeasureRow] | None, later: Sequence[MeasureRow] | None, is_first: bool
) -> dict[str, Tree]:
    """The mean share of right draws of M_1 and of M_t over the problems of each bin, and its change."""
    if first is None or later is None:
        none = absent(NO_DRAWS)
        return {name: {"problems": None, "first": none, "later": none, "change": none} for name in BINS}
    split = halves(*counts(first, sheet.n))
    now = split.first if is_first else split.weights * column(later, share_of("correct"), sheet.n)[:, None]
    found: dict[str, Tree] = {}
    for i, name in enumerate(BINS):
        problems = float(np.nansum(split.weights[:, i]))
        if problems < _FEWEST:
            found[name] = {"problems": problems, **dict.fromkeys(("first", "later", "change"), absent(EMPTY))}
            continue
        weight, was, is_now = (sheet.mean(values[:, i], EMPTY, binomial=False) for values in (split.weights, split.first, now))
        found[name] = {
            "problems": problems,
            "first": sheet.derived(_share, [was, weight], EMPTY),
            "later": sheet.derived(_share, [is_now, weight], EMPTY),
            "change": absent(_ITSELF) if is_first else sheet.derived(_change, [is_now, was, weight], EMPTY),
        }
    return found


def composition(
    sheet: Sheet, first: Sequence[MeasureRow] | None, later: Sequence[MeasureRow] | None, is_first: bool, reason: str
) -> Tree:
    """Shares of each bin and each level among M_t's right draws on training problems, which M_{t+1} can learn from.

    These are shares before equal answers are dropped and answers per problem are capped: a problem counts by its share of right
    draws. `reason` is given where there are no draws on training problems.
    """
    if not first or not later:
        return {"bins": dict.fromkeys(BINS, absent(reason)), "levels": {}}
    split = halves(*counts(first, sheet.n))
    right = column(later, share_of("correct"), sheet.n)
    parts = split.first if is_first else split.weights * right[:, None]
    levels = [row["level"] for row in later]
    whole = sheet.mean(right, _NO_RIGHT, binomial=False)
    of_levels = {
        level: sheet.mean(np.where([one == level for one in levels], right, 0.0), _NO_RIGHT, binomial=False)
        for level in sorted_levels(levels)
    }
    return {
        "bins": _shares(sheet, {name: sheet.mean(parts[:, i], _NO_RIGHT, binomial=False) for i, name in enumerate(BINS)}),
        "levels": {level: sheet.derived(_share, [cell, whole], _NO_RIGHT) for level, cell in of_levels.items()},
    }


def _shares(sheet: Sheet, cells: dict[str, SheetCell]) -> dict[str, SheetCell]:
    """Each cell divided by the sum of all."""
    every = list(cells.values())
    return {name: sheet.derived(lambda own, *all_: own / sum(all_), [cell, *every], _NO_RIGHT) for name, cell in cells.items()}


def _share(part: _Floats, whole: _Floats) -> _Floats:
    return part / whole


def _change(now: _Floats, was: _Floats, weight: _Floats) -> _Floats:
    return (now - was) / weight
