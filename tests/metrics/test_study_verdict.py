from __future__ import annotations

import itertools
from typing import Any

import pytest

from sirev.metrics.study_verdict import WORDS, classify, deciding, guards, in_one_word, possible, reason
from tests.metrics.simulated_studies import (
    ALGEBRA,
    GSM8K,
    MATH,
    MBPP,
    NEAR,
    NOTHING,
    SUITE,
    Study,
    Truth,
    World,
    effect,
    margin_of,
    one_study,
    shifted,
)

OUTCOMES = ("pass_at_1", "pass_at_n", "ood/algebra", "distinct")


def change(value: float | None, within: tuple[float, float] | None) -> dict[str, Any]:
    return {"difference": {"value": value}, "within": within}


def found(pass_at_1: str, within: tuple[float, float] | None = None, **others: str) -> dict[str, dict[str, Any]]:
    """Outcomes by what they are; the interval is pass@1's."""
    one = {"is": pass_at_1, "within": within, "margin": 0.03}
    return {"pass_at_1": one} | {
        name.replace("__", "/"): {"is": word, "within": None, "margin": 0.03} for name, word in others.items()
    }


@pytest.mark.parametrize(
    ("value", "within", "holm", "expected"),
    [
        (0.02, (0.011, 0.029), 0.001, "held"),  # significant, and shown to be smaller than the margin
        (0.02, (0.009, 0.031), 0.001, "up"),
        (0.02, (0.009, 0.03), 0.05, "up"),  # a bound at the margin does not exclude it
        (0.02, (0.009, 0.031), 0.051, "held"),
        (0.08, (-0.031, 0.2), 0.2, "open"),
        (0.08, (-0.031, 0.2), 0.04, "up"),
        (-0.02, (-0.029, -0.011), 0.001, "held"),  # a loss of the margin is excluded
        (-0.02, (-0.03, -0.011), 0.001, "down"),
        (-0.02, (-0.031, 0.0), 0.05, "down"),
        (-0.02, (-0.031, 0.0), 0.051, "open"),
        (0.5, (0.4, 0.6), None, "held"),  # no test, no rise
        (0.0, None, 0.01, "open"),
        (None, None, None, "not measured"),
    ],
)
def test_an_outcome_is_classified_by_its_bounds_and_test(
    value: float | None, within: tuple[float, float] | None, holm: float | None, expected: str
) -> None:
    assert classify(change(value, within), holm, 0.03) == expected


def test_fewer_problems_reached_are_a_fall_whatever_the_margin() -> None:
    kept = change(-0.005, (-0.009, -0.001))
    assert classify(kept, 0.5, 0.01) == "held"
    assert classify(kept, 0.5, 0.01, shrank=0.051) == "held"
    assert classify(kept, 0.5, 0.01, shrank=0.05) == "down"
    assert classify(change(None, None), None, 0.01, shrank=0.001) == "not measured"


@pytest.mark.parametrize(
    ("a", "b", "c", "expected"),
    [
        ("up", "held", "up", "progress"),
        ("up", "up", "held", "progress"),
        ("up", "down", "held", "reversal"),
        ("up", "down", "open", "reversal"),
        ("up", "not measured", "down", "reversal"),
        ("up", "open", "held", "progress or reversal"),
        ("up", "not measured", "held", "progress or reversal"),
        ("up", "held", "not measured", "progress"),
        ("held", "held", "down", "regress"),
        ("held", "down", "up", "regress"),
        ("held", "held", "up", "no change"),
        ("held", "held", "open", "regress or no change"),
        ("down", "up", "up", "regress"),
        ("down", "not measured", "open", "regress"),
        ("open", "down", "down", "reversal or regress"),
        ("open", "held", "held", "progress or regress or no change"),
        ("open", "open", "held", "inconclusive"),
        ("not measured", "down", "held", "reversal or regress"),
    ],
)
def test_the_words_follow_the_table(a: str, b: str, c: str, expected: str) -> None:
    within = {"held": (-0.02, 0.02), "open": (-0.05, 0.05)}.get(a)
    outcomes = found(a, within, pass_at_n=b, ood__algebra=c, distinct="held")
    assert in_one_word(possible(outcomes)) == expected


