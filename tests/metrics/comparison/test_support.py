from __future__ import annotations

from typing import Any

import pytest

from sirev.metrics.comparison.support import support
from sirev.metrics.families.measures import Measures
from sirev.metrics.intervals import clopper_pearson
from sirev.metrics.pass_at_n import pass_at_n
from sirev.metrics.sheet import Sheet
from tests.metrics.comparison.studies import draws

FIRST = {"a": 4, "b": 1, "c": 2, "d": 0, "e": 0}
LATER = {"a": 4, "b": 0, "c": 1, "d": 2, "e": 0}


def told(first: Measures, later: Measures, is_first: bool = False) -> dict[str, Any]:
    sheet = Sheet(5, 0, 400)
    found: dict[str, Any] = sheet.settle(support(sheet, first, later, is_first))
    return found


def drawn(n: int, right: dict[str, int]) -> Measures:
    return Measures(None, draws(n, right))


def test_what_is_lost_gained_and_kept_of_what_the_first_model_solves() -> None:
    found = told(drawn(4, FIRST), drawn(4, LATER))
    kept = found.pop("retention")
    assert found == {"k": 4, "first": 3.0, "later": 3.0, "shrinkage": 1.0, "expansion": 1.0, "reason": None}
    low, high = clopper_pearson(2, 3)
    assert kept == {"value": 2 / 3, "low": low, "high": high, "n": 3, "reason": None}


def test_of_more_draws_any_k_count() -> None:
    found = told(drawn(8, {x: 2 * c for x, c in FIRST.items()}), drawn(4, LATER))
    chances = {x: pass_at_n(8, 2 * c, 4) or 0.0 for x, c in FIRST.items()}
    assert (found["k"], found["later"]) == (4, 3.0)
    assert found["first"] == pytest.approx(sum(chances.values()))
    assert found["shrinkage"] == pytest.approx(chances["b"])
    assert found["expansion"] == pytest.approx(1.0 + 1 - chances["c"])
    assert found["retention"]["value"] == pytest.approx(1 - chances["b"] / sum(chances.values()))
    assert found["retention"]["low"] < found["retention"]["value"] < found["retention"]["high"]


def test_where_nothing_can_be_said_there_is_a_reason() -> None:
    one = drawn(4, FIRST)
    assert told(one, one, is_first=True)["reason"] == "M_1 is not compared with itself"
    assert told(Measures(None, None), one)["retention"]["reason"] == "no draws were given"
    never = drawn(4, dict.fromkeys("abcde", 0))
    assert told(never, one)["retention"]["reason"] == "M_1 solves no problem"
