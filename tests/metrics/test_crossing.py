from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sirev.metrics.crossing import crossing, crossing_point

KS = [1, 2, 4, 8]
FIRST = np.array([0.2, 0.4, 0.6, 0.8])


def test_it_is_read_between_two_k_on_the_scale_of_the_figure() -> None:
    # +0.1 at 4 and -0.1 at 8: half way in log2 k.
    assert crossing_point(FIRST, np.add(FIRST, [0.2, 0.2, 0.1, -0.1]), KS) == pytest.approx(2**2.5)
    assert crossing_point(FIRST, np.add(FIRST, [0.2, 0.2, 0.0, -0.1]), KS) == 4.0
    assert crossing_point(FIRST, np.add(FIRST, [0.2, -0.1, 0.1, -0.1]), KS) == pytest.approx(2 ** (2 / 3))  # the smallest


def test_no_crossing_where_later_starts_below_or_stays_above() -> None:
    assert crossing_point(FIRST, np.add(FIRST, [-0.1, 0.1, -0.1, 0.1]), KS) is None
    assert crossing_point(FIRST, FIRST, KS) is None
    assert crossing_point(FIRST, FIRST + 0.1, KS) is None
    assert crossing_point(FIRST, np.add(FIRST, [0.1, 0.1, np.nan, np.nan]), KS) is None


@given(st.lists(st.floats(-1, 1).filter(lambda x: abs(x) > 1e-6), min_size=2, max_size=8))
def test_it_lies_where_the_sign_first_turns(above: list[float]) -> None:
    ks = [2**i for i in range(len(above))]
    found = crossing_point(np.zeros(len(above)), np.array(above), ks)
    down = next((i for i, x in enumerate(above) if x <= 0), None)
    if down in (0, None):
        assert found is None
    else:
        assert found is not None
        assert down is not None
        assert ks[down - 1] <= found <= ks[down]


def replicates(*above: list[float]) -> tuple[np.ndarray, np.ndarray]:
    first = np.tile(FIRST, (len(above), 1))
    return first, first + np.array(above)


def test_the_interval_is_of_the_replicates_crossings() -> None:
    first, later = replicates(*[[0.1, 0.1, 0.0, -0.1]] * 50, *[[0.1, 0.1, 0.1, 0.0]] * 50)
    found, share = crossing(FIRST, np.add(FIRST, [0.1, 0.1, 0.0, -0.1]), KS, first, later, 9)
    assert found == {"value": 4.0, "low": 4.0, "high": 8.0, "n": 9, "reason": None}
    assert share == 1.0


def test_replicates_that_do_not_cross_lie_beyond_the_largest_k() -> None:
    first, later = replicates(*[[0.1, 0.1, 0.0, -0.1]] * 90, *[[0.1, 0.1, 0.1, 0.1]] * 10)
    found, share = crossing(FIRST, np.add(FIRST, [0.1, 0.1, 0.0, -0.1]), KS, first, later, 9)
    assert (found["value"], found["low"], found["high"]) == (4.0, 4.0, None)
    assert found["reason"] == "more than 2.5 % of the replicates do not cross up to k = 8"
    assert share == 0.9


def test_replicates_that_start_below_lie_at_the_smallest_k_and_do_not_cross() -> None:
    first, later = replicates(*[[0.1, 0.1, 0.0, -0.1]] * 90, *[[-0.1, 0.0, 0.0, 0.0]] * 10)
    found, share = crossing(FIRST, np.add(FIRST, [0.1, 0.1, 0.0, -0.1]), KS, first, later, 9)
    assert (found["low"], found["high"], share) == (1.0, 4.0, 0.9)


def test_curves_that_do_not_cross_say_why_and_still_tell_the_share() -> None:
    first, later = replicates([0.1, 0.1, 0.0, -0.1], [0.1, 0.1, 0.1, 0.1])
    found, share = crossing(FIRST, FIRST + 0.1, KS, first, later, 9)
    assert found["value"] is None
    assert (found["reason"], share) == ("the curves do not cross up to k = 8", 0.5)
    found, _ = crossing(FIRST, FIRST - 0.1, KS, first, later, 9)
    assert found["reason"] == "the later curve is not above at k = 1"


def test_replicates_without_a_value_are_left_out() -> None:
    first, later = replicates([0.1, 0.1, 0.0, -0.1], [np.nan] * 4)
    found, share = crossing(FIRST, np.add(FIRST, [0.1, 0.1, 0.0, -0.1]), KS, first, later, 9)
    assert (found["low"], found["high"], share) == (4.0, 4.0, 1.0)
    assert crossing(FIRST, np.add(FIRST, [0.1, 0.1, 0.0, -0.1]), KS, first[1:], later[1:], 9)[1] is None
