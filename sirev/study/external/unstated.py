"""Numbers that a comparison counts although the files of imported completions don't state them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar, cast

from sirev.errors import SirevError
from sirev.metrics.comparison.contents import Iteration
from sirev.metrics.statistic import absent
from sirev.store.runs import Run
from sirev.store.store import Store
from sirev.study.step_names import import_step

T = TypeVar("T", bound=Mapping[str, Any])
FINISH = "not in the files: they don't say of every completion whether it was cut off"
ANSWER = "not in the files: they have no answer as read from the completion"


def without_unsaid(store: Store, run: Run, iterations: list[Iteration]) -> list[Iteration]:
    """The iterations of a run from files, with shares that the files don't state set to null, with the reason.

    These are completions cut off, completions without an answer, and gained problems whose first answer was unreadable. A
    comparison counts an unknown end as complete, and an answer that is not stated as readable. Other runs are unchanged.
    """
    if not run.settings.get("steps"):
        return iterations
    greedy = {i["t"]: _unsaid(store, run, _pinned(run, "greedy", i["t"])) for i in iterations}
    drawn = {i["t"]: _unsaid(store, run, _pinned(run, "file", i["t"])) for i in iterations}
    made = []
    for iteration in iterations:
        t, first = iteration["t"], greedy[iterations[0]["t"]]
        known = _nulled(iteration, drawn[t])
        known["greedy"] = _nulled(iteration["greedy"], greedy[t])
        unreadable = {"format": first["unanswered"]} if "unanswered" in first else {}
        known["improvement_set"] = _nulled(iteration["improvement_set"], unreadable)
        made.append(known)
    return made


def _pinned(run: Run, kind: str, t: int) -> str:
    """The step that read completions of a kind, "" if there is none; one file may be greedy answers or draws."""
    names = [import_step(one, t, common=common) for one in (kind, "file") for common in (True, False)]
    return next((name for name in names if name in run.pins), "")


def _unsaid(store: Store, run: Run, step: str) -> dict[str, str]:
    """Statistics that a step's files don't state -> the reason."""
    try:
        summary = store.artifact(run.pins[step].artifact).json("summary.json")
    except (KeyError, SirevError, OSError):  # gone, so unknown
        return {}
    unsaid = {} if summary["finish"] else {"truncated": FINISH}
    judged = run.settings.get("task") != {"name": "files"}  # by a grader, which records where it found no answer
    return unsaid if judged or "answer" in summary["fields"] else unsaid | {"unanswered": ANSWER}


def _nulled(statistics: T, unsaid: dict[str, str]) -> T:
    """The statistics, with those in `unsaid` that have a value set to null, with the reason."""
    nulled = {
        name: absent(reason) for name, reason in unsaid.items() if name in statistics and statistics[name]["value"] is not None
    }
    return cast(T, {**statistics, **nulled})
