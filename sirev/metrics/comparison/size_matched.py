"""Diversity at equal numbers of answers, and the problems for it, the same for all t and methods of a seed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from sirev.metrics.comparison.change import Outcome
from sirev.metrics.comparison.contents import MatchedProblems
from sirev.metrics.comparison.inputs import RunMeasures
from sirev.metrics.families import diversity, embedding
from sirev.metrics.families.diversity import FORM_OF, GROUPS, SIZES, distinct_right, too_few_read
from sirev.metrics.families.measures import MeasureRow, Measures, column, sorted_levels
from sirev.metrics.sheet import Sheet
from sirev.metrics.study_verdict import FEWEST, MATCHED

if TYPE_CHECKING:
    from sirev.metrics.families.measures import Floats

Eligible = dict[str, dict[str, tuple[NDArray[np.bool_], str]]]
"""m -> group -> (mask over problems, the reason for an empty one or "")."""


def eligible_problems(runs: Sequence[RunMeasures], n: int) -> Eligible:
    """The problems with at least m answers of a group at every t and method, which size-matched values need."""
    return _eligible([diversity.FAMILY.rows(m) for m in _models(runs)], n)


def eligible_of_suites(runs: Sequence[RunMeasures]) -> dict[str, Eligible]:
    """The same for each suite with draws, at every t that has them."""
    models = _models(runs)
    suites = sorted({suite for m in models for suite in m.ood_diversity})
    of_suites = {suite: [m.ood_diversity.get(suite) for m in models] for suite in suites}
    return {suite: _eligible(rows, len(next(filter(None, rows)))) for suite, rows in of_suites.items()}


def _models(runs: Sequence[RunMeasures]) -> list[Measures]:
    methods = [run for run in runs if not run.null] or list(runs)
    return [m for run in methods for m in run.models.values()]


def _eligible(measured: Sequence[Sequence[MeasureRow] | None], n: int) -> Eligible:
    models = [rows for rows in measured if rows is not None]
    eligible: Eligible = {}
    for m in SIZES:
        eligible[str(m)] = {}
        for group in GROUPS:
            mask = np.full(n, bool(models))
            for rows in models:
                mask &= np.array([row[group]["matched"]["total"] >= m for row in rows])
            count = int(mask.sum())
            kind = "" if group == "all" else f"{group} "
            why = f"{count} problems have {m} {kind}answers at every t and method; {FEWEST} are needed" if count < FEWEST else ""
            why = why if models else "no draws whose diversity could be measured"
            eligible[str(m)][group] = (np.zeros(n, dtype=bool) if why else mask, why)
    return eligible


def matched_problems(eligible: Eligible, levels: Sequence[str]) -> dict[str, dict[str, MatchedProblems]]:
    """The number of problems behind size-matched values, their share, and their levels."""
    return {m: {group: _counted(*found, levels) for group, found in groups.items()} for m, groups in eligible.items()}


def _counted(mask: NDArray[np.bool_], why: str, levels: Sequence[str]) -> MatchedProblems:
    of = [level for level, ok in zip(levels, mask, strict=True) if ok]
    counted = {level: of.count(level) for level in sorted_levels(levels)}
    return {"problems": len(of), "share": len(of) / len(levels), "levels": counted, "reason": why or None}


def other_varieties(sheet: Sheet, first: Measures, later: Measures, answers: str, eligible: Eligible) -> dict[str, Outcome]:
    """Other measures of the variety of right answers than the one in verdicts, to show where they disagree.

    "variety/distinct_n": mean Distinct-N of MATCHED right answers, on the same problems, unless verdicts use it already;
    "variety/sentence_bert": over problems where both models have two right answers. None of them for answers that are letters.
    """
    mask, _ = eligible[str(MATCHED)]["correct"]
    found: dict[str, Outcome] = {}
    if answers in ("math", "code") and mask.any():
        was, now = (np.where(mask, column(diversity.FAMILY.rows(m), _distinct_n, sheet.n), np.nan) for m in (first, later))
        found["variety/distinct_n"] = Outcome(sheet, was, now, "no such answers")
    both = [embedding.FAMILY.rows(m) for m in (first, later)]
    if answers != "letters" and None not in both:
        was, now = (column(rows, lambda row: row["correct"]["sentence_bert"], sheet.n) for rows in both)
        found["variety/sentence_bert"] = Outcome(sheet, was, now, "no problem has two right answers", share=False)
    return found


def _distinct_n(row: MeasureRow) -> float | None:
    matched = row["correct"]["matched"][str(MATCHED)]
    values = list(matched["distinct_n"].values()) if matched else []
    return None if not values or None in values else sum(values) / len(values)


def distinct_right_answers(
    first: Measures, later: Measures, answers: str, eligible: Eligible, n: int
) -> tuple[Floats, Floats, str]:
    """Size-matched distinct right answers of M_1 and M_t, one number per problem, and the reason where there is none."""
    mask, why = eligible[str(MATCHED)]["correct"]
    of_both = [diversity.FAMILY.rows(measures) for measures in (first, later)]
    was, now = (np.where(mask, column(rows, lambda row: distinct_right(row, answers, MATCHED), n), np.nan) for rows in of_both)
    if answers == "letters":
        why = "an answer is an option's letter alone"
    elif None in of_both:
        why = "no draws were given"
    elif answers in FORM_OF and (unread := [too_few_read(rows, "correct", FORM_OF[answers]) for rows in of_both]) != ["", ""]:
        why = next(filter(None, unread))
        was, now = np.full(n, np.nan), np.full(n, np.nan)
    return was, now, why or f"no problem has such values for {MATCHED} right answers"
