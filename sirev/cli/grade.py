"""`sirev grade`: verdicts on the completions of a file, with the answers that were read, and the reasons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from sirev.api.grade import GradedFile, grade_file
from sirev.cli.options import check_format
from sirev.grading.unread import unread, unread_in_words
from sirev.printing import json_text, write
from sirev.reporting.spreadsheet import as_csv
from sirev.reporting.tables import TextTable, markdown
from sirev.reporting.terminal import print_tables

_FORMS = ("table", "markdown", "csv", "json")
_SCHEMA = 1
"""Version of the JSON form, raised when a field changes its meaning or is removed."""
_SHOWN = 50
"""The most completions in the table form; csv and json list all."""
_CELL = 30
"""The most characters of an answer in the table."""


def run(file: str, grader: str | None, fields: Mapping[str, str], reader: str, settings: Mapping[str, Any], form: str) -> None:
    """Grade a file, and print the verdicts."""
    check_format(form, _FORMS)
    found = grade_file(file, grader=grader, fields=fields, reader=reader, settings=settings)
    if form == "json":
        write(json_text({"schema": _SCHEMA, "grader": found.grader, "completions": [asdict(one) for one in found.completions]}))
    elif form == "csv":
        columns = ["problem", "draw", "correct", "answer", "gold", "reason"]
        write(as_csv(columns, [[getattr(one, name) for name in columns] for one in found.completions]))
    elif form == "markdown":
        write(markdown([_table(found)]))
    else:
        print_tables([_table(found)])


def _table(found: GradedFile) -> TextTable:
    right = sum(one.correct for one in found.completions)
    columns = ["problem", "draw", "verdict", "read", "gold", "why"]
    table = TextTable(f"{right:,} of {len(found.completions):,} correct by {found.grader}", columns, len(columns))
    for one in found.completions[:_SHOWN]:
        cells = [" ".join(text.split())[:_CELL] for text in (one.problem, one.answer, one.gold)]
        table.rows.append([cells[0], str(one.draw), "right" if one.correct else "wrong", cells[1], cells[2], one.reason])
    if len(found.completions) > _SHOWN:
        table.notes.append(f"{len(found.completions) - _SHOWN:,} more; --format csv and --format json list all.")
    golds = [one.gold for one in found.completions]
    if noted := unread(found.texts, [one.reason for one in found.completions], found.grader, golds):
        table.notes.append(f"{unread_in_words(noted)}.")
    return table
