"""The procedural tasks of reasoning-gym (Stojanovski et al. 2025, arXiv 2505.24760), by name and difficulty.

The class serves a recipe's task `python`. A problem's level is its difficulty, the level of the task's curriculum, from 0.
`sirev.grading.reasoning_gym` grades the answers.
"""

from __future__ import annotations

import ast
import inspect
import json
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from importlib import import_module
from itertools import islice
from typing import Any

from sirev.suggest import suggest

_EVALUATE = {"eval", "exec", "parse_expr", "sympify"}
"""Functions that run a text as Python."""
_OF_THEIR_OWN = {"reasoning_gym.code.codeio", "reasoning_gym.logic.propositional_logic"}
"""Modules that evaluate only texts of their own, to generate problems, or that only have a function of such a name."""
_ASKED = "{question}\n\nThink step by step. Write 'Answer:' before your final answer, and nothing behind it.\nSolution:\n"
_SEEDS = {"test": 0, "train": 1}
"""Offset of a split's seed."""
_TRIES = 20
"""Problems generated per wanted one before the different ones count as exhausted."""


class ReasoningGym:
    """Problems of one of reasoning-gym's tasks; training and test problems share no question."""

    def __init__(self, dataset: str, difficulty: Sequence[int] = (0,), train: int = 1000, test: int = 200, seed: int = 0) -> None:
        self.factory = _factory()
        known = sorted(self.factory.CURRICULA)
        if dataset not in known:
            raise ValueError(f"dataset: reasoning-gym has no task {dataset!r} with levels of difficulty{suggest(dataset, known)}")
        refuse_evaluating(dataset)
        if not isinstance(difficulty, list | tuple) or not difficulty or not all(map(_is_whole, difficulty)):
            raise ValueError(f"difficulty: {difficulty!r} is not allowed: a list of whole numbers from 0")
        attributes = self.factory.create_curriculum(dataset).attributes.values()
        highest = max(len(attribute.levels) for attribute in attributes) - 1  # higher levels are no harder
        if max(difficulty) > highest:
            raise ValueError(f"difficulty: {max(difficulty)} is not allowed: {dataset} has levels from 0 to {highest}")
        for name, number in (("train", train), ("test", test), ("seed", seed)):
            if not _is_whole(number):
                raise ValueError(f"{name}: {number!r} is not allowed: a whole number from 0")
        self.dataset, self.difficulty, self.seed = dataset, tuple(difficulty), seed
        self.counts = {"train": train, "test": test}

    def problems(self, split: str) -> list[dict[str, str]]:
        """The problems of a split, spread over the difficulties: rows of id, prompt, target, answer and level.

        The answer is JSON with the task's name and the entry for its scorer.
        """
        seen = {row["question"] for _, row in self._entries("test", set())} if split == "train" else set()
        return [
            {
                "id": f"{split}-{self.dataset}-{level}-{number:05d}",
                "prompt": _ASKED.format(question=entry["question"]),
                "target": f"Answer: {entry['answer']}",
                "answer": json.dumps({"dataset": self.dataset, "entry": entry}),
                "level": str(level),
            }
            for number, (level, entry) in enumerate(self._entries(split, seen))
        ]

    def _entries(self, split: str, seen: set[str]) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yield level and entry of each problem of a split; no question is in `seen`, to which each is added."""
        for place, level in enumerate(self.difficulty):
            wanted = self.counts[split] // len(self.difficulty) + (place < self.counts[split] % len(self.difficulty))
            curriculum = self.factory.create_curriculum(self.dataset)
            curriculum.set_global_level(level)
            numbers = {"seed": 2 * self.seed + _SEEDS[split], "size": max(1, _TRIES * wanted)}
            made, _ = self.factory.DATASETS[self.dataset]
            entries = made(curriculum.generate_configuration(numbers))
            found = (entry for i in range(len(entries)) if _is_usable(entry := entries[i], entries, seen))
            taken = list(islice(found, wanted))
            if len(taken) < wanted:
                raise ValueError(f"{self.dataset}, difficulty {level}: {len(taken)} different problems for {split}, not {wanted}")
            yield from ((level, entry) for entry in taken)


def _is_usable(entry: dict[str, Any], entries: Any, seen: set[str]) -> bool:
    """Whether a question is new, and the entry's own answer gets the full score after a round trip through JSON."""
    if entry["question"] in seen:
        return False
    seen.add(entry["question"])
    try:
        return isinstance(entry["answer"], str) and entries.score_answer(entry["answer"], json.loads(json.dumps(entry))) >= 1
    except (TypeError, ValueError):  # from values that JSON can't hold, and from scorers that need tuples
        return False


def refuse_evaluating(dataset: str) -> None:
    """Raise ValueError for a task whose scorer passes texts to `eval`: an answer, or a problem from an untrusted store, could run
    any program."""
    if evaluates(dataset):
        raise ValueError(f"dataset: reasoning-gym's scorer of {dataset!r} runs answers as Python; sirev does not use it")


@cache
def evaluates(dataset: str) -> bool:
    """Whether a module of a task's scorer calls a function that runs a text as Python; ValueError for an unknown task."""
    known = _factory().DATASETS
    if dataset not in known:
        raise ValueError(f"dataset: reasoning-gym has no task {dataset!r}{suggest(dataset, sorted(known))}")
    made, _ = known[dataset]
    modules = {kind.__module__ for kind in made.__mro__ if "score_answer" in vars(kind)} - _OF_THEIR_OWN
    return any(_calls_evaluation(inspect.getsource(sys.modules[module])) for module in modules)


def _calls_evaluation(code: str) -> bool:
    called = [node.func for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]
    names = {
        func.id if isinstance(func, ast.Name) else func.attr for func in called if isinstance(func, ast.Name | ast.Attribute)
    }
    return not names.isdisjoint(_EVALUATE)


def _is_whole(number: object) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and number >= 0


def _factory() -> Any:
    try:
        return import_module("reasoning_gym.factory")
    except ImportError as error:
        raise ImportError(f"reasoning-gym is not installed, or not whole ({error}): pip install reasoning-gym") from None
