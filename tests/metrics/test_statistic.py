from __future__ import annotations

from sirev.metrics.statistic import absent, bounded, mean, statistic


def test_a_mean_counts_the_problems_behind_it() -> None:
    assert mean([1.0, None, 0.0], "none") == statistic(0.5, 2)


def test_what_can_not_be_computed_says_why_and_is_never_a_number() -> None:
    assert mean([None, None], "no draws") == absent("no draws")
    assert absent("no draws")["value"] is None


def test_a_bounded_value_carries_its_interval() -> None:
    assert bounded(0.5, 0.4, 0.7, 9) == {"value": 0.5, "low": 0.4, "high": 0.7, "n": 9, "reason": None}
