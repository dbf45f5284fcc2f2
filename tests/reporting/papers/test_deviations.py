from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from sirev.recipe import METHODS
from sirev.reporting.papers.account import account_of
from sirev.reporting.papers.deviations import deviations
from tests.reporting.papers.recorded_studies import recorded

AS_IN_THE_PAPER = ["training.parameters=full", "training.lora=null", "evaluation.draws.n=50"]


def named(folder: Path, *overrides: str, recipe: str = "mistral_gsm8k", methods: Sequence[str] = METHODS) -> set[str]:
    suites = ["math_algebra"] if recipe == "mistral_gsm8k" else ["humaneval"]
    study, store = recorded(folder, recipe, [*AS_IN_THE_PAPER, *overrides], methods=methods, suites=suites)
    return {what for what, *_ in deviations(account_of(study, store))}


def test_a_run_with_the_papers_settings_differs_in_the_model_that_is_reported_alone(tmp_path: Path) -> None:
    assert named(tmp_path) == {"reported model"}


@pytest.mark.parametrize(
    ("override", "what"),
    [
        ("T=3", "T"),
        ("sampling.temperature=1.0", "sampling.temperature"),
        ("training.sft.select.unique=true", "training.sft.select.unique"),
        ("schedule=[sft, dpo]", "schedule"),
        ("init_from=base", "init_from"),
        ("training.dpo.nll_weight=1", "training.dpo.nll_weight"),
        ("task.limit.test=100", "task.limit.test"),
    ],
)
def test_what_differs_is_named(tmp_path: Path, override: str, what: str) -> None:
    assert named(tmp_path, override) == {what, "reported model"}


def test_what_no_method_reads_does_not_differ(tmp_path: Path) -> None:
    asked = ("training.sft.select.unique=true", "schedule=[sft, dpo]")
    assert named(tmp_path, *asked, methods=["dpo"]) == {"methods", "reported model"}


def test_suites_and_pairs_that_the_paper_lacks_are_named(tmp_path: Path) -> None:
    assert "other problems (OOD)" in named(tmp_path / "a", recipe="mistral_mbpp")
    assert "model and task" in named(tmp_path / "b", "model.name=org/own", "model.revision=null", recipe="mbpp")
