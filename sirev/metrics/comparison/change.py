"""M_t against M_1 on the same problems: what was gained and lost, and what M_1 could do already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sirev.metrics.comparison.contents import Change, Crossing, NewSkill, Reach
from sirev.metrics.crossing import crossing
from sirev.metrics.families.accuracy import NO_DRAWS, NO_GREEDY, pass_curve
from sirev.metrics.families.family import Tree
from sirev.metrics.families.measures import MeasureRow, Measures, column, counts
from sirev.metrics.paired_tests import change_interval, label_swap, mcnemar, sign_test, smallest_change, widening
from sirev.metrics.pass_at_n import pass_at_n_table, powers_of_two
from sirev.metrics.reroll import chance_below, reroll_parts
from sirev.metrics.sheet import Sheet, SheetCell
from sirev.metrics.statistic import Statistic, absent

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
NEEDS_GREEDY = "not measured: needs greedy answers"
"""Why there is no improvement set where pass@1 is estimated from draws."""
NO_GAIN = "none: M_t gains no problem over M_1"
OOD_PASS_N = "ood_pass_at_n/"
"""How the outcome of pass@N on a suite is called, before the suite's name."""
NEW_AT = 8
"""The largest N at which IS(t) is tested against re-roll: one N, so that nobody can pick one."""


def improvement(sheet: Sheet, first: Measures, later: Measures, seed: int, from_draws: bool = False) -> Tree:
    """IS(t) and LS(t), M_1's pass@N on IS(t) and its controls; see `sirev.metrics.reroll` for the curve to beat.

    Both sets are of greedy answers; `from_draws` says that there are none in the whole study, as their reason then does.
    """
    if first.greedy is None or later.greedy is None:
        size: int | None = None
        gained = lost = wrong = np.zeros(sheet.n, dtype=bool)
        none = NEEDS_GREEDY if from_draws else NO_GREEDY
    else:
        was, now = (np.array([row["correct"] > 0 for row in rows]) for rows in (first.greedy, later.greedy))
        gained, lost, wrong = now & ~was, was & ~now, ~was
        size, none = int(gained.sum()), NO_GAIN
    rest = wrong & ~gained
    of, right = counts(first.draws, sheet.n)
    most = int(of.max(initial=0))
    sizes = [k for k in powers_of_two(most) if k > 1]
    controls = [k for k in powers_of_two(most) if 2 * k <= most]
    parts, weights = reroll_parts(of, right, controls)
    unsolved = none if none != NO_GAIN else "none: M_1 has no right draw on what it gets wrong"
    w = np.where(wrong, 1.0, np.nan)
    curve = {
        str(k): sheet.derived(
            lambda top, bottom: top / bottom,
            # A problem with too few draws for this N has no weight either.
            [sheet.mean(parts[:, i] * w, none), sheet.mean(np.where(np.isnan(parts[:, i]), np.nan, weights) * w, none)],
            unsolved if first.draws is not None else NO_DRAWS,
        )
        for i, k in enumerate(controls)
    }
    on_gained = pass_curve(sheet, first.draws, sizes, gained, none)
    small = pass_curve(sheet, first.draws, controls, gained, none)
    cut = column(first.greedy, _unreadable, sheet.n)
    return {
        "improvement_set": {
            "size": size,
            "m1_pass_at_n": on_gained,
            "rest": {
                "size": None if size is None else int(rest.sum()),
                "m1_pass_at_n": pass_curve(sheet, first.draws, controls, rest, "none: M_t solves all that M_1 does not"),
            },
            "reroll": curve,
            "shortfall": {k: sheet.derived(lambda one, other: other - one, [small[k], curve[k]], none) for k in curve},
            "new": _new(of, right, wrong, gained, controls, seed) if not from_draws else _untested(None, none),
            "format": sheet.mean(np.where(gained, cut, np.nan), none),
        },
        "lost_set": {"size": None if size is None else int(lost.sum())} | ({"reason": none} if from_draws else {}),
    }


