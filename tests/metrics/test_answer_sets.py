from __future__ import annotations

import pytest

from sirev.metrics.answer_sets import group_disparity, improvement_set, lost_set

FIRST = {"a": True, "b": False, "c": False, "d": True}
LATER = {"a": True, "b": True, "c": False, "d": False}


def test_improvement_and_lost_set_mirror_each_other() -> None:
    assert improvement_set(FIRST, LATER) == ["b"] == lost_set(LATER, FIRST)
    assert lost_set(FIRST, LATER) == ["d"] == improvement_set(LATER, FIRST)
    assert improvement_set(FIRST, FIRST) == []


def test_group_disparity() -> None:
    assert group_disparity(0.8, 0.2) == pytest.approx(0.75)
    assert group_disparity(0.5, 0.6) == pytest.approx(-0.2)
    assert group_disparity(0.0, 0.0) is None