def test_pass_at_1_may_have_done_what_its_interval_reaches() -> None:
    def words(a: str, low: float, high: float) -> list[str]:
        return possible(found(a, (low, high), pass_at_n="held"))

    assert words("held", -0.029, 0.029) == ["no change"]
    assert words("held", -0.029, 0.03) == ["progress", "no change"]
    assert words("open", -0.03, 0.029) == ["regress", "no change"]
    assert words("open", -0.03, 0.03) == ["progress", "regress", "no change"]
    assert possible(found("open", (-0.03, 0.029), pass_at_n="down")) == ["regress"]


def test_every_suite_is_a_guard() -> None:
    assert possible(found("up", pass_at_n="held", ood__x="up", ood__y="held")) == ["progress"]
    assert possible(found("up", pass_at_n="held", ood__x="up", ood__y="down")) == ["reversal"]
    assert possible(found("up", pass_at_n="held", ood__x="up", ood_pass_at_n__x="down")) == ["reversal"]
    assert possible(found("up", pass_at_n="held", ood__x="up", ood_pass_at_n__x="open")) == ["progress", "reversal"]


def test_variety_counts_unless_it_is_left_out() -> None:
    outcomes = found("up", pass_at_n="up", distinct="down")
    assert possible(outcomes) == ["reversal"]
    assert possible(outcomes, variety_counts=False) == ["progress"]
    assert possible(found("up", pass_at_n="up", distinct="not measured")) == ["progress"]
    assert guards(outcomes, variety_counts=False) == ["pass_at_n"]


def test_a_change_is_named_only_where_an_outcome_changed() -> None:
    # What bounds the share of false alarms: no rule makes a change for certain out of what held and what is open.
    for a, *others in itertools.product(("held", "open", "not measured"), repeat=4):
        within = {"held": (-0.02, 0.04), "open": (-0.05, 0.05)}.get(a)
        outcomes = found(a, within, **dict(zip(("pass_at_n", "ood__x", "distinct"), others, strict=True)))
        for counts in (False, True):
            assert "no change" in possible(outcomes, counts)


def test_something_is_always_possible() -> None:
    every = ("up", "held", "down", "open", "not measured")
    for a, *others in itertools.product(every, repeat=4):
        assert possible(found(a, (-0.01, 0.01), **dict(zip(("pass_at_n", "ood__x", "distinct"), others, strict=True))))
    assert possible({}) == list(WORDS)


def test_what_fell_decides_then_what_is_open_then_what_held() -> None:
    assert deciding(found("up", pass_at_n="down", ood__x="open", distinct="down")) == ["pass_at_n", "distinct"]
    assert deciding(found("up", pass_at_n="held", ood__x="open", distinct="up")) == ["ood/x"]
    assert deciding(found("up", ood__x="held")) == ["pass_at_n"]  # not measured, so open
    assert deciding(found("up", pass_at_n="held", ood__x="up", distinct="not measured")) == ["pass_at_n", "ood/x"]


def test_a_set_is_said_in_one_word() -> None:
    assert in_one_word(["reversal"]) == "reversal"
    assert in_one_word(["progress", "no change"]) == "progress or no change"
    assert in_one_word(list(WORDS)) == "inconclusive"


def test_the_reason_is_a_sentence_that_names_what_decided() -> None:
    outcomes = found("up", pass_at_n="down", ood__algebra="open", distinct="held")
    assert reason(outcomes) == "pass@1 rose; pass@N fell."
    assert reason(outcomes | found("up", pass_at_n="held")) == "pass@1 rose; accuracy on algebra is open."
    assert reason(found("held", pass_at_n="held", ood_pass_at_n__x="down")) == (
        "pass@1 held; pass@N on x fell; the variety of right answers was not measured."
    )
    assert reason({}, pass_at_1="pass@1 (mean of 8 draws)") == (
        "pass@1 (mean of 8 draws) was not measured; pass@N was not measured; other problems were not measured; "
        "the variety of right answers was not measured."
    )
    assert "variety" not in reason({}, variety_counts=False)


