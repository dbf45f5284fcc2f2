from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pytest

from sirev.metrics.comparison.compare import compare
from sirev.metrics.comparison.inputs import ComparisonSettings, RunMeasures
from sirev.metrics.families.family import AnswerType, Draw
from sirev.metrics.families.likelihood import BETWEEN, ITSELF, NO_GAIN, NOT_SCORED, OF_DRAWS, measure
from sirev.metrics.families.measures import Measures
from tests.metrics.comparison.studies import draws, greedy

NONE = {"answers": 0, "tokens": 0, "logprob": 0.0}


def draw(right: bool, score: tuple[int, float] | None) -> Draw:
    return Draw("", 0, 1, False, right, False, False, score=score)


def scored(right: Mapping[str, int], tokens: int, nats: float) -> list[dict[str, Any]]:
    """One answer a problem of so many tokens, each of probability exp(-nats)."""
    one = {"answers": 1, "tokens": tokens, "logprob": -nats * tokens}
    return [{"id": x, "level": "1", "right": one if c else NONE, "wrong": NONE if c else one} for x, c in right.items()]


def likelihood(models: Mapping[int, Measures], t: int) -> dict[str, Any]:
    found = compare([RunMeasures("sft", 0, models)], "math", None, ComparisonSettings(replicates=200))
    of_t: dict[str, Any] = found["runs"][0]["iterations"][t - 1]["likelihood"]  # type: ignore[assignment]
    return of_t


@pytest.fixture
def models() -> dict[int, Measures]:
    """M_1 is right on a and b of a..e, M_2 (not scored) and M_3 on b..d; M_1's draws are right on all but e."""
    first, later = {"a": 1, "b": 1, "c": 0, "d": 0, "e": 0}, {"a": 0, "b": 1, "c": 1, "d": 1, "e": 0}
    right = dict.fromkeys("abcd", 1) | {"e": 0}
    own = scored(first, 10, 0.3)
    of_draws = [{**row, "wrong": {"answers": 3, "tokens": 30, "logprob": -30.0}} for row in scored(right, 10, 0.5)]
    theirs = scored(later, 10, 0.2)
    theirs[2]["right"] = {"answers": 1, "tokens": 30, "logprob": -3.0}  # c: 0.1 nats a token
    of = dict.fromkeys(first, 4)
    return {
        1: Measures(greedy(first), draws(4, of), families={"likelihood": own, OF_DRAWS: of_draws}),
        2: Measures(greedy(later), draws(4, of)),
        3: Measures(greedy(later), draws(4, of), families={"likelihood": theirs}),
    }


def test_right_and_wrong_answers_are_summed_apart_and_those_not_scored_left_out() -> None:
    found = measure(
        [draw(True, (3, -1.5)), draw(True, (1, -0.5)), draw(False, (2, -4.0)), draw(True, None)], AnswerType("math", True)
    )
    assert found == {"right": {"answers": 2, "tokens": 4, "logprob": -2.0}, "wrong": {"answers": 1, "tokens": 2, "logprob": -4.0}}


def test_a_perplexity_weighs_tokens_alike(models: dict[int, Measures]) -> None:
    found = likelihood(models, 3)
    assert found["gained"]["value"] == pytest.approx(math.exp((3.0 + 2.0) / 40))  # c and d
    assert found["gained"]["n"] == 2
    assert found["right"]["value"] == pytest.approx(math.exp((2.0 + 3.0 + 2.0) / 50))
    assert found["gained"]["low"] < found["gained"]["value"] < found["gained"]["high"]


def test_m1s_own_answers_stand_beside_it(models: dict[int, Measures]) -> None:
    own = likelihood(models, 3)["first"]
    assert own["greedy"]["value"] == pytest.approx(math.exp(0.3))
    assert (own["gained"]["n"], own["missed"]["n"]) == (2, 2)  # of W = c, d, e no draw on e is right
    assert own["missed"]["value"] == pytest.approx(math.exp(0.5))
    assert own["draws"]["value"] == pytest.approx(math.exp((4 * 5.0 + 5 * 30.0) / (4 * 10 + 5 * 30)))


def test_the_ratio_is_of_gained_answers_over_m1s_own_right_draws_where_it_fails(models: dict[int, Measures]) -> None:
    found = likelihood(models, 3)
    assert found["ratio"]["value"] == pytest.approx(found["gained"]["value"] / found["first"]["missed"]["value"])


def test_m1_itself_gains_nothing_and_a_model_between_is_not_scored(models: dict[int, Measures]) -> None:
    first, between = likelihood(models, 1), likelihood(models, 2)
    assert first["gained"]["reason"] == first["first"]["gained"]["reason"] == first["ratio"]["reason"] == ITSELF
    assert first["right"] == first["first"]["greedy"]
    assert between["gained"]["reason"] == between["right"]["reason"] == BETWEEN
    assert between["first"]["missed"]["value"] is not None


def test_without_scores_it_is_said_what_is_needed(models: dict[int, Measures]) -> None:
    bare = {t: Measures(model.greedy, model.draws) for t, model in models.items()}
    for t in (1, 3):
        found = likelihood(bare, t)
        assert found["right"]["reason"] == found["first"]["draws"]["reason"] == NOT_SCORED
    assert likelihood(bare, 3)["gained"]["reason"] == NOT_SCORED


def test_where_nothing_is_gained_there_is_no_perplexity(models: dict[int, Measures]) -> None:
    found = likelihood({1: models[1], 2: models[1]}, 2)
    assert found["gained"]["reason"] == found["first"]["gained"]["reason"] == NO_GAIN
    assert found["right"]["value"] == pytest.approx(math.exp(0.3))
