"""The paper's three observations of M_T (arXiv 2407.05013): new or selected, variety, other problems; and reach."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sirev.metrics.comparison.contents import ImprovementSet
from sirev.metrics.comparison.verdict_contents import JudgedChange, NewOrSelected, Observations, Observed
from sirev.metrics.statistic import Statistic, absent
from sirev.metrics.study_verdict import DOWN, HELD, LEVEL, NOT_MEASURED, OPEN, UP, is_of_suite

NEW, SELECTED, OPEN_QUESTION = "NEW", "SELECTED", "OPEN"
FELL, ROSE = "FELL", "ROSE"
_SAID = {UP: ROSE, HELD: "HELD", DOWN: FELL, OPEN: OPEN_QUESTION, NOT_MEASURED: NOT_MEASURED}
_WORST = (DOWN, OPEN, HELD, UP)
"""The first of these among several outcomes decides; a rise needs one outcome that rose and no other than held ones."""


def observations(outcomes: Mapping[str, JudgedChange], gained: ImprovementSet, new_margin: float) -> Observations:
    """The observations of M_T; `gained` is its IS(T), `new_margin` as in `new_or_selected`."""
    suites = sorted(name for name in outcomes if is_of_suite(name))
    return {
        "new_or_selected": new_or_selected(gained, new_margin),
        "variety": observed({name: outcomes[name] for name in ("distinct",) if name in outcomes}, "no draws were given"),
        "other_problems": observed({name: outcomes[name] for name in suites}, "the study has no suite of other problems"),
        "reach": observed({name: outcomes[name] for name in ("pass_at_n",) if name in outcomes}, "no draws were given"),
    }


def new_or_selected(gained: ImprovementSet, margin: float) -> NewOrSelected:
    """Observation 1: are the problems of IS(T) harder for M_1 than those that luck would have gained?

    Both claims need proof. SELECTED: the upper one-sided 95 % bound excludes a pass@N that is `margin` or more below re-roll.
    NEW: they are harder, by the one-sided test against re-roll, after Holm over t and methods. SELECTED takes precedence, since a
    significant difference too small to matter makes nothing new. Else OPEN.
    """
    new = gained["new"]
    n = None if new["N"] is None else str(new["N"])
    curve = {int(k): one for k, one in gained["m1_pass_at_n"].items() if one["value"] is not None}
    largest = max(curve, default=None)

    def at(by_n: Mapping[str, Statistic]) -> Statistic:
        return by_n[n] if n is not None and n in by_n else absent(new["reason"] or "no draws were given")

    bound = new["bound"]
    if new["p"] is None:
        found = NOT_MEASURED
    elif bound is not None and bound < margin:
        found = SELECTED
    else:
        found = NEW if new["holm"] is not None and new["holm"] <= LEVEL else OPEN_QUESTION
    return {
        "is": found,
        "N": new["N"],
        "largest": largest,
        "size": gained["size"],
        "solved": curve[largest] if largest is not None else absent(new["reason"] or "no draws were given"),
        "m1_pass_at_n": at(gained["m1_pass_at_n"]),
        "reroll": at(gained["reroll"]),
        "shortfall": at(gained["shortfall"]),
        "bound": bound,
        "margin": margin,
        "p": new["p"],
        "holm": new["holm"],
        "reason": new["reason"],
    }


def observed(outcomes: Mapping[str, JudgedChange], none: str) -> Observed:
    """Observation 2 or 3 from the outcomes that it is based on; `none` is the reason where there are none."""
    measured = {name: one["is"] for name, one in outcomes.items() if one["is"] != NOT_MEASURED}
    if not measured:
        reasons = [one["difference"]["reason"] for one in outcomes.values()]
        return {"is": NOT_MEASURED, "decided": [], "open": [], "reason": next(filter(None, reasons), none)}
    result = next(move for move in _WORST if move in measured.values())
    if result == HELD and UP in measured.values():
        result = UP
    return {
        "is": _SAID[result],
        "decided": [name for name, found in measured.items() if found == result],
        "open": [name for name, found in measured.items() if found == OPEN],
        "reason": None,
    }


def counted(found: Observations) -> tuple[int, int]:
    """How many of the three observations came out as in the paper, and how many were measured."""
    holds = [
        found["new_or_selected"]["is"] == SELECTED,
        found["variety"]["is"] == FELL,
        found["other_problems"]["is"] == FELL,
    ]
    told = (found[name]["is"] for name in ("new_or_selected", "variety", "other_problems"))
    return sum(holds), sum(one != NOT_MEASURED for one in told)


def over_seeds(seeds: Sequence[NewOrSelected]) -> NewOrSelected | None:
    """Observation 1 pooled: SELECTED if every seed is, NEW if the smallest p times the number of seeds is small enough.

    The numbers are those of the seed with the largest bound of the shortfall. None without seeds, or if one was not measured.
    """
    told = [one for one in seeds if one["is"] != NOT_MEASURED]
    if not told or len(told) < len(seeds):
        return None
    adjusted = min(1.0, len(told) * min(1.0 if one["holm"] is None else one["holm"] for one in told))
    worst = max(told, key=lambda one: (one["bound"] is None, one["bound"] or 0.0))
    words = {one["is"] for one in told}
    found = SELECTED if words == {SELECTED} else NEW if adjusted <= LEVEL else OPEN_QUESTION
    return {**worst, "is": found, "holm": adjusted}
