"""sirev: did a self-improving language model make progress or regress?

`load_recipe`, `iterate`, `sweep`, `evaluate`, `measure`, `plan`, `regrade`, `report`, `sweep_report`, `export_logs`, `publish`,
`track`, `why` and `Store` do everything that the command line does. `answers` returns the graded answers of a run, `frame` the
stored results of a run as a data frame; `grade` grades texts, and your own grader returns a `Grade`. Where a list is expected,
a single value will do: `seeds=0`, `methods="sft"`. A notebook shows progress unless a listener is passed. In a script,
`listener=Progress()` shows it; to handle the events yourself, inherit from `Listener`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sirev.api.answers import Answers, answers
    from sirev.api.evaluate import EvaluatedRun, evaluate
    from sirev.api.export_logs import export_logs
    from sirev.api.frame import frame
    from sirev.api.grade import grade
    from sirev.api.iterate import RunResult, iterate
    from sirev.api.measure import MeasuredRun, measure
    from sirev.api.plan import plan
    from sirev.api.publish import publish
    from sirev.api.regrade import Regrading, regrade
    from sirev.api.sweep import sweep
    from sirev.api.sweep_report import sweep_report
    from sirev.api.track import track
    from sirev.api.why import why
    from sirev.cli.progress import Progress
    from sirev.errors import BadInput, SirevError, StageFailed
    from sirev.execution.listener import Listener
    from sirev.execution.planner import Plan
    from sirev.explain.explanation import Why
    from sirev.grading.grade import Grade
    from sirev.recipe import Recipe, load_recipe, recipe_names
    from sirev.reporting.summary import Report, report
    from sirev.reporting.sweeps.sweep_report import SweepReport
    from sirev.store.sharing.hub_repository import Publication
    from sirev.store.store import Store

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
    "Grade": "sirev.grading.grade",
    "Answers": "sirev.api.answers",
    "answers": "sirev.api.answers",
    "Listener": "sirev.execution.listener",
    "Plan": "sirev.execution.planner",
    "Progress": "sirev.cli.progress",
    "RunResult": "sirev.api.iterate",
    "iterate": "sirev.api.iterate",
    "plan": "sirev.api.plan",
    "Publication": "sirev.store.sharing.hub_repository",
    "publish": "sirev.api.publish",
    "Regrading": "sirev.api.regrade",
    "regrade": "sirev.api.regrade",
    "Why": "sirev.explain.explanation",
    "why": "sirev.api.why",
    "export_logs": "sirev.api.export_logs",
    "frame": "sirev.api.frame",
    "grade": "sirev.api.grade",
    "EvaluatedRun": "sirev.api.evaluate",
    "evaluate": "sirev.api.evaluate",
    "MeasuredRun": "sirev.api.measure",
    "measure": "sirev.api.measure",
    "sweep": "sirev.api.sweep",
    "SweepReport": "sirev.reporting.sweeps.sweep_report",
    "sweep_report": "sirev.api.sweep_report",
    "track": "sirev.api.track",
}

_BY_HAND = ("evaluate", "export_logs", "iterate", "measure", "plan", "regrade", "report", "sweep", "why")
"""Functions that `sirev.front` makes easier to call."""

__all__ = [
    "Answers",
    "BadInput",
    "EvaluatedRun",
    "Grade",
    "Listener",
    "MeasuredRun",
    "Plan",
    "Progress",
    "Publication",
    "Recipe",
    "Regrading",
    "Report",
    "RunResult",
    "SirevError",
    "StageFailed",
    "Store",
    "SweepReport",
    "Why",
    "__version__",
    "answers",
    "evaluate",
    "export_logs",
    "frame",
    "grade",
    "iterate",
    "load_recipe",
    "measure",
    "plan",
    "publish",
    "recipe_names",
    "regrade",
    "report",
    "sweep",
    "sweep_report",
    "track",
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
