from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from sirev.metrics.comparison.compare import compare
from sirev.metrics.comparison.inputs import ComparisonSettings, RunMeasures
from tests.metrics.comparison.studies import study
from tests.metrics.simulated_studies import ALGEBRA, GSM8K, MBPP, Truth, claimed, effect, shifted

SETTINGS = ComparisonSettings(replicates=200, diversity_counts=False)


def of_seeds(*shifts: float, problems: int = 400, retrained: tuple[float, ...] = ()) -> list[RunMeasures]:
    """Seeds of one method that raise the chance of a right answer by so much, and M_1 trained again."""
    runs = []
    for seed, shift in enumerate(shifts):
        runs += study(np.random.default_rng(seed), problems, 8, later=shift, seeds=(seed,))
    for seed, shift in enumerate(retrained):
        runs += study(np.random.default_rng(50 + seed), problems, 8, later=shift, methods=("null-retrain",), seeds=(seed,))
    return runs


def claim_on(runs: list[RunMeasures]) -> Any:
    (found,) = compare(runs, "math", None, SETTINGS)["methods"]
    return found


def test_a_claim_needs_three_seeds() -> None:
    found = claim_on(of_seeds(0.3, 0.3))
    assert (found["claim"], found["reason"]) == (None, "2 seeds of the 3 that a claim needs")
    assert found["mean"]["pass_at_1"]["is"] == "up"


def test_a_claim_rests_on_pooled_changes_not_on_the_verdicts_of_seeds() -> None:
    found = claim_on(of_seeds(0.09, 0.1, 0.11))
    assert found["claim"] == "progress"
    assert found["mean"]["pass_at_1"]["seeds"]["n"] == 3


def test_a_change_that_seeds_do_not_agree_on_is_not_claimed() -> None:
    found = claim_on(of_seeds(0.3, 0.02, 0.0))
    over = found["mean"]["pass_at_1"]
    assert over["p"] < 0.02  # the problems alone say that it rose
    assert over["is"] != "up"
    assert found["claim"] is None
    assert "progress" in found["possible"]


def test_what_the_seeds_reach_is_not_excluded() -> None:
    found = claim_on(of_seeds(0.15, 0.0, -0.15, problems=1_200))
    over = found["mean"]["pass_at_1"]
    assert abs(over["difference"]["value"]) < 0.03
    assert over["is"] == "open"
    assert over["within"][0] == over["bound"] < -0.03  # the interval over problems alone lies within 3 points
    assert over["within"][1] > 0.03
    assert {"progress", "no change", "regress"} <= set(found["possible"])


def test_a_change_within_the_noise_of_training_is_not_claimed() -> None:
    found = claim_on(of_seeds(0.1, 0.1, 0.1, retrained=(0.2,)))
    over = found["mean"]["pass_at_1"]
    assert over["seeds"]["low"] > 0
    assert over["noise"] > over["difference"]["value"]
    assert (found["claim"], found["possible"]) == (None, ["progress", "no change"])


def test_seeds_confirm_a_rise_after_correction_over_methods() -> None:
    alone = of_seeds(0.16, 0.1, 0.12)  # over seeds p is 0.028
    beside = [*alone, *[replace(run, method="dpo") for run in alone]]

    def pass_at_1(runs: list[RunMeasures]) -> list[str]:
        return [one["mean"]["pass_at_1"]["is"] for one in compare(runs, "math", None, SETTINGS)["methods"]]

    assert pass_at_1(alone) == ["up"]
    assert pass_at_1(beside) == ["held", "held"]


# Thresholds leave two standard deviations of the binomial.


def test_a_change_is_rarely_claimed_where_none_is_on_average() -> None:
    studies = [claimed(seed, MBPP, [Truth(shifted(MBPP, 0.0, 0.02))] * 3) for seed in range(20)]
    assert sum(any(one.claim not in (None, "no change") for one in study) for study in studies) <= 3


def test_the_paper_s_progress_by_dpo_is_claimed() -> None:
    method = Truth(effect(GSM8K, 0.092, 0.0, 0.01), shifted(ALGEBRA, 0.025, 0.01))
    studies = [claimed(seed, GSM8K, [method])[0] for seed in range(10)]
    assert sum(one.claim == "progress" for one in studies) >= 8
