from __future__ import annotations

import pytest

from sirev.execution.grid_outlook import GridOutlook
from sirev.execution.segments import Segment


def segment(name: str, *parents: str, runs: str = "ab", gpu: bool = True) -> Segment:
    return Segment(name, name, parents=set(parents), runs=set(runs), needs_gpu=gpu)


@pytest.fixture
def outlook() -> GridOutlook:
    one, two, three = segment("one"), segment("two", "one", runs="a"), segment("three", "one", runs="b")
    return GridOutlook([one, two, three], {"one": 1.0, "two": 2.0, "three": 2.0})


def test_the_time_left_is_what_remains_at_the_pace_seen(outlook: GridOutlook) -> None:
    outlook.begin("one", 0.0)
    assert outlook.seconds_left(5.0) is None
    outlook.end("one", 10.0, computed=True)
    assert outlook.seconds_left(10.0) == 40.0
    outlook.begin("two", 10.0)
    assert outlook.seconds_left(15.0) == 35.0
    outlook.begin("three", 15.0)
    assert outlook.seconds_left(15.0) == 20.0  # two workers


def test_what_failed_says_nothing_about_the_pace(outlook: GridOutlook) -> None:
    outlook.begin("one", 0.0)
    outlook.end("one", 10.0, computed=True)
    outlook.begin("two", 10.0)
    outlook.end("two", 10.1, computed=False)
    assert outlook.seconds_left(10.1) == 20.0


def test_a_run_is_over_with_the_last_of_its_segments(outlook: GridOutlook) -> None:
    assert outlook.runs == (0, 2)
    outlook.end("one", 1.0, computed=True)
    outlook.end("two", 2.0, computed=True)
    assert outlook.runs == (1, 2)
    outlook.end("three", 3.0, computed=False)
    assert outlook.runs == (1, 2)  # b has ended, and is not complete
