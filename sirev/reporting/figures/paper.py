"""The paper's curves in a panel: thin and dashed next to your own, plain without them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from sirev.metrics.statistic import Statistic
from sirev.reporting.figures.canvas import MARKERS, FigureSheet, short
from sirev.reporting.figures.series import Curve, MethodRuns
from sirev.reporting.published import Published

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DASHES = (0, (2.5, 1.6))


def draw_published(
    sheet: FigureSheet,
    panel: Axes,
    row: Published,
    path: tuple[str, ...],
    shown: Sequence[MethodRuns],
    *,
    alone: bool = False,
    scale: float = 100,
) -> bool:
    """Draw the paper's values of a statistic, a line per method. Returns whether there was any."""
    curves = row.curves(path)
    drawn = False
    for method in shown:
        if method.name not in curves:
            continue
        drawn = True
        colour = sheet.colour(method)
        curve: Curve = [(float(t), exactly(value, row.problems)) for t, value in curves[method.name]]
        look: dict[str, Any] = {"lw": 0.9, "zorder": 2, "markeredgewidth": 0, "marker": MARKERS[method.place % len(MARKERS)]}
        look |= {"markersize": 3.5} if alone else {"ls": DASHES, "markersize": 2.2}
        label = short(method.name) if alone else ""
        inked = colour if alone else sheet.shade(colour, 0.62)
        sheet.line(panel, curve, f"{method.name}, published", inked, label=label, label_colour=colour, scale=scale, **look)
    return drawn


def draw_beside(sheet: FigureSheet, panel: Axes, path: tuple[str, ...], shown: Sequence[MethodRuns], figure: int) -> None:
    """Draw the published curves with their note, if the sheet has any. `figure` is the paper's figure that they come from."""
    if sheet.published is not None and draw_published(sheet, panel, sheet.published, path, shown):
        note = published_note([sheet.published], [figure])
        sheet.notes += [] if note in sheet.notes else [note]


def exactly(per_cent: float, problems: int) -> Statistic:
    """A published number as a statistic, without an interval."""
    return {"value": per_cent / 100, "low": None, "high": None, "n": problems, "reason": None}


def published_note(rows: Iterable[Published], figures: Sequence[int], *, alone: bool = False) -> str:
    """A note on the form of published curves, and on how they were read."""
    shown = list(rows)
    begins = "Published values" if alone else "Dashed: published values"
    said = f"{begins} (arXiv 2407.05013), read off Figure {' and '.join(map(str, figures))}"
    if 1 in figures:
        errors = {(row.task, method): row.error(method) for row in shown for method in row.over_t}
        fine = max((error for error in errors.values() if error <= 1), default=0.0)
        rough = sorted({f"{method} on {task} {error:g}" for (task, method), error in errors.items() if error > 1})
        return f"{said}, within {fine:.1f} points{f' ({rough[0]})' if rough else ''}."
    read = [(row.task, shape) for row in shown for shape in row.shapes if shape.figure in figures]
    between = [f"{method} on {task}" for task, shape in read for method in shape.between]
    more = f" (of {', '.join(dict.fromkeys(between))} more)" if between else ""
    return f"{said}, M₁ and M₅ alone{more}, by eye."
