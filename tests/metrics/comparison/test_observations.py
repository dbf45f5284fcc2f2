from __future__ import annotations

from typing import Any

import pytest

from sirev.metrics.comparison.observations import counted, new_or_selected, observations, observed, over_seeds

NUMBER = {"value": 0.8, "low": 0.7, "high": 0.9, "n": 10, "reason": None}


def outcome(found: str, why: str | None = None) -> Any:
    return {"is": found, "difference": {"value": None if why else 0.0, "reason": why}}


def gained(p: float | None = 0.5, holm: float | None = 0.5, bound: float | None = 0.01) -> Any:
    return {
        "size": 10,
        "m1_pass_at_n": {"2": NUMBER, "8": {**NUMBER, "value": 0.9}},
        "reroll": {"8": NUMBER},
        "shortfall": {"8": NUMBER},
        "new": {"N": 8, "p": p, "holm": holm, "bound": bound, "reason": None if p is not None else "no draws"},
    }


@pytest.mark.parametrize(
    ("holm", "bound", "expected"),
    [
        (0.05, 0.2, "NEW"),
        (0.05, 0.01, "SELECTED"),  # significant, and too little to matter
        (0.051, 0.049, "SELECTED"),
        (0.9, 0.05, "OPEN"),
        (0.9, None, "OPEN"),
        (None, 0.01, "SELECTED"),
    ],
)
def test_both_new_and_selected_need_proof(holm: float | None, bound: float | None, expected: str) -> None:
    assert new_or_selected(gained(0.01, holm, bound), 0.05)["is"] == expected


def test_new_or_selected_is_not_measured_without_its_test() -> None:
    found = new_or_selected(gained(None, None, None), 0.05)
    assert (found["is"], found["reason"]) == ("not measured", "no draws")


def test_what_m1_solves_of_the_set_is_said_at_the_largest_n() -> None:
    found = new_or_selected(gained(), 0.05)
    assert (found["largest"], found["solved"]["value"], found["m1_pass_at_n"]["value"]) == (8, 0.9, 0.9)


@pytest.mark.parametrize(
    ("results", "expected", "decided"),
    [
        (("up", "down"), "FELL", ["ood/b"]),
        (("up", "open"), "OPEN", ["ood/b"]),
        (("up", "held"), "ROSE", ["ood/a"]),
        (("held", "held"), "HELD", ["ood/a", "ood/b"]),
        (("held", "not measured"), "HELD", ["ood/a"]),
    ],
)
def test_the_worst_of_several_outcomes_decides(results: tuple[str, str], expected: str, decided: list[str]) -> None:
    found = observed({name: outcome(one) for name, one in zip(("ood/a", "ood/b"), results, strict=True)}, "none")
    assert (found["is"], found["decided"]) == (expected, decided)


def test_what_is_not_measured_has_its_reason() -> None:
    assert observed({}, "no suite")["reason"] == "no suite"
    assert observed({"ood/a": outcome("not measured", "no answers")}, "no suite")["reason"] == "no answers"


def test_observations_are_counted_as_the_paper_has_them() -> None:
    outcomes = {"pass_at_n": outcome("down"), "distinct": outcome("down"), "ood/a": outcome("held")}
    found = observations(outcomes, gained(), 0.05)
    assert found["reach"]["is"] == "FELL"  # beside the three
    assert counted(found) == (2, 3)
    assert counted(observations({}, gained(None, None, None), 0.05)) == (0, 0)


def test_over_seeds_selected_needs_all_and_new_one_after_correction() -> None:
    def seed(holm: float, bound: float) -> Any:
        return new_or_selected(gained(0.01, holm, bound), 0.05)

    def pooled(*seeds: Any) -> Any:
        return over_seeds(seeds)

    assert pooled(*[seed(0.9, 0.01)] * 3)["is"] == "SELECTED"
    assert pooled(seed(0.9, 0.01), seed(0.9, 0.01), seed(0.9, 0.2))["is"] == "OPEN"
    assert pooled(seed(0.016, 0.2), seed(0.9, 0.01), seed(0.9, 0.01))["is"] == "NEW"
    assert pooled(seed(0.02, 0.2), seed(0.9, 0.01), seed(0.9, 0.01))["is"] == "OPEN"  # 3 x 0.02
    assert pooled(seed(0.9, 0.01), new_or_selected(gained(None, None, None), 0.05)) is None
    assert over_seeds([]) is None
