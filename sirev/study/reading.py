"""How much of a run's answers its graders read, as recorded beside the grades of each step."""

from __future__ import annotations

from typing import Any

from sirev.errors import SirevError
from sirev.grading.unread import unread_in_words
from sirev.store.runs import Run, step_title
from sirev.store.store import Store
from sirev.study.step_names import parse_step, stage_of


def unread_notes(store: Store, run: Run) -> dict[str, str]:
    """The grade steps of a run of which many answers were not read -> that, in a sentence; in the order of t."""
    found: dict[str, str] = {}
    for name in sorted(run.pins, key=lambda step: (parse_step(step).turn, step)):
        if stage_of(name) == "grade" and (noted := _noted(store, run, name)):
            found[name] = noted
    return found


def unread_sentences(store: Store, run: Run) -> list[str]:
    """The same as lines, each beginning with what its step is called; measured models by the names that they were given."""
    return [f"{_title(run, step)}: {said}" for step, said in unread_notes(store, run).items()]


def _title(run: Run, step: str) -> str:
    names, t = run.settings.get("steps"), parse_step(step).t
    if not isinstance(names, list) or t is None or not 1 <= t <= len(names):
        return step_title(step)
    return str(names[t - 1])


def _noted(store: Store, run: Run, step: str) -> str:
    pin = run.pins[step]
    try:
        record = store.records.get(pin.key, pin.artifact)
        noted: Any = record.provenance.get("unread") if record else None
        return unread_in_words(noted) if noted else ""
    except (SirevError, OSError, KeyError, TypeError, ValueError, IndexError, ZeroDivisionError):  # a stranger's record, or gone
        return ""
