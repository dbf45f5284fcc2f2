from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sirev.metrics.pairwise_diversity import PAIR_KINDS, of_forms, split, unlikeness

ANSWERS = st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=9)
SHARE = st.floats(0, 1)


def pairs_of(answers: list[tuple[str, bool]]) -> dict[str, list[float | None]]:
    return of_forms([form for form, _ in answers], [right for _, right in answers])


def test_worked_by_hand() -> None:
    # right a a b, wrong a c: aa ab ab | aa ac, aa ac, ba bc | ac
    found = of_forms(["a", "a", "a", "b", "c"], [True, True, False, True, False])
    assert found == {"right-right": [3, 2 / 3], "mixed": [6, 4 / 6], "wrong-wrong": [1, 1.0]}
    assert unlikeness(found) == pytest.approx(7 / 10)
    assert of_forms(["a"], [True]) == {"right-right": [0, None], "mixed": [0, None], "wrong-wrong": [0, None]}
    assert unlikeness(of_forms([], [])) is None


@given(ANSWERS)
def test_they_are_the_pairs_taken_one_by_one(answers: list[tuple[str, bool]]) -> None:
    one_by_one: dict[str, list[bool]] = {kind: [] for kind in PAIR_KINDS}
    for (form, right), (other, other_right) in combinations(answers, 2):
        kind = "mixed" if right != other_right else "right-right" if right else "wrong-wrong"
        one_by_one[kind].append(form != other)
    assert pairs_of(answers) == {kind: [len(x), sum(x) / len(x) if x else None] for kind, x in one_by_one.items()}


def test_the_split_worked_by_hand() -> None:
    # M_1: 2 right, 2 wrong; M_t: all 4 right. Right pairs were all different and are now half alike.
    first = {"right-right": [1, 1.0], "mixed": [4, 1.0], "wrong-wrong": [1, 0.0]}
    later = {"right-right": [6, 0.5], "mixed": [0, None], "wrong-wrong": [0, None]}
    found = split(first, later)
    assert found is not None
    assert found["change"] == pytest.approx(0.5 - 5 / 6)
    # composition: 5/6 * 0.75 - 4/6 * 1.0 - 1/6 * 0.0; narrowing: mean weight (1/6 + 1) / 2 times -0.5
    assert found["composition"] == pytest.approx(5 / 6 * 0.75 - 4 / 6)
    assert found["narrowing"] == {"right-right": pytest.approx(-7 / 24), "mixed": 0.0, "wrong-wrong": 0.0}


@given(ANSWERS, ANSWERS)
def test_the_parts_add_up_exactly(first: list[tuple[str, bool]], later: list[tuple[str, bool]]) -> None:
    before, after = pairs_of(first), pairs_of(later)
    found = split(before, after)
    if min(len(first), len(later)) < 2:
        assert found is None
        return
    assert found is not None
    change = unlikeness(after) - unlikeness(before)  # type: ignore[operator]
    assert found["change"] == pytest.approx(change, abs=1e-12)
    assert found["composition"] + sum(found["narrowing"].values()) == pytest.approx(change, abs=1e-12)


@given(*[st.lists(st.tuples(st.integers(1, 2000), SHARE), min_size=3, max_size=3) for _ in range(2)])
def test_they_add_up_for_any_weights(first: list[tuple[int, float]], later: list[tuple[int, float]]) -> None:
    before, after = ({kind: [*pair] for kind, pair in zip(PAIR_KINDS, found, strict=True)} for found in (first, later))
    found = split(before, after)
    assert found is not None
    assert found["composition"] + sum(found["narrowing"].values()) == pytest.approx(found["change"], abs=1e-12)


def test_pairs_that_stay_as_they_are_narrow_by_nothing() -> None:
    # Only the shares of the kinds change: right answers are all alike, wrong ones all different.
    found = split({"right-right": [0, None], "mixed": [4, 1.0], "wrong-wrong": [6, 1.0]}, pairs_of([("a", True)] * 5))
    assert found == {"change": -1.0, "composition": -1.0, "narrowing": dict.fromkeys(PAIR_KINDS, 0.0)}
