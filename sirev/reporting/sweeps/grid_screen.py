"""The grid of a sweep on a terminal: a block per study, a line per method, and notes on what is unfinished or unknown."""

from __future__ import annotations

from collections.abc import Sequence

from sirev.metrics.study_verdict import NOT_MEASURED
from sirev.quoting import as_typed
from sirev.reporting.headline import RESULT_STYLES, HeadlineLine, word_style, wrapped_text
from sirev.reporting.observed import ends_in_words
from sirev.reporting.sections import ALL
from sirev.reporting.sweeps.cells import GridCell, finished_in_words
from sirev.reporting.sweeps.grid_table import grid_notes, pass_at_1_note
from sirev.reporting.sweeps.sweep_report import SweepReport
from sirev.reporting.tables import ABSENT

_OBSERVED = {"new_or_selected": ("new?", 8), "variety": ("var.", 4), "other_problems": ("OOD", 4), "reach": ("reach", 5)}
"""Observation -> (title of its column, width in characters)."""
_ENDS, _ALIKE = 12, 8
_LEAST = 16
"""Least space for a headline next to the numbers, in characters; with less it gets its own line."""


def grid_screen(made: SweepReport, width: int) -> list[HeadlineLine]:
    """The screen, in lines of at most `width` characters; only commands may be longer."""
    cells = made.cells
    longest = max((len(cell.method) for cell in cells), default=0)
    numbers = f"{' ' * (longest + 4)}{'pass@1 %':<{_ENDS}} {'alike':<{_ALIKE}} "
    titles = [(f"{title:<{wide}} ", "") for title, wide in _OBSERVED.values()]
    lines: list[HeadlineLine] = [[(f"{made.name}: ", "bold"), (finished_in_words(made.studies), "")]]
    lines += [[(text, "dim") for text, _ in line] for line in _in_line([(numbers, "")], titles, longest + 4, width)]
    for of in made.studies:
        lines += [[(part, "bold")] for part in wrapped_text(of.title, width)]
        lines += [line for cell in cells if cell.of is of for line in _line(cell, longest, width)]
    notes = [*pass_at_1_note(cells), *_legend(cells), *grid_notes(made.studies)]
    notes += [f"Missing: {one}." for one in made.report.missing]
    lines += [[]] if notes else []
    lines += [[(part, "")] for note in notes for part in wrapped_text(note, width, "  ")]
    return [*lines, [], [("Next", "bold")], *([("  ", ""), (command, "")] for command in _next(made))]


def _line(cell: GridCell, longest: int, width: int) -> list[HeadlineLine]:
    name = f"  {cell.method:<{longest}}  "
    if cell.judgement is None or cell.change is None:
        first, *others = wrapped_text(cell.word, max(width - len(name), _LEAST))
        return [[(name, ""), (first, "dim")], *([(" " * len(name) + other, "dim")] for other in others)]
    numbers = f"{name}{ends_in_words(cell.change):<{_ENDS}} {f'{cell.alike} of {cell.judged}':<{_ALIKE}} "
    words = [(ABSENT if (word := cell.observed[one]) == NOT_MEASURED else word, wide) for one, (_, wide) in _OBSERVED.items()]
    observed = [(f"{word:<{wide}} ", RESULT_STYLES.get(word, "")) for word, wide in words]
    *above, line = _in_line([(numbers, "")], observed, len(name), width)
    claimed = ", claimed" if cell.claim is not None and cell.claim["claim"] else ""
    indent, style = _length(line), word_style(cell.judgement)
    if width - indent < _LEAST:
        parts = wrapped_text(cell.word + claimed, width - len(name))
        return [*above, line, *([(" " * len(name) + part, style)] for part in parts)]
    first, *others = wrapped_text(cell.word + claimed, width - indent)
    return [*above, [*line, (first, style)], *([(" " * indent + other, style)] for other in others)]


def _in_line(first: HeadlineLine, then: HeadlineLine, indent: int, width: int) -> list[HeadlineLine]:
    """Pieces of text in one line, or in two if that is too long."""
    return [[*first, *then]] if _length(first) + _length(then) <= width else [first, [(" " * indent, ""), *then]]


def _length(line: HeadlineLine) -> int:
    return sum(len(text) for text, _ in line)


def _legend(cells: Sequence[GridCell]) -> list[str]:
    if not any(cell.judgement for cell in cells):
        return []
    return [
        "alike: seeds whose own verdict is the headline, of those judged. new?: new, or selected from what M_1 can do; "
        "var.: variety; OOD: other problems; reach: pass@N on the test problems. claimed: it holds over seeds."
    ]


def _next(made: SweepReport) -> list[str]:
    """The commands that show more of the same sweep."""
    asked = ("--sweep", made.path)
    commands = [as_typed("sirev", "report", "html", *asked, "-o", "grid.html"), as_typed("sirev", "report", ALL, *asked)]
    return [" ".join(filter(None, (command, made.report.place))) for command in commands]
