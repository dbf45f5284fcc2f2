"""A statistic as every table and file of sirev carries it: a value, or the reason why there is none."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypedDict


class Statistic(TypedDict):
    """`value` with the number `n` of problems behind it; null with its `reason` where it can't be computed.

    `low` and `high` bound an interval and are null as long as none is computed.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    reason: str | None


def statistic(value: float, n: int) -> Statistic:
    """A value computed from `n` problems."""
    return {"value": value, "low": None, "high": None, "n": n, "reason": None}


def bounded(value: float, low: float, high: float, n: int) -> Statistic:
    """A value computed from `n` problems, with its interval."""
    return {"value": value, "low": low, "high": high, "n": n, "reason": None}


def absent(reason: str, n: int = 0) -> Statistic:
    """No value, and why."""
    return {"value": None, "low": None, "high": None, "n": n, "reason": reason}


def mean(values: Iterable[float | None], reason: str) -> Statistic:
    """The mean over problems, those with None left out; `reason` is said if none is left."""
    present = [v for v in values if v is not None]
    if not present:
        return absent(reason)
    return statistic(sum(present) / len(present), len(present))
