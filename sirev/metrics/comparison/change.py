"""M_t against M_1 on the same problems: gains, losses, and how many of the gains M_1 could already reach."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sirev.metrics.comparison.contents import Crossing, NewSkill, Reach
from sirev.metrics.comparison.inputs import ComparisonSettings
from sirev.metrics.comparison.verdict_contents import Change
from sirev.metrics.crossing import crossing
from sirev.metrics.families.accuracy import NO_DRAWS, NO_GREEDY, pass_curve
from sirev.metrics.families.family import Tree
from sirev.metrics.families.measures import MeasureRow, Measures, column, counts
from sirev.metrics.paired_tests import change_interval, label_swap, mcnemar, sign_test, smallest_change, widening
from sirev.metrics.pass_at_n import pass_at_n_table, powers_of_two
from sirev.metrics.reroll import Luck, against_luck
from sirev.metrics.sheet import Sheet, SheetCell
from sirev.metrics.statistic import Statistic, absent
from sirev.metrics.study_verdict import OOD, OOD_PASS_N

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
NEEDS_GREEDY = "not measured: needs greedy answers"
"""Reason for no improvement set where pass@1 is estimated from draws."""
NO_GAIN = "none: M_t gains no problem over M_1"
NO_OTHERS = "none: M_t gains all that M_1 gets wrong, so luck has no others to choose"
NEW_AT = 8
"""The largest N at which IS(t) is tested against luck: a single N, so that none can be picked afterwards."""


def improvement(sheet: Sheet, first: Measures, later: Measures, settings: ComparisonSettings) -> Tree:
    """IS(t) and LS(t), M_1's pass@N on IS(t), and its controls, among them luck (`sirev.metrics.reroll`).

    Both sets come from greedy answers; where the study has none, the reason of both says so.
    """
    if first.greedy is None or later.greedy is None:
        size: int | None = None
        gained = lost = wrong = np.zeros(sheet.n, dtype=bool)
        none = NEEDS_GREEDY if settings.from_draws else NO_GREEDY
    else:
        was, now = (np.array([row["correct"] > 0 for row in rows]) for rows in (first.greedy, later.greedy))
        gained, lost, wrong = now & ~was, was & ~now, ~was
        size, none = int(gained.sum()), NO_GAIN
    rest = wrong & ~gained
    of, right = counts(first.draws, sheet.n)
    most = int(of.max(initial=0))
    sizes = [k for k in powers_of_two(most) if k > 1]
    controls = [k for k in powers_of_two(most) if 2 * k <= most]
    luck = _luck(of, right, wrong, gained, controls, settings) if size else dict[int, Luck | str].fromkeys(controls, none)
    cut = column(first.greedy, _unreadable, sheet.n)
    return {
        "improvement_set": {
            "size": size,
            "m1_pass_at_n": pass_curve(sheet, first.draws, sizes, gained, none),
            "rest": {
                "size": None if size is None else int(rest.sum()),
                "m1_pass_at_n": pass_curve(sheet, first.draws, controls, rest, "none: M_t solves all that M_1 does not"),
            },
            "reroll": {str(k): absent(at) if isinstance(at, str) else at.reroll for k, at in luck.items()},
            "shortfall": {str(k): absent(at) if isinstance(at, str) else at.shortfall for k, at in luck.items()},
            "new": _untested(none) if size is None else _new({k: at for k, at in luck.items() if k <= NEW_AT}),
            "format": sheet.mean(np.where(gained, cut, np.nan), none),
        },
        "lost_set": {"size": None if size is None else int(lost.sum())} | ({"reason": none} if settings.from_draws else {}),
    }


def _luck(
    of: Any, right: Any, wrong: Mask, gained: Mask, controls: Sequence[int], settings: ComparisonSettings
) -> dict[int, Luck | str]:
    """IS(t) against luck at each N, over the problems with at least 2 N draws, or the reason why there is none."""
    enough = {k: wrong & (of >= 2 * k) for k in controls}
    found: dict[int, Luck | str] = {}
    for _, group in groupby(controls, lambda k: int(enough[k].sum())):  # equal numbers mean equal problems
        ks = list(group)
        among = enough[ks[0]]
        if not (gained & among).any():
            found |= dict.fromkeys(ks, "none: too few draws of the problems gained")
        elif not (among & ~gained).any():
            found |= dict.fromkeys(ks, NO_OTHERS)
        else:
            counted = of[among], right[among], gained[among]
            found |= zip(ks, against_luck(*counted, ks, settings.seed, settings.replicates), strict=True)
    return found


def _new(luck: Mapping[int, Luck | str]) -> NewSkill:
    """The test of IS(t) against luck at the largest N given."""
    if not luck:
        return _untested(NO_DRAWS)
    n = max(luck)
    found = luck[n]
    if isinstance(found, str):
        return _untested(found, n)
    return {"N": n, "p": found.p, "bound": found.bound, "holm": None, "reason": None}


def _untested(reason: str, n: int | None = None) -> NewSkill:
    return {"N": n, "p": None, "bound": None, "holm": None, "reason": reason}


def _unreadable(row: MeasureRow) -> float | None:
    if row.get("unanswered") is None or row.get("truncated") is None:
        return None
    return float(row["unanswered"] > 0 or row["truncated"] > 0)


def reach(first: Measures, later: Measures) -> Reach:
    """Problems that only M_t or only M_1 ever solves in equally many draws, with the exact sign test."""
    signs = reach_signs(first, later)
    if isinstance(signs, str):
        return {"gained": None, "lost": None, "p": None, "reason": signs}
    return reach_of(signs)


def reach_signs(first: Measures, later: Measures) -> NDArray[np.int64] | str:
    """Per problem (P,): 1 where only M_t ever solves it, -1 where only M_1 does, else 0; or the reason why this is unknown."""
    if first.draws is None or later.draws is None:
        return NO_DRAWS
    pairs = list(zip(first.draws, later.draws, strict=True))
    if any(one["n"] != other["n"] for one, other in pairs):
        return "M_1 and M_t have different numbers of draws"
    return np.array([int(other["correct"] > 0) - int(one["correct"] > 0) for one, other in pairs])


def reach_of(signs: NDArray[np.int64]) -> Reach:
    """The exact sign test on problems gained (above 0) and lost (below 0); `signs` has shape (P,)."""
    gained, lost = int((signs > 0).sum()), int((signs < 0).sum())
    return {"gained": gained, "lost": lost, "p": sign_test(gained, lost), "reason": None}


@dataclass(frozen=True)
class Curves:
    """pass@k of M_1 and of M_t at every k up to the smallest number of draws per problem."""

    sizes: list[int]
    first: list[SheetCell]
    later: list[SheetCell]


def curves(sheet: Sheet, first: Measures, later: Measures) -> Curves:
    """The cells of both curves; none where one model has no draws."""
    if first.draws is None or later.draws is None:
        return Curves([], [], [])
    of = [counts(rows, sheet.n) for rows in (first.draws, later.draws)]
    sizes = list(range(1, int(min(n.min() for n, _ in of)) + 1))
    tables = [pass_at_n_table(n, right, sizes) for n, right in of]
    cells = [[sheet.mean(table[:, i], NO_DRAWS) for i in range(len(sizes))] for table in tables]
    return Curves(sizes, *cells)


def where_they_cross(sheet: Sheet, found: Curves) -> Crossing:
    """The k at which M_t's pass@k falls to M_1's, where M_t's is higher at k = 1."""
    if not found.sizes:
        return {**absent(NO_DRAWS), "share": None}
    values = [np.array([sheet.value_of(cell) for cell in cells]) for cells in (found.first, found.later)]
    replicates = [np.column_stack([sheet.replicates_of(cell) for cell in cells]) for cells in (found.first, found.later)]
    statistic, share = crossing(values[0], values[1], found.sizes, replicates[0], replicates[1], sheet.n)
    return {**statistic, "share": share}


