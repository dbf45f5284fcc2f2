"""Figures of several studies, a panel per study: rows are models and columns tasks, as in the paper's Figures 1, 2 and 4.

Studies of other recipes are side by side. Studies of a sweep are placed as in its grid.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sirev.listing import listed
from sirev.metrics.statistic import absent
from sirev.recipe import METHODS
from sirev.reporting.figures.accuracy import gain, seeds_note
from sirev.reporting.figures.canvas import MARKERS, FigureSheet, short
from sirev.reporting.figures.diversity import DISTINCT_N
from sirev.reporting.figures.paper import draw_published, exactly, published_note
from sirev.reporting.figures.series import MethodRuns, iteration, methods, over_t, path_of, stat, times
from sirev.reporting.published import MODELS, TEST_PROBLEMS, Published, T, published
from sirev.reporting.sections.run_rows import Study, names_of, suite_in_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ACROSS = 4
"""Panels per row without a grid."""
_TITLE = 30
"""Longest line of a panel's title, in characters."""
_NAMED = 6
"""Most panels that a note names."""
SENTENCE_BERT = ("sentence_bert",)


@dataclass(frozen=True)
class GridPanel:
    """A panel: a study and the paper's numbers for it; either may be missing.

    `subtitle` goes below the title; `unfinished` names the unfinished runs of the study.
    """

    title: str
    study: Study | None
    published: Published | None = None
    subtitle: str = ""
    unfinished: str = ""

    @property
    def methods(self) -> list[MethodRuns]:
        """The study's methods; without a study, the paper's methods, without runs."""
        if self.study is not None:
            return methods(self.study)
        return [MethodRuns(name, [], place) for place, name in enumerate(METHODS)] if self.published else []

    @property
    def times(self) -> list[int]:
        """All t of the panel: the study's, or without a study the paper's."""
        return list(range(1, T + 1)) if self.published and self.study is None else times(self.methods)

    @property
    def name(self) -> str:
        """The title and subtitle, for a sentence."""
        return ", ".join(filter(None, [self.title, self.subtitle]))

    def headed(self, *more: str) -> str:
        """The title with the lines below it."""
        return "\n".join([short(self.title, _TITLE), *(short(line, _TITLE) for line in (self.subtitle, *more) if line)])


_Measure = tuple[tuple[str, ...], str]
"""(path of a statistic in an iteration, its name)."""
Grid = list[list[GridPanel | None]]


def arranged(studies: Sequence[Study], beside: Mapping[str, Published]) -> Grid:
    """Arrange studies as panels: rows of models and columns of tasks for the paper's recipes, else side by side.

    `beside`: recipe -> the paper's row, to be drawn with it. Without studies, the panels are those of the paper alone.
    """
    if not studies:
        return _by_model_and_task({(row.model, row.task): GridPanel("", None, row) for row in beside.values()})
    cells = [
        GridPanel(name, study, beside.get(str(study["recipe"]))) for study, name in zip(studies, names_of(studies), strict=True)
    ]
    places = [published(cell.title) for cell in cells]
    if all(places):
        return _by_model_and_task({(row.model, row.task): cell for row, cell in zip(places, cells, strict=True) if row})
    return _side_by_side(cells)


def in_rows_and_columns(at: Mapping[tuple[str, str], GridPanel]) -> Grid:
    """Arrange panels by (row, column), in the given order. A single row or column is laid out side by side."""
    rows, columns = (list(dict.fromkeys(names)) for names in zip(*at, strict=True))
    if len(rows) == 1 or len(columns) == 1:
        return _side_by_side(list(at.values()))
    return [[at.get((row, column)) for column in columns] for row in rows]


def _side_by_side(panels: Sequence[GridPanel]) -> Grid:
    return [list(panels[i : i + _ACROSS]) for i in range(0, len(panels), _ACROSS)]


def _by_model_and_task(at: Mapping[tuple[str, str], GridPanel]) -> Grid:
    models = [model for model in MODELS.values() if any(one == model for one, _ in at)]
    tasks = [task for task in TEST_PROBLEMS if any(one == task for _, one in at)]
    named = {place: replace(cell, title=f"{place[0]}, {place[1]}") for place, cell in at.items()}
    return [[named.get((model, task)) for task in tasks] for model in models]


def cells_of(grid: Grid) -> list[GridPanel]:
    """The panels of a grid, row by row, without gaps."""
    return [cell for row in grid for cell in row if cell is not None]


