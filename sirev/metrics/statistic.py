"""A statistic as in every table and file of sirev: a value, or the reason why there is none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict


class Statistic(TypedDict):
    """A `value` and the number `n` of problems behind it; null with a `reason` where it can't be computed.

    `low` and `high` are the bounds of an interval, null without one.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    reason: str | None


def bounded(value: float, low: float, high: float, n: int) -> Statistic:
    """A value computed from `n` problems, with its interval."""
    return {"value": value, "low": low, "high": high, "n": n, "reason": None}


def absent(reason: str, n: int = 0) -> Statistic:
    """No value, with the reason."""
    return {"value": None, "low": None, "high": None, "n": n, "reason": reason}


def mean_over_seeds(of_seeds: Sequence[Statistic]) -> Statistic:
    """The mean of a statistic over seeds; absent if a seed has no value.

    The bounds are the means of the seeds' bounds. Seeds share the problems, and the standard deviation of a mean is at most the
    mean of the standard deviations (Minkowski), so the interval is never too narrow for the problems; it doesn't cover
    differences between seeds.
    """
    if without := next((one for one in of_seeds if one["value"] is None), None):
        return without
    values, lows, highs = ([one[key] for one in of_seeds] for key in ("value", "low", "high"))
    least = min(one["n"] for one in of_seeds)
    return {"value": _mean(values), "low": _mean(lows), "high": _mean(highs), "n": least, "reason": None}


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if len(known) == len(values) else None