@dataclass(frozen=True)
class Outcome:
    """One number per problem for M_1 and for M_t, whose mean difference is judged; `greedy` values are 0 or 1."""

    sheet: Sheet
    first: Floats
    later: Floats
    reason: str
    greedy: bool = False
    share: bool = True
    """Whether the numbers are shares, so that their differences have exact bounds."""

    @property
    def differences(self) -> Floats:
        """M_t's numbers minus M_1's, NaN where either is missing."""
        return self.later - self.first

    def cell(self) -> SheetCell:
        """The mean difference, on the outcome's sheet."""
        return self.sheet.mean(self.differences, self.reason, binomial=False)


def judged(outcome: Outcome, cell: SheetCell, seed: int, permutations: int) -> Change:
    """The change of an outcome, whose mean difference is `cell`: its intervals, test, and the smallest change that would show."""
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
    replicates = outcome.sheet.replicates_of(cell)
    if outcome.share and np.ptp(present) == 0 and (bounds := change_interval(present, replicates, 0.95)):
        difference = {**difference, "low": bounds[0], "high": bounds[1]}  # the bootstrap's interval has no width
    within = change_interval(present, replicates) if outcome.share else None
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

    pass@1 is of greedy answers or, with `from_draws`, the mean accuracy. A suite for which both models have draws also has
    pass@N, at the largest power of two that all its problems have draws for.
    """

    def greedy(rows: Sequence[MeasureRow] | None, n: int) -> Floats:
        return column(rows, lambda row: float(row["correct"] > 0), n)

    def pass_n(rows: Sequence[MeasureRow] | None, n: int, k: int) -> Floats:
        found: Floats = pass_at_n_table(*counts(rows, n), [k])[:, 0]
        return found

    was, now = (column(m.draws, lambda row: row["correct"] / row["n"], sheet.n) for m in (first, later))
    few = f"fewer than {headline} draws" if first.draws is not None and later.draws is not None else NO_DRAWS
    several = [pass_n(m.draws, sheet.n, headline) for m in (first, later)]
    if from_draws and headline == 1:  # equal to pass@1, so no second outcome
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
        found[f"{OOD}{name}"] = Outcome(of_suite, was, now, "no answers to the suite", True)
        drawn = [m.ood_draws.get(name) for m in (first, later)]
        if all(drawn):
            k = max(powers_of_two(min(row["n"] for rows in drawn for row in rows or ())))
            was, now = (pass_n(rows, of_suite.n, k) for rows in drawn)
            found[f"{OOD_PASS_N}{name}"] = Outcome(of_suite, was, now, NO_DRAWS)
    return found
