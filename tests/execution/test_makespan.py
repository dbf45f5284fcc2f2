from __future__ import annotations

from collections import Counter

import pytest

from sirev.execution.makespan import bound, lanes, longest_first, makespan, remaining
from sirev.execution.segments import Segment


def segment(name: str, *parents: str, gpu: bool = True) -> Segment:
    return Segment(name, name, parents=set(parents), needs_gpu=gpu)


DATA, ONE, LONG, SHORT, LEAF = (
    segment("data", gpu=False),
    segment("one", "data"),
    segment("long", "data", "one"),
    segment("short", "data", "one"),
    segment("leaf", "data", "one", "long"),
)
ALL = [DATA, ONE, SHORT, LONG, LEAF]
HOURS = {"data": 1.0, "one": 2.0, "long": 5.0, "short": 1.0, "leaf": 3.0}


def test_what_remains_is_the_longest_chain() -> None:
    assert remaining(ALL, HOURS) == {"data": 11, "one": 10, "long": 8, "leaf": 3, "short": 1}


def test_the_longer_chain_goes_first_and_no_child_before_its_parent() -> None:
    assert [one.id for one in longest_first(ALL, HOURS)] == ["data", "one", "long", "leaf", "short"]


@pytest.mark.parametrize(("gpus", "hours"), [(1, 1 + 2 + 1 + 5 + 3), (2, 11), (64, 11)])
def test_a_free_gpu_takes_the_first_whose_parents_have_ended(gpus: int, hours: float) -> None:
    assert makespan(ALL, HOURS, gpus) == hours
    assert bound(ALL, HOURS, gpus) == max(11, 11 / gpus)


def test_what_needs_no_gpu_waits_for_none() -> None:
    many = [segment("data", gpu=False), segment("other", gpu=False), segment("train")]
    assert makespan(many, {"data": 2.0, "other": 2.0, "train": 2.0}, 1) == 2.0


def test_nothing_takes_no_time() -> None:
    assert (makespan([], {}, 4), bound([], {}, 4)) == (0.0, 0.0)


def test_no_more_lanes_are_used_than_there_are_and_a_child_follows_its_parent_where_nobody_waits() -> None:
    assert set(lanes(ALL, 1).values()) == {0}
    assert lanes([DATA, ONE, LONG, LEAF, SHORT], 2) == {"data": 0, "one": 0, "long": 0, "leaf": 0, "short": 1}


def test_what_may_begin_at_once_is_spread_over_the_lanes() -> None:
    many = [segment(str(number)) for number in range(6)]
    assert Counter(lanes(many, 3).values()) == {0: 2, 1: 2, 2: 2}