def _new(of: Any, right: Any, wrong: Mask, gained: Mask, controls: list[int], seed: int) -> NewSkill:
    """Whether M_1's pass@N on IS(t), at one N of at most NEW_AT, is below what re-rolling would give: one-sided p."""
    sizes = [k for k in controls if k <= NEW_AT]
    enough = wrong & (of >= 2 * sizes[-1]) if sizes else wrong
    if not sizes or not (gained & enough).any():
        return _untested(sizes[-1], NO_GAIN) if sizes else _untested(None, NO_DRAWS)
    p = chance_below(of[enough], right[enough], gained[enough], sizes[-1], seed)
    return {"N": sizes[-1], "p": p, "holm": None, "bound": None, "reason": None}


def _untested(n: int | None, reason: str) -> NewSkill:
    return {"N": n, "p": None, "holm": None, "bound": None, "reason": reason}


def _unreadable(row: MeasureRow) -> float | None:
    if row.get("unanswered") is None or row.get("truncated") is None:
        return None
    return float(row["unanswered"] > 0 or row["truncated"] > 0)


def reach(first: Measures, later: Measures) -> Reach:
    """Problems that only M_t, only M_1 ever solves among equally many draws, by the exact sign test."""
    if first.draws is None or later.draws is None:
        return {"gained": None, "lost": None, "p": None, "reason": NO_DRAWS}
    pairs = list(zip(first.draws, later.draws, strict=True))
    if any(one["n"] != other["n"] for one, other in pairs):
        return {"gained": None, "lost": None, "p": None, "reason": "M_1 and M_t have different numbers of draws"}
    gained = sum(one["correct"] == 0 < other["correct"] for one, other in pairs)
    lost = sum(other["correct"] == 0 < one["correct"] for one, other in pairs)
    return {"gained": gained, "lost": lost, "p": sign_test(gained, lost), "reason": None}


@dataclass(frozen=True)
class Curves:
    """pass@k of M_1 and of M_t at every k that both have draws for."""

    sizes: list[int]
    first: list[SheetCell]
    later: list[SheetCell]


def curves(sheet: Sheet, first: Measures, later: Measures) -> Curves:
    """The cells of both curves; none where one has no draws."""
    if first.draws is None or later.draws is None:
        return Curves([], [], [])
    of = [counts(rows, sheet.n) for rows in (first.draws, later.draws)]
    sizes = list(range(1, int(min(n.min() for n, _ in of)) + 1))
    tables = [pass_at_n_table(n, right, sizes) for n, right in of]
    cells = [[sheet.mean(table[:, i], NO_DRAWS) for i in range(len(sizes))] for table in tables]
    return Curves(sizes, *cells)


def where_they_cross(sheet: Sheet, found: Curves) -> Crossing:
    """The k at which M_t's pass@k falls to M_1's, though it is above at k = 1."""
    if not found.sizes:
        return {**absent(NO_DRAWS), "share": None}
    values = [np.array([sheet.value_of(cell) for cell in cells]) for cells in (found.first, found.later)]
    replicates = [np.column_stack([sheet.replicates_of(cell) for cell in cells]) for cells in (found.first, found.later)]
    statistic, share = crossing(values[0], values[1], found.sizes, replicates[0], replicates[1], sheet.n)
    return {**statistic, "share": share}


@dataclass(frozen=True)
class Outcome:
    """One number a problem for M_1 and for M_t, whose mean difference is judged; `greedy` values are 0 or 1."""

    sheet: Sheet
    first: Floats
    later: Floats
    reason: str
    greedy: bool = False

    @property
    def differences(self) -> Floats:
        """M_t's minus M_1's, NaN where a problem lacks one."""
        return self.later - self.first

    def cell(self) -> SheetCell:
        """The mean difference, on the outcome's sheet."""
        return self.sheet.mean(self.differences, self.reason, binomial=False)


