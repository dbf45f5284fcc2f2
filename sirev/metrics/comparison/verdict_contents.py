"""Types of a comparison's conclusions: judged changes, verdicts on each M_T, and claims over seeds."""

from __future__ import annotations

from typing import TypedDict, final

from sirev.metrics.statistic import Statistic

_Result = TypedDict("_Result", {"is": str})  # a keyword, so no field of a class


class Change(TypedDict):
    """The change of an outcome against M_1; `within` has the bounds of its 90 % interval.

    `widening`: how much wider the interval gets if the margin is a share of what M_1 leaves unsolved, itself an estimate.
    """

    difference: Statistic
    within: list[float] | None
    p: float | None
    test: str | None
    smallest: float | None
    base: float | None
    widening: float | None


class JudgedChange(Change, _Result):
    """An outcome of a verdict: "up", "held", "down", "open" or "not measured".

    `bound` is the lower one-sided 95 % bound, which decides "held": a loss beyond it is excluded. `margin` is in the same units.
    `shrank`: adjusted p of the exact sign test on reach, for pass@N where M_T reaches fewer problems.
    """

    holm: float | None
    margin: float
    bound: float | None
    shrank: float | None


class Noise(TypedDict):
    """Numbers of problems that M_1 gained and lost each time it was trained again."""

    gained: list[int | None]
    lost: list[int | None]


class NewOrSelected(_Result):
    """Observation 1, whether M_T's new solutions are new: "NEW", "SELECTED", "OPEN" or "not measured".

    At one N: M_1's pass@N on IS(T), the same for luck (`reroll`), and `shortfall`, luck's minus IS(T)'s. SELECTED needs `bound`,
    the upper one-sided 95 % bound of the shortfall, below `margin`. `solved`: M_1's pass@N on IS(T) at the largest N.
    """

    N: int | None
    largest: int | None
    size: int | None
    solved: Statistic
    m1_pass_at_n: Statistic
    reroll: Statistic
    shortfall: Statistic
    bound: float | None
    margin: float
    p: float | None
    holm: float | None
    reason: str | None


class Observed(_Result):
    """Observation 2 or 3, or reach on the test problems: "FELL", "HELD", "ROSE", "OPEN" or "not measured".

    `decided` names the deciding outcomes, keys of the verdict's `outcomes`; `open` the open ones.
    """

    decided: list[str]
    open: list[str]
    reason: str | None


class Observations(TypedDict):
    """The paper's three observations of M_T, and reach on the test problems."""

    new_or_selected: NewOrSelected
    variety: Observed
    other_problems: Observed
    reach: Observed


@final
class StudyVerdict(TypedDict):
    """The verdict on M_T of one run.

    `possible`: the words among "progress", "reversal", "regress", "no change" that the data allow. `verdict`: the only one,
    several joined by " or ", or "inconclusive" where all four are possible. `observed`: how many of the paper's three
    observations hold (selected, variety fell, other problems fell), of the `observable` ones that were measured.
    """

    method: str
    seed: int
    t: int
    verdict: str
    possible: list[str]
    narrower: bool
    reason: str
    outcomes: dict[str, JudgedChange]
    observations: Observations
    observed: int
    observable: int
    null: str
    noise: Noise | None


class MeanChange(JudgedChange):
    """The differences per problem averaged over seeds, as judged; `seeds`: the t interval over seeds.

    `within` and `bound` are of the hull of the 90 % intervals over problems and over seeds. `noise`: the largest change of M_1
    trained again, where a null run gives it; "up" and "down" exceed it.
    """

    seeds: Statistic
    noise: float | None


@final
class Claim(TypedDict):
    """The claim about a method over its seeds, from changes pooled over them."""

    method: str
    seeds: list[int]
    verdicts: list[str]
    claim: str | None
    possible: list[str]
    observations: Observations
    observed: int
    observable: int
    reason: str
    mean: dict[str, MeanChange]