def said(studies: list[Study], method: int = 0) -> list[str]:
    return [in_one_word(study.words[method]) for study in studies]


def pass_at_n(studies: list[Study]) -> list[str]:
    return [one["pass_at_n"]["is"] for study in studies for one in study.outcomes]


# Thresholds below are the allowed 5 % and two standard deviations of the binomial more, unless said otherwise.


@pytest.mark.parametrize("world", [GSM8K, MBPP], ids=["gsm8k", "mbpp"])
def test_exchangeable_models_are_rarely_said_to_have_changed(world: World) -> None:
    method = Truth(NOTHING, NOTHING if world is GSM8K else None)
    studies = [one_study(seed, world, [method] * 3) for seed in range(100)]
    alarms = sum(any(words in (["progress"], ["reversal"], ["regress"]) for words in study.words) for study in studies)
    assert alarms <= 9


@pytest.mark.parametrize("world", [MBPP, NEAR], ids=["mbpp", "near the ceiling"])
def test_a_loss_of_the_margin_is_rarely_called_held(world: World) -> None:
    method = Truth(effect(world, 0.0, -margin_of(world)))
    assert pass_at_n([one_study(seed, world, [method]) for seed in range(150)]).count("held") <= 12


def test_a_change_of_pass_at_1_by_the_margin_is_rarely_called_none() -> None:
    for by in (0.03, -0.03):
        studies = [one_study(seed, MBPP, [Truth(shifted(MBPP, by))]) for seed in range(150)]
        assert said(studies).count("no change") <= 12


def test_a_rise_without_a_fall_is_progress() -> None:
    method = Truth(effect(GSM8K, 0.092, 0.0), shifted(ALGEBRA, 0.025))
    studies = [one_study(seed, GSM8K, [method] * 3) for seed in range(40)]
    assert said(studies).count("progress") >= 36  # true: 98 %; 48 % before a rise of pass@N was no obstacle


def test_a_fall_beside_an_open_pass_at_1_excludes_progress() -> None:
    studies = [one_study(seed, MBPP, [Truth(effect(MBPP, 0.014, -0.05))] * 3) for seed in range(40)]
    assert sum("progress" not in study.words[0] for study in studies) >= 36


def test_a_fall_near_the_ceiling_is_seen() -> None:
    # 98.7 -> 96.7 %: within 3 points, and 2.5 times as many problems unsolved.
    studies = [one_study(seed, GSM8K, [Truth(effect(GSM8K, 0.092, -0.02), shifted(ALGEBRA, 0.025))] * 3) for seed in range(40)]
    assert said(studies).count("reversal") >= 36
    assert pass_at_n(studies).count("held") <= 6  # of 120


def test_large_effects_on_many_problems_have_their_words() -> None:
    truths = {
        "progress": shifted(MATH, 0.06),
        "reversal": effect(MATH, 0.06, -0.06),
        "regress": effect(MATH, 0.0, -0.06),
        "no change": NOTHING,
    }
    studies = [one_study(seed, MATH, [Truth(one) for one in truths.values()]) for seed in range(10)]
    for i, word in enumerate(truths):
        assert said(studies, i).count(word) >= 9


def test_a_suite_that_falls_makes_a_reversal() -> None:
    method = Truth(effect(GSM8K, 0.096, 0.0), shifted(ALGEBRA, -0.06))
    studies = [one_study(seed, GSM8K, [method] * 3) for seed in range(20)]
    assert said(studies).count("reversal") >= 18
    assert all(study.outcomes[0][SUITE]["is"] == "down" for study in studies if study.words[0] == ["reversal"])
