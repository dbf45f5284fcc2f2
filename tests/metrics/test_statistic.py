from __future__ import annotations

from sirev.metrics.statistic import absent, bounded, mean_over_seeds


def test_what_can_not_be_computed_says_why_and_is_never_a_number() -> None:
    assert absent("no draws") == {"value": None, "low": None, "high": None, "n": 0, "reason": "no draws"}


def test_a_bounded_value_carries_its_interval() -> None:
    assert bounded(0.5, 0.4, 0.7, 9) == {"value": 0.5, "low": 0.4, "high": 0.7, "n": 9, "reason": None}


def test_a_mean_over_seeds_needs_every_seed() -> None:
    one, other = bounded(0.5, 0.25, 0.75, 9), bounded(1.0, 0.75, 1.0, 8)
    assert mean_over_seeds([one, other]) == bounded(0.75, 0.5, 0.875, 8)
    assert mean_over_seeds([one, absent("stopped")])["reason"] == "stopped"


def test_a_mean_over_seeds_has_no_bound_that_a_seed_lacks() -> None:
    one, other = bounded(0.5, 0.25, 0.75, 9), {**bounded(1.0, 0.75, 1.0, 8), "low": None}
    assert mean_over_seeds([one, other])["low"] is None  # type: ignore[list-item]
