from __future__ import annotations

from typing import Any

from sirev.reporting.selection import settings_apart, short_names
from sirev.store.runs import Run


def study(settings: dict[str, Any]) -> list[Run]:
    return [Run("mine-sft-s0", "mine", "sft", 0, 1, settings, "2026")]


def test_a_recipe_that_is_called_like_a_comparison_of_completions_is_told_from_it() -> None:
    """As a recipe of the user's own can be; `measure` itself takes no recipe's name."""
    studies = [study({"T": 3}), study({"samples": {"file M1": {}}, "steps": ["M1"]}), study({"T": 2})]
    assert settings_apart(studies) == ["by sirev iterate T=3", "by sirev measure", "by sirev iterate T=2"]
    assert settings_apart(studies[1:]) == ["by sirev measure", "by sirev iterate"]
    assert settings_apart([studies[0], studies[2]]) == ["T=3", "T=2"]


def test_settings_go_by_their_last_part_unless_that_says_too_little_or_another_ends_alike() -> None:
    assert short_names(["training.dpo.beta", "training.sft.epochs"]) == ["dpo.beta", "epochs"]
    alike = ["training.sft.learning_rate", "training.dpo.learning_rate"]
    assert short_names(alike) == alike
