from __future__ import annotations

from collections import Counter
from math import log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sirev.metrics.voting import RIGHT_VOTE, entropy, majority, votes

BALLOTS = st.lists(st.sampled_from([RIGHT_VOTE, "5", "6", None]), max_size=20)


def test_votes_worked_by_hand() -> None:
    assert votes([RIGHT_VOTE, "5", None, "6", "5", RIGHT_VOTE, RIGHT_VOTE]) == {"right": 3, "wrong": [2, 1], "none": 1}
    assert votes([]) == {"right": 0, "wrong": [], "none": 0}


@given(BALLOTS)
def test_every_draw_is_counted_once(ballots: list[str | None]) -> None:
    found = votes(ballots)
    assert found["right"] + sum(found["wrong"]) + found["none"] == len(ballots)


def test_majority_worked_by_hand() -> None:
    # Blocks of 2: (right, 5) a tie, (right, none), (5, 5); of 4: right twice, 5 once; of 6: 5 three times, right twice.
    ballots = [RIGHT_VOTE, "5", RIGHT_VOTE, None, "5", "5"]
    assert majority(ballots) == {"1": 2 / 6, "2": 1.5 / 3, "4": 1.0, "6": 0.0}
    assert majority([RIGHT_VOTE, "5", "6"])["3"] == pytest.approx(1 / 3)


def test_nobody_votes() -> None:
    assert majority([None, None]) == {"1": 0.0, "2": 0.0}
    assert majority([]) == {}


def test_draws_that_fill_no_block_are_left_out() -> None:
    assert majority(["5", "5", RIGHT_VOTE])["2"] == 0.0


@given(BALLOTS)
def test_majority_of_one_is_the_share_that_is_right_and_no_answer_never_wins(ballots: list[str | None]) -> None:
    if not ballots:
        return
    found = majority(ballots)
    assert found["1"] == pytest.approx(ballots.count(RIGHT_VOTE) / len(ballots))
    (elected, _), *others = Counter(one for one in ballots if one is not None).most_common() or [(None, 0)]
    if not others:
        assert found[str(len(ballots))] == (1.0 if elected == RIGHT_VOTE else 0.0)


def test_entropy_in_bits() -> None:
    assert entropy(votes([RIGHT_VOTE, RIGHT_VOTE, "5", None])) == pytest.approx(1.5)
    assert entropy(votes([RIGHT_VOTE] * 9)) == 0.0
    assert entropy(votes([None] * 9)) == 0.0
    assert entropy(votes([])) is None


def test_entropy_as_scipy_has_it() -> None:
    stats = pytest.importorskip("scipy.stats")
    found = votes([RIGHT_VOTE] * 5 + ["5"] * 3 + ["6"] * 2 + [None])
    assert entropy(found) == pytest.approx(stats.entropy([5, 3, 2, 1], base=2))


@given(BALLOTS)
def test_entropy_is_between_none_and_that_of_all_different(ballots: list[str | None]) -> None:
    if ballots:
        found = entropy(votes(ballots))
        assert found is not None
        assert 0.0 <= found <= log2(len(ballots)) + 1e-12