def judged(outcome: Outcome, cell: SheetCell, seed: int, permutations: int) -> Change:
    """The change of an outcome, whose differences are `cell`: with its intervals, test, and what could have been seen."""
    differences = outcome.differences
    difference: Statistic = outcome.sheet.settle(cell)
    present = differences[~np.isnan(differences)]
    if difference["value"] is None:
        return {
            "difference": difference,
            "within": None,
            "p": None,
            "test": None,
            "smallest": None,
            "base": None,
            "widening": None,
        }
    if np.ptp(present) == 0 and (bounds := change_interval(present, outcome.sheet.replicates_of(cell), 0.95)):
        difference = {**difference, "low": bounds[0], "high": bounds[1]}  # the bootstrap's has no width
    within = change_interval(present, outcome.sheet.replicates_of(cell))
    if outcome.greedy:
        p, test = mcnemar(int((present > 0).sum()), int((present < 0).sum())), "McNemar, exact"
    else:
        p = float(label_swap(present[:, None], seed, permutations)[0])
        test = f"label swap, {permutations:,}"
    return {
        "difference": difference,
        "within": list(within) if within else None,
        "p": p,
        "test": test,
        "smallest": smallest_change(present),
        "base": float(np.mean(outcome.first[~np.isnan(differences)])),
        "widening": widening(outcome.first[~np.isnan(differences)], present),
    }


def outcomes(
    sheet: Sheet,
    suites: Mapping[str, Sheet],
    first: Measures,
    later: Measures,
    headline: int,
    matched: tuple[Floats, Floats, str],
    from_draws: bool = False,
) -> dict[str, Outcome]:
    """The outcomes compared: pass@1, pass@N, mean accuracy, each OOD suite, size-matched distinct right answers.

    pass@1 is of greedy answers, or `from_draws` the mean accuracy itself. A suite with draws of both models has pass@N too, at
    the largest power of two that all its problems have draws for.
    """

    def greedy(rows: Sequence[MeasureRow] | None, n: int) -> Floats:
        return column(rows, lambda row: float(row["correct"] > 0), n)

    def pass_n(rows: Sequence[MeasureRow] | None, n: int, k: int) -> Floats:
        found: Floats = pass_at_n_table(*counts(rows, n), [k])[:, 0]
        return found

    was, now = (column(m.draws, lambda row: row["correct"] / row["n"], sheet.n) for m in (first, later))
    few = f"fewer than {headline} draws" if first.draws is not None and later.draws is not None else NO_DRAWS
    several = [pass_n(m.draws, sheet.n, headline) for m in (first, later)]
    if from_draws and headline == 1:  # pass@1 again, which is no second outcome
        several, few = [np.full(sheet.n, np.nan)] * 2, "fewer than 2 draws"
    mean = Outcome(sheet, was, now, NO_DRAWS)
    found = {
        "pass_at_1": mean
        if from_draws
        else Outcome(sheet, greedy(first.greedy, sheet.n), greedy(later.greedy, sheet.n), NO_GREEDY, True),
        "pass_at_n": Outcome(sheet, several[0], several[1], few),
        "mean_accuracy": mean,
        "distinct": Outcome(sheet, matched[0], matched[1], matched[2]),
    }
    for name, of_suite in suites.items():
        was, now = (greedy(m.ood.get(name), of_suite.n) for m in (first, later))
        found[f"ood/{name}"] = Outcome(of_suite, was, now, "no answers to the suite", True)
        drawn = [m.ood_draws.get(name) for m in (first, later)]
        if all(drawn):
            k = max(powers_of_two(min(row["n"] for rows in drawn for row in rows or ())))
            was, now = (pass_n(rows, of_suite.n, k) for rows in drawn)
            found[f"{OOD_PASS_N}{name}"] = Outcome(of_suite, was, now, NO_DRAWS)
    return found
