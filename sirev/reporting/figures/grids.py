"""Several studies in one figure, a panel each: rows are models and columns tasks, as in the paper's Figures 1, 2 and 4.

Studies of other recipes than the paper's stand side by side, a panel a recipe.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sirev.recipe import METHODS
from sirev.reporting.figures.accuracy import gain, seeds_note
from sirev.reporting.figures.canvas import MARKERS, FigureSheet, short
from sirev.reporting.figures.diversity import DISTINCT_N
from sirev.reporting.figures.paper import draw_published, exactly, published_note
from sirev.reporting.figures.series import MethodRuns, iteration, methods, over_t, path_of, stat, times
from sirev.reporting.published import MODELS, TEST_PROBLEMS, Published, T, published
from sirev.reporting.sections.run_rows import Study, names_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ACROSS = 4
"""Panels side by side where they are no grid."""
SENTENCE_BERT = ("sentence_bert",)


@dataclass(frozen=True)
class _Cell:
    """A panel's study with the paper's numbers for it; either may be missing."""

    title: str
    study: Study | None
    published: Published | None

    @property
    def methods(self) -> list[MethodRuns]:
        """The study's methods; of the paper alone its methods, without runs."""
        if self.study is None:
            return [MethodRuns(name, [], place) for place, name in enumerate(METHODS)]
        return methods(self.study)

    @property
    def times(self) -> list[int]:
        """All t of the panel: the study's, or the paper's where that is all there is."""
        return list(range(1, T + 1)) if self.study is None else times(self.methods)


Grid = list[list[_Cell | None]]


def arranged(studies: Sequence[Study], beside: Mapping[str, Published]) -> Grid:
    """The panels: of the paper's recipes rows of models and columns of tasks, of others one after the other.

    `beside`: recipe -> what the paper has for it, to stand beside. Without studies the grid is the paper's own.
    """
    if not studies:
        return _by_model_and_task({(row.model, row.task): _Cell("", None, row) for row in beside.values()})
    cells = [_Cell(name, study, beside.get(str(study["recipe"]))) for study, name in zip(studies, names_of(studies), strict=True)]
    places = [published(cell.title) for cell in cells]
    if all(places):
        return _by_model_and_task({(row.model, row.task): cell for row, cell in zip(places, cells, strict=True) if row})
    return [list(cells[i : i + _ACROSS]) for i in range(0, len(cells), _ACROSS)]


def _by_model_and_task(at: Mapping[tuple[str, str], _Cell]) -> Grid:
    models = [model for model in MODELS.values() if any(one == model for one, _ in at)]
    tasks = [task for task in TEST_PROBLEMS if any(one == task for _, one in at)]
    named = {place: replace(cell, title=f"{place[0]}, {place[1]}") for place, cell in at.items()}
    return [[named.get((model, task)) for task in tasks] for model in models]


def cells_of(grid: Grid) -> list[_Cell]:
    """The cells that are there, row by row."""
    return [cell for row in grid for cell in row if cell is not None]


def method_names(grid: Grid) -> list[str]:
    """The methods of all cells, each once."""
    return list(dict.fromkeys(method.name for cell in cells_of(grid) for method in cell.methods))


def _panels(sheet: FigureSheet, grid: Grid, width: float, height: float) -> list[tuple[Axes, _Cell]]:
    axes = sheet.panels(len(grid), max(map(len, grid)), width, height)
    found = []
    for row, panels in zip(grid, axes, strict=True):
        for cell, panel in zip([*row, *([None] * (len(panels) - len(row)))], panels, strict=True):
            if cell is None:
                sheet.drop(panel)
                continue
            panel.set_title(short(cell.title, 30))
            found.append((panel, cell))
    return found


def _over_t(sheet: FigureSheet, panel: Axes, cell: _Cell, path: tuple[str, ...], interval: str = "caps") -> None:
    sheet.x_of_t(panel, cell.times, "")
    for method in cell.methods:
        if method.runs:
            sheet.method(panel, method, [over_t(run, path) for run in method.runs], interval=interval)
    if cell.published is not None:
        draw_published(sheet, panel, cell.published, path, cell.methods, alone=cell.study is None)
    sheet.share_limits([panel])


def pass_at_1_grid(sheet: FigureSheet, grid: Grid) -> None:
    """pass@1 over t, a panel a study, a line a method; the paper's Figure 1."""
    for panel, cell in _panels(sheet, grid, 2.25, 1.75):
        _over_t(sheet, panel, cell, path_of("pass_at_1"))
    _finish(sheet, grid, "pass@1 (%) over iteration t. Each panel has its own scale.", [1])