def method_names(grid: Grid) -> list[str]:
    """The methods of all panels, each once."""
    return list(dict.fromkeys(method.name for cell in cells_of(grid) for method in cell.methods))


def _panels(sheet: FigureSheet, grid: Grid, width: float, height: float) -> list[tuple[Axes, GridPanel]]:
    axes = sheet.panels(len(grid), max(map(len, grid)), width, height)
    found = []
    for row, panels in zip(grid, axes, strict=True):
        for cell, panel in zip([*row, *([None] * (len(panels) - len(row)))], panels, strict=True):
            if cell is None:
                sheet.drop(panel)
                continue
            panel.set_title(cell.headed())
            _heed_unfinished(sheet, panel, cell)
            found.append((panel, cell))
    return found


def _heed_unfinished(sheet: FigureSheet, panel: Axes, cell: GridPanel) -> None:
    """Give a panel without a study its reason: the unfinished runs."""
    if cell.study is None and cell.unfinished:
        sheet.heed(panel, [absent(cell.unfinished)])


def _over_t(sheet: FigureSheet, panel: Axes, cell: GridPanel, path: tuple[str, ...], interval: str = "caps") -> None:
    sheet.x_of_t(panel, cell.times, "")
    for method in cell.methods:
        if method.runs:
            sheet.method(panel, method, [over_t(run, path) for run in method.runs], interval=interval)
    if cell.published is not None:
        draw_published(sheet, panel, cell.published, path, cell.methods, alone=cell.study is None)
    sheet.share_limits([panel])


def pass_at_1_grid(sheet: FigureSheet, grid: Grid) -> None:
    """Draw pass@1 over t, a panel per study and a line per method; the paper's Figure 1."""
    for panel, cell in _panels(sheet, grid, 2.25, 1.75):
        _over_t(sheet, panel, cell, path_of("pass_at_1"))
    _finish(sheet, grid, "pass@1 (%) over iteration t. Each panel has its own scale.", [1])


def pass_at_n_grid(sheet: FigureSheet, grid: Grid) -> None:
    """Draw reach over t, the share of problems that at least one of N draws solves, a panel per study."""
    for panel, cell in _panels(sheet, grid, 2.25, 1.75):
        n = cell.study["headline"] if cell.study else 0
        panel.set_title(cell.headed(f"pass@{n}" if n else ""))
        _over_t(sheet, panel, cell, path_of("pass_at_n", str(n)))
    _finish(sheet, grid, "Reach: pass@N of the draws (%) over iteration t. Each panel has its own scale.", [])


def gains_grid(sheet: FigureSheet, grid: Grid) -> None:
    """Draw each method's gain in pass@1 at the last t, with M_1's coverage in the title; the paper's Figure 2."""
    panels = _panels(sheet, grid, 2.25, 1.5)
    for panel, cell in panels:
        shown = cell.methods
        if shown:
            panel.axvline(0, color=sheet.ink.muted, lw=0.8, zorder=1)
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
        panel.set_title(cell.headed(_coverage(cell)))
    ends = [end for panel, _ in panels for end in panel.get_xlim()]
    for panel, _ in panels:  # one scale of gains for all panels
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
    _note_unfinished(sheet, grid)


def _coverage(cell: GridPanel) -> str:
    theirs = f"{100 * cell.published.coverage:.1f}" if cell.published else ""
    found = methods(cell.study) if cell.study else []
    ours = stat(iteration(found[0].runs[0], 1), "coverage", "mass", "test")["value"] if found else None
    said = [f"{100 * ours:.1f}%"] if ours is not None else []
    said += ([f"({theirs}%)"] if said else [f"{theirs}%"]) if theirs else []
    return f"coverage {' '.join(said)}" if said else ""


def diversity_grid(sheet: FigureSheet, grid: Grid) -> None:
    """Draw the diversity of correct answers over t, a panel per study and measure; the paper's Figure 4."""
    _measures_grid(sheet, grid, _MEASURES, "no diversity was measured")
    _finish(sheet, grid, "Diversity of correct answers (%) over iteration t.", [4])


def ood_grid(sheet: FigureSheet, grid: Grid) -> None:
    """Draw greedy accuracy on suites of other problems over t, a panel per study and suite; as in the paper's Figure 5."""
    suites = _suites(grid)
    _measures_grid(sheet, grid, suites, "no suite of other problems was evaluated")
    theirs = any(cell.published.curves(path) for cell in cells_of(grid) if cell.published for path, _ in suites)
    _finish(sheet, grid, "Greedy accuracy on other problems (OOD, %) over iteration t.", [5] if theirs else [])


