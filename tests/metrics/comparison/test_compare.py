from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from sirev.metrics.comparison.compare import compare, rounded
from sirev.metrics.comparison.inputs import ComparisonSettings, RunMeasures
from sirev.metrics.families.measures import Measures
from sirev.store.digests import canonical_json
from tests.metrics.comparison.studies import diversity, draws, greedy, study

QUICK = ComparisonSettings(replicates=400)


@pytest.fixture
def by_hand() -> dict[str, Any]:
    """M_1 right on a and b of a..d, M_2 right on b and c; four draws each; M_1 says nothing readable to c."""
    levels = {"a": "1", "b": "1", "c": "5", "d": "5"}
    first = Measures(
        greedy=greedy({"a": 1, "b": 1, "c": 0, "d": 0}, levels, unanswered=("c",)),
        draws=draws(4, {"a": 4, "b": 2, "c": 1, "d": 0}),
        train=draws(4, {"x": 0, "y": 1}),
        families={"diversity": diversity(4, {"a": 4, "b": 2, "c": 1, "d": 0}, 0.5)},
        ood={"suite": greedy({"e": 1, "f": 1, "g": 1, "h": 0}, {"e": "1", "f": "1", "g": "2", "h": "2"})},
    )
    later = Measures(
        greedy=greedy({"a": 0, "b": 1, "c": 1, "d": 0}, levels),
        draws=draws(4, {"a": 3, "b": 4, "c": 4, "d": 0}),
        train=draws(4, {"x": 4, "y": 4}),
        families={"diversity": diversity(4, {"a": 3, "b": 4, "c": 4, "d": 0}, 0.25)},
        ood={"suite": greedy({"e": 1, "f": 0, "g": 0, "h": 0}, {"e": "1", "f": "1", "g": "2", "h": "2"})},
    )
    return compare([RunMeasures("sft", 0, {1: first, 2: later})], "math", None, QUICK)