def gains_grid(sheet: FigureSheet, grid: Grid) -> None:
    """Each method's gain in pass@1 at the last t beside M_1's coverage; the paper's Figure 2."""
    panels = _panels(sheet, grid, 2.25, 1.5)
    for panel, cell in panels:
        panel.axvline(0, color=sheet.ink.muted, lw=0.8, zorder=1)
        shown = cell.methods
        for row, method in enumerate(shown):
            colour = sheet.colour(method)
            look: dict[str, Any] = {"marker": MARKERS[method.place % len(MARKERS)], "markersize": 5}
            if method.runs:
                sheet.dot(panel, gain(method, method.last), row, f"{method.name}, last", colour, **look)
            curve = cell.published.over_t.get(method.name) if cell.published else None
            if curve:
                theirs = exactly(curve[-1] - curve[0], 0)
                hollow = {**look, "markerfacecolor": sheet.ink.paper, "markersize": 4, "zorder": 4}
                sheet.dot(panel, theirs, row, f"{method.name}, published", colour, **hollow)
        panel.set_yticks(range(len(shown)), [short(method.name) for method in shown])
        panel.set_ylim(max(1, len(shown)) - 0.5, -0.5)
        panel.grid(True, axis="x")
        panel.grid(False, axis="y")
        panel.set_title(f"{short(cell.title, 30)}{_coverage(cell)}")
    ends = [end for panel, _ in panels for end in panel.get_xlim()]
    for panel, _ in panels:  # a gain is as long in every panel
        panel.set_xlim(min(ends), max(ends))
    against = any(cell.published for cell in cells_of(grid))
    mine = any(cell.study for cell in cells_of(grid))
    said = "Gain in pass@1 of the last model over M₁, points. Below each name: M₁'s coverage of correct answers"
    said += ", mass on test; published in brackets." if mine and against else ", as published." if against else ", mass on test."
    sheet.notes.append(said)
    sheet.notes.append(
        ("Filled: yours, with 95% intervals; hollow: " if mine and against else "Hollow: " if against else "Bars: 95% intervals.")
        + ("published, M₅ read off Figure 1." if against else "")
    )


def _coverage(cell: _Cell) -> str:
    theirs = f"{100 * cell.published.coverage:.1f}" if cell.published else ""
    found = methods(cell.study) if cell.study else []
    ours = stat(iteration(found[0].runs[0], 1), "coverage", "mass", "test")["value"] if found else None
    said = [f"{100 * ours:.1f}%"] if ours is not None else []
    said += ([f"({theirs}%)"] if said else [f"{theirs}%"]) if theirs else []
    return f"\ncoverage {' '.join(said)}" if said else ""


def diversity_grid(sheet: FigureSheet, grid: Grid) -> None:
    """Diversity of right answers over t, a panel a study and measure; the paper's Figure 4."""
    shown = [(path, name) for path, name in _MEASURES if any(_has(cell, path) for cell in cells_of(grid))]
    rows: list[list[tuple[_Cell | None, tuple[str, ...], str]]] = [
        [(cell if cell and _has(cell, path) else None, path, name) for cell in row]
        for row in grid
        for path, name in shown
        if any(cell and _has(cell, path) for cell in row)
    ]
    if not rows:
        sheet.panels(1, 1, 5, 1.4)
        sheet.reason = "no diversity was measured"
        return
    axes = sheet.panels(len(rows), max(map(len, rows)), 2.25, 1.75)
    shown_panels: list[Axes] = []
    for row, panels in zip(rows, axes, strict=True):
        for i, panel in enumerate(panels):
            cell, path, name = row[i] if i < len(row) else (None, (), "")
            if cell is None:
                sheet.drop(panel)
                continue
            panel.set_title(f"{short(cell.title, 30)}\n{name}")
            _over_t(sheet, panel, cell, path, "band")
            shown_panels.append(panel)
    sheet.share_limits(shown_panels)
    _finish(sheet, grid, "Diversity of right answers (%) over iteration t.", [4])


_MEASURES = (
    (path_of("diversity", "correct", *SENTENCE_BERT), "SentenceBERT"),
    (path_of("diversity", "correct", *DISTINCT_N.path), "Distinct-N"),
)


def _has(cell: _Cell, path: tuple[str, ...]) -> bool:
    if cell.published is not None and cell.published.curves(path):
        return True
    return any(one["value"] is not None for method in cell.methods for run in method.runs for _, one in over_t(run, path))


def _finish(sheet: FigureSheet, grid: Grid, note: str, figures: list[int]) -> None:
    sheet.notes.append(note)
    cells = cells_of(grid)
    if any(cell.study for cell in cells):
        sheet.notes.append("Bars and bands: 95% intervals over problems.")
    if rows := [cell.published for cell in cells if cell.published]:
        sheet.notes.append(published_note(rows, figures, alone=not any(cell.study for cell in cells)))
    seeds_note(sheet, [method for cell in cells for method in cell.methods])


GRIDS: dict[str, tuple[str, Callable[[FigureSheet, Grid], None]]] = {
    "grid-pass-at-1": ("pass@1 over iterations", pass_at_1_grid),
    "grid-gains": ("Gains, and M₁'s coverage", gains_grid),
    "grid-diversity": ("Diversity of right answers over iterations", diversity_grid),
}
"""Name -> (title, what draws it on a sheet), in the order of a report."""
