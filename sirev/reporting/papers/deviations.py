"""Deviations of a study's settings from those stated in arXiv 2407.05013. sirev does not know its other settings."""

from __future__ import annotations

import json
from typing import Any

from sirev.reporting.facts import model_in_words, task_in_words
from sirev.reporting.papers.account import Account
from sirev.reporting.published import published
from sirev.reporting.recorded_values import at_path
from sirev.training_kinds import IN_TURN, KINDS, METHODS

_STATED: dict[str, Any] = {
    "T": 5,
    "init_from": "previous",
    "schedule": [*IN_TURN],
    "sampling.n": 50,
    "sampling.temperature": 0.75,
    "sampling.top_p": 0.95,
    "sampling.problems": None,
    "training.parameters": "full",
    "training.sft.select.unique": False,
    "training.sft.select.max_per_problem": None,
    "training.dpo.nll_weight": 0.0,
    "task.limit.train": None,
    "task.limit.test": None,
    "evaluation.split": "test",
    "evaluation.draws.n": 50,
    "evaluation.draws.temperature": 0.75,
    "evaluation.draws.top_p": 0.95,
}
"""Setting -> value in the paper. The order of SFT-DPO is read off its figures."""
_SUITE = ("gsm8k", "math_algebra")
"""(task, suite): the paper's only suite of other problems, and the task that it belongs to."""
NOT_KNOWN = (
    "Prompts, learning rates, epochs, batch sizes, DPO's beta and pairs per problem of the paper are not known to sirev. "
    "Those of this study stand under Hyper-parameters and were not compared."
)


def deviations(account: Account) -> list[tuple[str, str, str]]:
    """(setting, paper's value, this study's value) for each difference; [] for models trained elsewhere."""
    if not account.trained:
        return []
    found = []
    if published(account.recipe, account.settings) is None:
        here = f"{model_in_words(account.settings)} on {task_in_words(account.settings)}"
        found.append(("model and task", "Llama 2 7B, Mistral 7B or Llama 3 8B on CommonsenseQA, GSM8K, MATH or MBPP", here))
    methods = list(account.seeds())
    if missing := [method for method in METHODS if method not in methods]:
        found.append(("methods", ", ".join(METHODS), f"without {', '.join(missing)}"))
    for path, stated in _STATED.items():
        if _applies(account, path) and (here := _value(account, path)) != stated:
            found.append((path, _shown(stated), _shown(here)))
    task, suites = account.get("task", "name"), list(account.study.get("suites") or [])
    expected = [_SUITE[1]] if task == _SUITE[0] else []
    if suites != expected:
        found.append(("other problems (OOD)", ", ".join(expected) or "none for this task", ", ".join(suites) or "none"))
    found.append(("reported model", "the best M_t over t", "M_T, for every method"))
    return found


def _applies(account: Account, path: str) -> bool:
    """Whether any of the methods reads a setting."""
    methods = account.seeds()
    if path == "schedule":
        return "sft-dpo" in methods
    kind = next((kind for kind in KINDS if path.startswith(f"training.{kind}.")), None)
    return kind is None or any(kind in account.kinds(method) for method in methods)


def _value(account: Account, path: str) -> Any:
    value = at_path(account.settings, *path.split("."))
    return [*IN_TURN] if path == "schedule" and value is None else value


def _shown(value: Any) -> str:
    return "all" if value is None else value if isinstance(value, str) else json.dumps(value)
