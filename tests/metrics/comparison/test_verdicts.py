from __future__ import annotations

from typing import Any

import pytest

from sirev.metrics.comparison.inputs import ComparisonSettings
from sirev.metrics.comparison.verdicts import corrected

SETTINGS = ComparisonSettings()


def change(p: float | None, value: float = 0.0, low: float = -0.2, base: float = 0.5, widening: float | None = 1.0) -> Any:
    return {
        "difference": {"value": value},
        "within": [low, 2 * value - low],
        "p": p,
        "base": base,
        "widening": widening,
    }


def reach(gained: int, lost: int, p: float) -> Any:
    return {"pass_at_n": {"gained": gained, "lost": lost, "p": p, "reason": None}}


def test_pass_at_1_is_corrected_over_methods_and_guards_over_guards_and_methods() -> None:
    method = {"pass_at_1": change(0.02), "pass_at_n": change(0.01), "ood/x": change(0.4), "distinct": change(0.001)}
    found = corrected({"sft": method, "dpo": {**method, "pass_at_1": change(0.5)}}, {}, SETTINGS)
    assert found["sft"]["pass_at_1"]["holm"] == 0.04
    assert found["sft"]["distinct"]["holm"] == pytest.approx(0.006)  # the smallest of six
    assert found["dpo"]["pass_at_n"]["holm"] == pytest.approx(0.04)


def test_only_a_reach_that_shrank_is_tested_and_only_then_weighs_on_the_others() -> None:
    method = {"pass_at_1": change(0.5), "pass_at_n": change(0.04, value=-0.005, low=-0.009)}
    grew, shrank = (
        corrected({"sft": method}, {"sft": reach(*n, p=0.01)}, SETTINGS)["sft"]["pass_at_n"] for n in ((9, 1), (1, 9))
    )
    assert (grew["shrank"], grew["holm"], grew["is"]) == (None, 0.04, "held")
    assert (shrank["shrank"], shrank["holm"], shrank["is"]) == (0.02, 0.04, "down")


def test_mean_accuracy_is_no_outcome_of_a_verdict() -> None:
    found = corrected({"sft": {"pass_at_1": change(0.5), "mean_accuracy": change(0.001)}}, {}, SETTINGS)
    assert list(found["sft"]) == ["pass_at_1"]


@pytest.mark.parametrize(("base", "margin"), [(0.5, 0.03), (0.92, 0.02), (0.987, 0.01)])
def test_the_margin_of_pass_at_n_is_smaller_near_the_ceiling(base: float, margin: float) -> None:
    method = {name: change(0.5, base=base) for name in ("pass_at_1", "pass_at_n", "ood/x", "ood_pass_at_n/x", "distinct")}
    found = corrected({"sft": method}, {}, SETTINGS)["sft"]
    assert [found[name]["margin"] for name in ("pass_at_n", "ood_pass_at_n/x")] == pytest.approx([margin] * 2)
    assert [found[name]["margin"] for name in ("pass_at_1", "ood/x")] == [0.03] * 2
    assert found["distinct"]["margin"] == pytest.approx(0.1 * base)


def test_the_error_of_a_relative_margin_is_taken_in() -> None:
    def of(base: float, widening: float | None) -> Any:
        one = change(0.5, value=-0.004, low=-0.019, base=base, widening=widening)
        return corrected({"sft": {"pass_at_n": one}}, {}, SETTINGS)["sft"]["pass_at_n"]

    assert (of(0.92, 1.0)["bound"], of(0.92, 1.0)["is"]) == (pytest.approx(-0.019), "held")
    assert (of(0.92, 1.2)["bound"], of(0.92, 1.2)["is"]) == (pytest.approx(-0.022), "open")
    assert of(0.5, 1.2)["bound"] == pytest.approx(-0.019)  # 3 points are no estimate
    assert of(0.92, None)["bound"] == pytest.approx(-0.019)