def _suites(grid: Grid) -> list[_Measure]:
    suites = dict.fromkeys(suite for cell in cells_of(grid) if cell.study for suite in cell.study["suites"])
    return [(path_of("ood", suite, "accuracy"), suite_in_words(suite)) for suite in suites]


def _measures_grid(sheet: FigureSheet, grid: Grid, measures: Sequence[_Measure], lacking: str) -> None:
    """Draw a row of panels per row of the grid and measure, all on one scale. `lacking` is the reason if there is none."""
    shown = [(path, name) for path, name in measures if any(_has(cell, path) for cell in cells_of(grid))]
    rows: list[list[tuple[GridPanel | None, tuple[str, ...], str]]] = [
        [(cell if cell and (_has(cell, path) or cell.unfinished) else None, path, name) for cell in row]
        for row in grid
        for path, name in shown
        if any(cell and (_has(cell, path) or cell.unfinished) for cell in row)
    ]
    if not rows:
        sheet.panels(1, 1, 5, 1.4)
        late = [f"{cell.name}: {cell.unfinished}" for cell in cells_of(grid) if cell.unfinished]
        sheet.reason = f"{lacking}; not finished: {listed(late, _NAMED, '; ')}" if late else lacking
        return
    axes = sheet.panels(len(rows), max(map(len, rows)), 2.25, 1.75)
    shown_panels: list[Axes] = []
    for row, panels in zip(rows, axes, strict=True):
        for i, panel in enumerate(panels):
            cell, path, name = row[i] if i < len(row) else (None, (), "")
            if cell is None:
                sheet.drop(panel)
                continue
            panel.set_title(cell.headed(name))
            _heed_unfinished(sheet, panel, cell)
            _over_t(sheet, panel, cell, path, "band")
            shown_panels.append(panel)
    sheet.share_limits(shown_panels)


_MEASURES: tuple[_Measure, ...] = (
    (path_of("diversity", "correct", *SENTENCE_BERT), "SentenceBERT"),
    (path_of("diversity", "correct", *DISTINCT_N.path), "Distinct-N"),
)


def _has(cell: GridPanel, path: tuple[str, ...]) -> bool:
    if cell.published is not None and cell.published.curves(path):
        return True
    return any(one["value"] is not None for method in cell.methods for run in method.runs for _, one in over_t(run, path))


def _finish(sheet: FigureSheet, grid: Grid, note: str, figures: list[int]) -> None:
    sheet.notes.append(note)
    cells = cells_of(grid)
    if any(cell.study for cell in cells):
        sheet.notes.append("Bars and bands: 95% intervals over problems.")
    _note_unfinished(sheet, grid)
    if figures and (rows := [cell.published for cell in cells if cell.published]):
        sheet.notes.append(published_note(rows, figures, alone=not any(cell.study for cell in cells)))
    seeds_note(sheet, [method for cell in cells for method in cell.methods])


def _note_unfinished(sheet: FigureSheet, grid: Grid) -> None:
    """Add a note on the unfinished runs of panels that are drawn."""
    if late := [f"{cell.name}: {cell.unfinished}" for cell in cells_of(grid) if cell.study and cell.unfinished]:
        sheet.notes.append(f"Not finished, and not drawn: {listed(late, _NAMED, '; ')}.")


GRIDS: dict[str, tuple[str, Callable[[FigureSheet, Grid], None]]] = {
    "grid-pass-at-1": ("pass@1 over iterations", pass_at_1_grid),
    "grid-gains": ("Gains, and M₁'s coverage", gains_grid),
    "grid-diversity": ("Diversity of correct answers over iterations", diversity_grid),
    "grid-pass-at-n": ("Reach: pass@N over iterations", pass_at_n_grid),
    "grid-ood": ("Accuracy on other problems over iterations", ood_grid),
}
"""Name -> (title, drawing function), in the order of a report."""


def grids_of(grid: Grid) -> list[str]:
    """The figures that a grid has data for."""
    studies = [cell.study for cell in cells_of(grid) if cell.study]
    lacking = {"grid-pass-at-n"} if not studies else set()
    if not any(study.get("suites") for study in studies):
        lacking.add("grid-ood")
    return [name for name in GRIDS if name not in lacking]
