"""The grid of a sweep as a table: a row per model, task, settings and method."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from sirev.listing import count_text, listed, seeds_text
from sirev.metrics.comparison.nulls import is_null
from sirev.metrics.study_verdict import NOT_MEASURED
from sirev.reporting.observed import QUESTIONS, ends_in_words
from sirev.reporting.pass_at_1 import pass_at_1_source
from sirev.reporting.sections.run_rows import runs_of
from sirev.reporting.sections.unread import first_lines
from sirev.reporting.sections.verdicts import NO_NULL
from sirev.reporting.sweeps.cells import GridCell, finished_in_words, grid_cells, late_in_words
from sirev.reporting.sweeps.swept_studies import SweptStudy
from sirev.reporting.tables import ABSENT, TextTable, between, points

_NAMED = 3
"""Most cells that a note names, and most notes on unread answers."""
_VALUES = ("seeds", "pass@1 %", "change [95% CI]", "headline", "alike", "claim", *QUESTIONS.values())


def grid_table(name: str, studies: Sequence[SweptStudy]) -> TextTable:
    """The table of all cells. `name` is that of the grid; a common model and task are in the title."""
    cells = grid_cells(studies)
    columns = label_columns(studies)
    about = "" if {"model", "task"} & set(columns) else f", {studies[0].model} on {studies[0].task}"
    labels = [*columns, "method"]
    table = TextTable(f"{name}{about}: {finished_in_words(studies)}", [*labels, *_VALUES], len(labels))
    table.rows = [[*(say(cell.of) for say in columns.values()), cell.method, *_values(cell)] for cell in cells]
    legend = (
        "seeds: those finished, of those in the grid. alike: seeds whose own verdict is the headline, of those judged. claim: "
    )
    legend += "what holds over seeds."
    table.notes = [*pass_at_1_note(cells), *([legend] if any(cell.judgement for cell in cells) else []), *grid_notes(studies)]
    return table


def label_columns(studies: Sequence[SweptStudy]) -> dict[str, Callable[[SweptStudy], str]]:
    """Title of a column -> function from a study to its cell, for the columns that tell studies apart."""
    found: dict[str, Callable[[SweptStudy], str]] = {"model": lambda of: of.model, "task": lambda of: of.task}
    found |= {name: partial(_setting, name) for of in studies for name in of.settings}
    if any(of.label for of in studies):
        found = {"recipe": lambda of: of.label or of.recipe, **found}
    return {title: say for title, say in found.items() if len({say(of) for of in studies}) > 1}


def _setting(name: str, of: SweptStudy) -> str:
    return of.settings[name]


def _values(cell: GridCell) -> list[str]:
    if (change := cell.change) is None or cell.judgement is None:
        return [cell.seeds_in_words, ABSENT, ABSENT, cell.word, *[ABSENT] * (2 + len(QUESTIONS))]
    claimed = cell.claim["claim"] if cell.claim else None
    moved = f"{points(change['difference'])} {between(change['difference'])}"
    alike = f"{cell.alike} of {cell.judged}"
    observed = [ABSENT if word == NOT_MEASURED else word for word in cell.observed.values()]
    return [cell.seeds_in_words, ends_in_words(change), moved, cell.word, alike, claimed or ABSENT, *observed]


def pass_at_1_note(cells: Sequence[GridCell]) -> list[str]:
    """The note on the source of pass@1, if any run is judged."""
    runs = [cell.run for cell in cells if cell.run is not None]
    return [f"pass@1: {pass_at_1_source(runs)}, M_1 → M_T; the mean over seeds."] if runs else []


def grid_notes(studies: Sequence[SweptStudy]) -> list[str]:
    """Notes on unread answers, early ends, unfinished and failed runs, missing claims, seeds outside the grid, null runs."""
    cells = grid_cells(studies)
    judged = [cell for cell in cells if cell.judgement is not None]
    unread = [line for of in studies if of.study for line in first_lines(runs_of([of.study]))]
    notes = unread[:_NAMED]
    notes += (
        [f"{count_text(more, 'more note')} of this kind on the studies' own pages."] if (more := len(unread) - _NAMED) > 0 else []
    )
    notes += told_once([(cell.name, cell.read_unlike) for cell in judged], "")
    notes += told_once([(cell.name, cell.stopped) for cell in judged], "")
    begun = [cell for cell in cells if cell.unfinished and (cell.finished or cell.judgement)]  # other cells show it themselves
    notes += [f"Not finished: {cell.of.title}, {late_in_words(cell)}." for cell in begun]
    failed = [one.run for of in studies for one in of.progress if one.state == "failed"]
    notes += told_once([(run.id, f"failed: {run.reason}") for run in failed], "")
    notes += told_once([(cell.name, cell.why) for cell in judged], "every cell")
    notes += told_once([(cell.name, cell.why) for cell in cells if cell.judgement is None], "")
    others = [(cell.name, f"judged with {seeds_text(cell.others)} of the store") for cell in judged if cell.others]
    notes += told_once(others, "every cell")
    return notes + told_once([(of.title, _nulls(of)) for of in studies], "every study")


def _nulls(of: SweptStudy) -> str:
    """The missing or unfinished control runs of a study, in words; "" without any."""
    planned = [one for one in of.progress if is_null(one.run.method)]
    late = [f"{one.run.method} seed {one.run.seed}: {one.in_words}" for one in planned if not one.finished]
    if late:
        return f"control runs are not finished: {'; '.join(late)}"
    if not planned and of.study and any(verdict["null"] == NO_NULL for verdict in of.study["verdicts"]):
        return "no null run: how much retraining or resampling alone would change is unknown"
    return ""


def told_once(said: Iterable[tuple[str, str]], everything: str) -> list[str]:
    """A sentence per distinct text of `said`, with the names that share it.

    `said`: (name, text) pairs; empty texts are skipped. If several names share the only text, `everything` takes their place.
    """
    names: dict[str, list[str]] = {}
    for name, words in said:
        if words:
            names.setdefault(words, []).append(name)
    if everything and len(names) == 1 and len(*names.values()) > 1:
        return [f"{everything.capitalize()}: {words}." for words in names]
    return [f"{listed(of, _NAMED, '; ')}: {words.rstrip('.')}." for words, of in names.items()]