def iteration(comparison: dict[str, Any], t: int, run: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = comparison["runs"][run]["iterations"][t - 1]
    return found


def test_pass_at_1_is_greedy_accuracy_with_an_exact_interval(by_hand: dict[str, Any]) -> None:
    found = iteration(by_hand, 1)["pass_at_1"]
    assert found["value"] == 0.5
    assert (found["low"], found["high"]) == pytest.approx((0.0676, 0.9324), abs=1e-4)  # Clopper-Pearson, 2 of 4
    assert iteration(by_hand, 1)["levels"]["1"]["value"] == 1.0
    assert by_hand["levels"] == ["1", "5"]


def test_pass_at_n_is_the_mean_of_unbiased_estimates(by_hand: dict[str, Any]) -> None:
    # a: 1; b: 1 - C(2,2)/C(4,2) = 5/6; c: 1 - C(3,2)/C(4,2) = 1/2; d: 0
    curve = iteration(by_hand, 1)["pass_at_n"]
    assert curve["2"]["value"] == pytest.approx((1 + 5 / 6 + 1 / 2) / 4)
    assert set(curve) == {"1", "2", "4"}
    assert by_hand["headline"] == 4


def test_the_improvement_set_stands_beside_its_controls(by_hand: dict[str, Any]) -> None:
    found = iteration(by_hand, 2)
    gained = found["improvement_set"]
    assert (gained["size"], found["lost_set"]["size"], gained["rest"]["size"]) == (1, 1, 1)  # c; a; d
    assert {k: s["value"] for k, s in gained["m1_pass_at_n"].items()} == {"2": 0.5, "4": 1.0}
    assert {k: s["value"] for k, s in gained["rest"]["m1_pass_at_n"].items()} == {"1": 0.0, "2": 0.0}
    # Of W = {c, d} luck gains one: c, 1 right draw of 4, oftener than d, which has none.
    luck, short = gained["reroll"]["2"], gained["shortfall"]["2"]
    assert 0.25 < luck["value"] < 0.5
    assert (luck["low"], luck["high"], luck["n"]) == (0.0, 0.5, 2)
    assert short["value"] == pytest.approx(luck["value"] - 0.5)
    assert short["low"] < short["value"] < gained["new"]["bound"] <= short["high"]
    assert gained["format"]["value"] == 1.0  # M_1 gave c no readable answer


def test_an_empty_set_is_none_with_its_reason(by_hand: dict[str, Any]) -> None:
    gained = iteration(by_hand, 1)["improvement_set"]
    assert gained["size"] == 0
    for found in (*gained["m1_pass_at_n"].values(), gained["format"]):
        assert found["value"] is None
        assert found["reason"] == "none: M_t gains no problem over M_1"
    assert iteration(by_hand, 1)["against_m1"] == {}


def test_coverage_has_two_readings_on_two_splits_and_no_advice_where_they_disagree(by_hand: dict[str, Any]) -> None:
    coverage = iteration(by_hand, 1)["coverage"]
    assert coverage["mass"]["test"]["value"] == pytest.approx(7 / 16)
    assert coverage["solved"]["test"]["value"] == 0.75
    assert coverage["mass"]["train"]["value"] == 0.125
    assert coverage["solved"]["train"]["value"] == 0.5
    assert by_hand["runs"][0]["advice"]["methods"] is None


def test_reach_counts_the_problems_that_one_of_both_never_solves(by_hand: dict[str, Any]) -> None:
    assert iteration(by_hand, 2)["reach"] == {"gained": 0, "lost": 0, "p": 1.0, "reason": None}


def test_group_disparity_is_between_easiest_and_hardest_level(by_hand: dict[str, Any]) -> None:
    suite = iteration(by_hand, 1)["ood"]["suite"]
    assert suite["accuracy"]["value"] == 0.75
    assert suite["group_disparity"]["value"] == pytest.approx((1.0 - 0.5) / 1.0)
    assert iteration(by_hand, 2)["ood"]["suite"]["group_disparity"]["value"] == 1.0


def test_the_split_of_the_loss_adds_up(by_hand: dict[str, Any]) -> None:
    found = iteration(by_hand, 2)["split"]["equations"]
    parts = found["composition"]["value"] + sum(part["value"] for part in found["narrowing"].values())
    assert found["change"]["value"] == pytest.approx(-0.25)
    assert parts == pytest.approx(found["change"]["value"], abs=1e-9)


def test_size_matched_values_need_thirty_problems(by_hand: dict[str, Any]) -> None:
    rests = by_hand["runs"][0]["matched"]["4"]["correct"]
    assert rests["problems"] == 0
    assert rests["reason"].startswith("0 problems have 4 correct answers")
    assert iteration(by_hand, 2)["against_m1"]["distinct"]["difference"]["reason"].startswith("0 problems have 8")


def test_what_was_not_measured_is_null_with_a_reason_and_no_verdict_rests_on_it() -> None:
    runs = [RunMeasures("samples", 0, {t: Measures(greedy({"a": 1, "b": t - 1}), None) for t in (1, 2)})]
    found = compare(runs, "math", None, QUICK)
    last = iteration(found, 2)
    assert last["pass_at_1"]["value"] == 1.0
    assert last["mean_accuracy"] == {"value": None, "low": None, "high": None, "n": 0, "reason": "no draws were given"}
    assert last["reach"]["reason"] == "no draws were given"
    assert last["coverage"]["mass"]["train"]["reason"] == "no draws on training problems"
    assert found["verdicts"][0]["verdict"] == "inconclusive"
    assert found["verdicts"][0]["outcomes"]["pass_at_n"]["is"] == "not measured"


def test_draws_alone_leave_pass_at_1_out() -> None:
    runs = [RunMeasures("samples", 0, {t: Measures(None, draws(4, {"a": t, "b": 2})) for t in (1, 2)})]
    last = iteration(compare(runs, "text", None, QUICK), 2)
    assert last["pass_at_1"]["reason"] == "no greedy answers were given"
    assert last["improvement_set"]["size"] is None
    assert last["mean_accuracy"]["value"] == 0.5


FROM_DRAWS = ComparisonSettings(replicates=400, from_draws=True)


def drawn(n: int, first: dict[str, int], later: dict[str, int], settings: ComparisonSettings = FROM_DRAWS) -> dict[str, Any]:
    """Two models of which draws alone are known, so many of them right."""
    models = {1: Measures(greedy=None, draws=draws(n, first)), 2: Measures(greedy=None, draws=draws(n, later))}
    return compare([RunMeasures("samples", 0, models)], "letters", None, settings)


def test_pass_at_1_is_estimated_from_draws_where_there_are_no_greedy_answers() -> None:
    problems = {f"p{i:03d}": i % 5 for i in range(200)}
    better = {name: min(8, right + 2) for name, right in problems.items()}
    found = drawn(8, problems, better)
    assert found["runs"][0]["pass_at_1_from"] == "mean of 8 draws"
    for t, right in ((1, problems), (2, better)):
        told = iteration(found, t)
        assert told["pass_at_1"]["value"] == pytest.approx(sum(right.values()) / 8 / 200)
        assert told["pass_at_1"] == told["mean_accuracy"] == told["pass_at_n"]["1"]
        assert told["pass_at_1"]["low"] < told["pass_at_1"]["value"] < told["pass_at_1"]["high"]
        assert told["levels"]["1"]["value"] == told["pass_at_1"]["value"]
    (verdict,) = found["verdicts"]
    outcome = verdict["outcomes"]["pass_at_1"]
    assert (outcome["is"], outcome["test"]) == ("up", "label swap, 400")
    assert outcome["difference"]["value"] == pytest.approx(0.25)
    assert verdict["verdict"] == "progress"
    assert "pass@1 (mean of 8 draws) rose; pass@N rose; " in verdict["reason"]


def test_what_needs_greedy_answers_says_so_where_there_are_draws_alone() -> None:
    found = iteration(drawn(4, {"a": 1, "b": 2}, {"a": 2, "b": 4}), 2)
    needs = "not measured: needs greedy answers"
    assert found["lost_set"] == {"size": None, "reason": needs}
    assert found["improvement_set"]["size"] is None
    assert {one["reason"] for one in found["improvement_set"]["m1_pass_at_n"].values()} == {needs}
    assert found["improvement_set"]["new"] == {"N": None, "p": None, "holm": None, "bound": None, "reason": needs}
    assert found["improvement_set"]["format"]["reason"] == needs


def test_models_that_are_alike_are_rarely_told_apart_by_their_draws() -> None:
    generator = np.random.default_rng(7)
    up = 0
    for _ in range(60):
        chances = generator.beta(0.5, 0.5, 60)
        right = [dict(zip(map(str, range(60)), map(int, generator.binomial(8, chances)), strict=True)) for _ in range(2)]
        (verdict,) = drawn(8, *right, ComparisonSettings(replicates=200, from_draws=True))["verdicts"]
        up += verdict["outcomes"]["pass_at_1"]["is"] in ("up", "down")
    assert up <= 6  # 5 % of 60 is 3, and Holm's correction makes it fewer


def test_comparisons_of_greedy_answers_know_nothing_of_that(by_hand: dict[str, Any]) -> None:
    assert "pass_at_1_from" not in by_hand["runs"][0]
    assert "reason" not in iteration(by_hand, 2)["lost_set"]


@pytest.mark.parametrize(("sizes", "said"), [((1, 1), "mean of 1 draw"), ((4, 8), "mean of 4 to 8 draws")])
def test_the_number_of_draws_behind_an_estimate_is_said(sizes: tuple[int, int], said: str) -> None:
    models = {t: Measures(greedy=None, draws=draws(n, {"a": 1, "b": 0})) for t, n in enumerate(sizes, 1)}
    found = compare([RunMeasures("samples", 0, models)], "letters", None, FROM_DRAWS)
    assert found["runs"][0]["pass_at_1_from"] == said


def test_steps_may_have_different_numbers_of_draws() -> None:
    runs = [RunMeasures("samples", 0, {1: Measures(None, draws(8, {"a": 3})), 2: Measures(None, draws(4, {"a": 2}))})]
    found = compare(runs, "text", None, QUICK)
    assert found["headline"] == 4
    assert set(iteration(found, 2)["pass_at_n"]) == {"1", "2", "4"}
    assert iteration(found, 2)["reach"]["reason"] == "M_1 and M_t have different numbers of draws"


def test_a_large_gain_with_a_fall_out_of_distribution_is_a_reversal() -> None:
    runs = study(np.random.default_rng(1), 800, later=0.15, ood=-0.15, distinct=(0.6, 0.3))
    found = compare(runs, "math", None, QUICK)
    (verdict,) = found["verdicts"]
    assert (verdict["verdict"], verdict["possible"], verdict["narrower"]) == ("reversal", ["reversal"], True)
    assert verdict["observations"]["variety"]["is"] == verdict["observations"]["other_problems"]["is"] == "FELL"
    assert verdict["observations"]["other_problems"]["decided"] == ["ood/suite"]
    assert verdict["outcomes"]["distinct"]["margin"] == pytest.approx(0.06)
    assert verdict["null"] == "no null run"


def test_a_claim_needs_three_seeds() -> None:
    rng = np.random.default_rng(2)
    two, three = (compare(study(rng, 500, later=0.2, ood=0.2, seeds=range(n)), "math", None, QUICK) for n in (2, 3))
    assert two["methods"][0]["claim"] is None
    assert three["methods"][0]["claim"] == "progress"
    mean = three["methods"][0]["mean"]["pass_at_1"]
    values = [iteration(three, 2, run)["against_m1"]["pass_at_1"]["difference"]["value"] for run in range(3)]
    assert mean["difference"]["value"] == pytest.approx(np.mean(values))
    half = 4.302652729911275 * np.std(values, ddof=1) / math.sqrt(3)  # t with 2 degrees of freedom
    assert mean["seeds"]["high"] - mean["seeds"]["value"] == pytest.approx(half)


def test_null_runs_give_the_floor_of_noise_and_no_verdict() -> None:
    rng = np.random.default_rng(3)
    (run,) = study(rng, 200, later=0.1)
    again = dict(enumerate([run.models[1], *(s.models[2] for s in study(rng, 200) + study(rng, 200))], 1))
    found = compare([run, RunMeasures("null-retrain", 0, again)], "math", None, QUICK)
    assert len(found["verdicts"]) == 1
    assert found["verdicts"][0]["null"] == "retrain"
    assert len(found["verdicts"][0]["noise"]["gained"]) == 2
    assert all(size > 0 for size in found["verdicts"][0]["noise"]["gained"])


def test_holm_is_over_the_methods_of_a_seed() -> None:
    alone, beside = (
        compare(study(np.random.default_rng(4), 300, later=0.05, methods=methods), "math", None, QUICK)["verdicts"][0]["outcomes"]
        for methods in (("sft",), ("sft", "dpo"))
    )
    alone, beside = alone["pass_at_1"], beside["pass_at_1"]
    assert alone["p"] == beside["p"]
    assert beside["holm"] >= alone["holm"]


def test_the_same_measures_give_the_same_bytes() -> None:
    once, again = (canonical_json(compare(study(np.random.default_rng(5), 60), "math", 0.2, QUICK)) for _ in range(2))
    assert once == again
    assert b"NaN" not in once
    json.loads(once)


def test_no_number_is_what_json_has_no_word_for() -> None:
    assert rounded({"a": [math.nan, math.inf, 1 / 3]}) == {"a": [None, None, 0.3333333333]}


def test_a_seed_that_ended_at_m1_counts_against_a_claim() -> None:
    rng = np.random.default_rng(6)
    runs = study(rng, 500, later=0.2, ood=0.2, seeds=range(4))
    ended = RunMeasures("sft", 4, {1: runs[0].models[1]})
    for order in ([ended, *runs], [*runs, ended]):
        (claim,) = compare(order, "math", None, QUICK)["methods"]
        assert claim["claim"] is None
        assert sorted(claim["verdicts"]) == ["no verdict", *["progress"] * 4]
        assert claim["mean"]["pass_at_1"]["difference"]["value"] > 0


def test_no_interval_has_no_width_where_little_was_seen() -> None:
    alike = {t: Measures(greedy({"a": 1, "b": 0, "c": 1}), draws(4, {"a": 2, "b": 2, "c": 2})) for t in (1, 2)}
    last = iteration(compare([RunMeasures("samples", 0, alike)], "text", None, QUICK), 2)
    difference = last["against_m1"]["pass_at_1"]["difference"]
    assert difference["value"] == 0
    assert difference["low"] < -0.5 < 0.5 < difference["high"]  # three problems show next to nothing
    lone = {t: Measures(None, draws(4, {"a": 2})) for t in (1, 2)}
    found = iteration(compare([RunMeasures("samples", 0, lone)], "text", None, QUICK), 1)["pass_at_n"]["2"]
    assert (found["low"], found["high"]) == (None, None)


@pytest.mark.parametrize(("unread", "is_measured"), [((0.1, 0.15), True), ((0.1, 0.5), False), ((0.5, 0.1), False)])
def test_where_too_few_equations_are_read_their_diversity_is_not_measured(unread: tuple[float, float], is_measured: bool) -> None:
    runs = study(np.random.default_rng(3), 120, distinct=(0.7, 0.3), unread=unread)
    found = compare(runs, "math", None, QUICK)
    last = iteration(found, 2)
    correct = last["diversity"]["correct"]
    assert correct["unread"]["equations"]["value"] == pytest.approx(unread[1], abs=0.03)
    assert (correct["distinct_equations"]["value"] is not None) == (unread[1] <= 0.2)
    assert (correct["matched"]["8"]["distinct_equations"]["value"] is not None) == (unread[1] <= 0.2)
    assert correct["distinct_n"]["mean"]["value"] is not None
    variety = found["verdicts"][0]["outcomes"]["distinct"]
    assert (variety["is"] == "not measured") != is_measured
    assert (last["split"]["equations"]["change"]["value"] is not None) == is_measured
    assert (last["split"]["texts"]["change"]["value"]) is not None
    if not is_measured:
        assert "of the correct answers hold no equation" in variety["difference"]["reason"]
        assert "the variety of right answers was not measured (" in found["verdicts"][0]["reason"]


def test_measures_from_before_the_unread_were_counted_are_taken_as_they_are() -> None:
    runs = study(np.random.default_rng(3), 120)
    for run in runs:
        for model in run.models.values():
            for row in model.families["diversity"]:
                for group in ("all", "correct", "incorrect"):
                    del row[group]["unread"]
    found = iteration(compare(runs, "math", None, QUICK), 2)["diversity"]["correct"]
    assert found["distinct_equations"]["value"] is not None
    assert found["unread"]["equations"] == {"value": None, "low": None, "high": None, "n": 0, "reason": "not counted"}
