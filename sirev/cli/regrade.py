"""`sirev regrade`: verdicts that change under other graders, with the models fixed."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from sirev.api.regrade import Regrading, regrade
from sirev.cli.options import check_format
from sirev.cli.progress import Progress
from sirev.printing import json_text, say, write
from sirev.reporting.spreadsheet import as_csv
from sirev.reporting.summary import FORMATS
from sirev.reporting.tables import TextTable, markdown
from sirev.reporting.terminal import print_tables
from sirev.store.runs import step_title

_SCHEMA = 1
"""Version of the JSON form, raised when a field changes its meaning or is removed."""
_SHOWN = 20
"""The most flips in the table form; csv and json list all."""


def run(name: str, overrides: list[str], form: str, store: Path | None, unsafe_code: bool) -> None:
    """Regrade, and print the counts of every step, the flips, and the steps that were not regraded."""
    check_format(form, FORMATS)
    with Progress() as progress:
        found = regrade(name, overrides=overrides, store=store, unsafe_code=unsafe_code, listener=progress)
    progress.summary()
    if form == "table":
        print_tables(_tables(found))
        return
    if form == "csv":  # CSV has no place for notes
        for note in _missing(found):
            say(f"sirev: {note}")
    text = _csv(found) if form == "csv" else _json(found) if form == "json" else markdown(_tables(found))
    write(text)


def _tables(found: Regrading) -> list[TextTable]:
    table = TextTable(f"{found.run}, regraded", ["step", "answers", "before", "after", "lost", "gained", "other"], 1)
    for step in found.steps:
        counts = (step.right_before, step.right_after, step.right_to_wrong, step.wrong_to_right, step.other_reasons)
        table.rows.append([step_title(step.step), str(step.answers), *map(str, counts)])  # short enough for 80 columns
    table.notes.append(
        "before, after: correct answers. lost: right → wrong. gained: wrong → right. other: same verdict, another reason."
    )
    table.notes += _missing(found)
    rows = [
        [step_title(step.step), flip.problem, str(flip.draw), f"{flip.before} → {flip.after}"]
        for step in found.steps
        for flip in step.flips
    ]
    if not rows:
        table.notes.append("Nothing flipped.")
        return [table]
    flips = TextTable(f"Flipped: {len(rows):,}", ["step", "problem", "draw", "reason"], 4, rows[:_SHOWN])
    if len(rows) > _SHOWN:
        flips.notes.append(f"{len(rows) - _SHOWN:,} more; --format csv and --format json list all.")
    return [table, flips]


def _missing(found: Regrading) -> list[str]:
    return [f"{step_title(step)} is not regraded: {why}" for step, why in found.missing.items()]


def _json(found: Regrading) -> str:
    return json_text({"schema": _SCHEMA, **asdict(found)})


def _csv(found: Regrading) -> str:
    flips = [(step.step, flip) for step in found.steps for flip in step.flips]
    rows = [[found.run, step, flip.problem, flip.draw, flip.before, flip.after] for step, flip in flips]
    return as_csv(["run", "step", "problem", "draw", "before", "after"], rows)
