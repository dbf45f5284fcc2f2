"""sirev: did a self-improving language model make progress or regress?

`load_recipe`, `iterate`, `measure`, `plan`, `regrade`, `report`, `why` and `Store` do everything that the command line does;
`answers` gives the graded answers of a run. Where a list is expected, a single value will do: `seeds=0`, `methods="sft"`. In a
notebook progress is shown unless a listener is passed.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sirev.errors import BadInput, SirevError, StageFailed
    from sirev.recipe import Recipe, load_recipe, recipe_names
    from sirev.reporting.summary import Report, report
    from sirev.store.store import Store
    from sirev.study.answers import Answers, answers
    from sirev.study.explanation import Why
    from sirev.study.invocation import RunResult, iterate, plan
    from sirev.study.planner import Plan
    from sirev.study.regrading import Regrading, regrade
    from sirev.study.samples import MeasuredRun, measure
    from sirev.study.why import why

__version__ = "0.1.0"

_HOMES = {
    "BadInput": "sirev.errors",
    "SirevError": "sirev.errors",
    "StageFailed": "sirev.errors",
    "Recipe": "sirev.recipe",
    "load_recipe": "sirev.recipe",
    "recipe_names": "sirev.recipe",
    "Report": "sirev.reporting.summary",
    "report": "sirev.reporting.summary",
    "Store": "sirev.store.store",
    "Answers": "sirev.study.answers",
    "answers": "sirev.study.answers",
    "Plan": "sirev.study.planner",
    "RunResult": "sirev.study.invocation",
    "iterate": "sirev.study.invocation",
    "plan": "sirev.study.invocation",
    "Regrading": "sirev.study.regrading",
    "regrade": "sirev.study.regrading",
    "Why": "sirev.study.explanation",
    "why": "sirev.study.why",
    "MeasuredRun": "sirev.study.samples",
    "measure": "sirev.study.samples",
}

_BY_HAND = ("iterate", "measure", "plan", "regrade", "report", "why")
"""Functions that `sirev.front` makes easier to call."""

__all__ = [
    "Answers",
    "BadInput",
    "MeasuredRun",
    "Plan",
    "Recipe",
    "Regrading",
    "Report",
    "RunResult",
    "SirevError",
    "StageFailed",
    "Store",
    "Why",
    "__version__",
    "answers",
    "iterate",
    "load_recipe",
    "measure",
    "plan",
    "recipe_names",
    "regrade",
    "report",
    "why",
]


def __getattr__(name: str) -> Any:
    # Loaded at first use: `import sirev` and `sirev --help` stay light.
    if name not in _HOMES:
        raise AttributeError(f"module 'sirev' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    if name in _BY_HAND:
        value = import_module("sirev.front").by_hand(value)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
