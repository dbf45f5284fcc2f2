"""Answers that graders could not read, as recorded with the grades of each step."""

from __future__ import annotations

from typing import Any

from sirev.errors import SirevError
from sirev.grading.unread import unread_in_words
from sirev.store.runs import Run, step_title
from sirev.store.store import Store
from sirev.study.step_names import parse_step, stage_of

_FEW = 3


def unread_sentences(store: Store, run: Run) -> list[str]:
    """A sentence per grade step with many unread answers, the worst first.

    Each begins with the title of the step; for measured models with the name given to them.
    """
    found = []
    for step in sorted(run.pins, key=lambda step: (parse_step(step).turn, step)):
        if stage_of(step) == "grade" and (noted := _noted(store, run, step)):
            found.append((noted[0], f"{_title(run, step)}: {noted[1]}"))
    return [said for _, said in sorted(found, key=lambda one: -one[0])]


def unread_notes(store: Store, run: Run) -> list[str]:
    """The worst few of `unread_sentences`, and the number of others: for the end of a command."""
    found = unread_sentences(store, run)
    more = len(found) - _FEW
    return found[:_FEW] + ([f"in {more} more step{'' if more == 1 else 's'} much was not read either"] if more > 0 else [])


def _title(run: Run, step: str) -> str:
    names, t = run.settings.get("steps"), parse_step(step).t
    if not isinstance(names, list) or t is None or not 1 <= t <= len(names):
        return step_title(step)
    return str(names[t - 1])


def _noted(store: Store, run: Run, step: str) -> tuple[float, str] | None:
    """The share of a step's answers that was not read, and the sentence about it; None where nothing is recorded."""
    pin = run.pins[step]
    try:
        record = store.records.get(pin.key, pin.artifact)
        noted: Any = record.provenance.get("unread") if record else None
        return (noted["unread"] / noted["of"], unread_in_words(noted)) if noted else None
    except (SirevError, OSError, KeyError, TypeError, ValueError, IndexError, ZeroDivisionError):  # a foreign record, or none
        return None
