from __future__ import annotations

import importlib
import sys
from pathlib import Path

import pytest

from sirev.errors import BadInput
from sirev.tasks.core.python import problems
from sirev.tasks.reasoning_gym import evaluates, refuse_evaluating
from sirev.tasks.task import Problems

EVALUATING = {
    *("bitwise_arithmetic", "number_sorting"),  # what a problem says
    *("binary_matrix", "countdown", "intermediate_integration", "n_queens", "polynomial_multiplication", "puzzle24"),
    *("simple_integration", "spiral_matrix", "string_insertion"),
}
"""Tasks of reasoning-gym 0.1 whose scorers evaluate."""
LATER = """
from reasoning_gym.factory import ProceduralDataset

class Later(ProceduralDataset):
    def score_answer(self, answer, entry):
        return float(eval(answer) == entry["answer"])

class Heir(Later):
    pass
"""
CLASS = "sirev.tasks.reasoning_gym:ReasoningGym"
SIZES = {"train": 30, "test": 12}


def made(split: str = "test", **options: object) -> Problems:
    pytest.importorskip("reasoning_gym", reason="some of its dependencies have no wheels: pip install reasoning-gym")
    return problems(CLASS, split, {"dataset": "chain_sum", **SIZES, **options})


def test_difficulty_is_the_level_and_problems_are_spread_over_it() -> None:
    levels = [one["level"] for one in made(difficulty=[0, 2])]
    assert levels == ["0"] * 6 + ["2"] * 6
    assert len(made("train", difficulty=[0, 1, 2])) == 30


def test_no_question_comes_twice_nor_in_both_splits() -> None:
    prompts = [one["prompt"] for split in ("train", "test") for one in made(split, difficulty=[0, 1])]
    assert len({*prompts}) == len(prompts) == 42


def test_the_same_options_make_the_same_problems_and_another_seed_others() -> None:
    assert made() == made()
    assert made(seed=1) != made()


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"dataset": "chain_sums"}, "no task 'chain_sums' with levels of difficulty; did you mean 'chain_sum'"),
        ({"difficulty": [-1]}, "difficulty: .-1. is not allowed"),
        ({"difficulty": [99]}, "difficulty: 99 is not allowed: chain_sum has levels from 0 to"),
        ({"difficulty": 3}, "difficulty: 3 is not allowed: a list of whole numbers from 0"),
        ({"difficulty": "0"}, "difficulty: '0' is not allowed"),
        ({"test": -5}, "test: -5 is not allowed: a whole number from 0"),
        ({"train": 1.5}, "train: 1.5 is not allowed"),
        ({"seed": "x"}, "seed: 'x' is not allowed"),
        ({"dataset": "countdown"}, "reasoning-gym's scorer of 'countdown' runs answers as Python"),
        ({"test": 2000}, "different problems for test, not 2000"),
    ],
)
def test_what_can_not_be_made_is_a_line(options: dict[str, object], line: str) -> None:
    with pytest.raises(BadInput, match=line):
        made(**options)


def test_tasks_whose_scorers_evaluate_are_found_and_no_others() -> None:
    factory = pytest.importorskip("reasoning_gym.factory", reason="some of its dependencies have no wheels")
    assert {name for name in factory.DATASETS if evaluates(name)} == EVALUATING


@pytest.mark.parametrize("kind", ["Later", "Heir"])
def test_a_task_of_a_later_release_is_refused_if_its_scorer_evaluates(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    factory = pytest.importorskip("reasoning_gym.factory", reason="some of its dependencies have no wheels")
    (tmp_path / "later_release.py").write_text(LATER)
    monkeypatch.syspath_prepend(tmp_path)
    module = importlib.import_module("later_release")
    monkeypatch.setitem(factory.DATASETS, f"later_{kind}", (getattr(module, kind), object))
    with pytest.raises(ValueError, match=f"scorer of 'later_{kind}' runs answers as Python"):
        refuse_evaluating(f"later_{kind}")


def test_where_it_is_missing_its_command_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "reasoning_gym", None)
    monkeypatch.setitem(sys.modules, "reasoning_gym.factory", None)
    with pytest.raises(BadInput, match="pip install reasoning-gym"):
        problems(CLASS, "test", {"dataset": "chain_sum"})
