"""Figures of a comparison: the paper's Figures 1 to 5 for your runs, pass@k curves, accuracy against diversity.

They need the `compare` artifact alone. matplotlib is imported when a figure is drawn, not with this module.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from sirev.errors import BadInput
from sirev.metrics.families import SHOWN
from sirev.reporting.figures import accuracy, diversity, sampling
from sirev.reporting.figures.canvas import DARK, LIGHT, FigureSheet, Ink, style
from sirev.reporting.figures.grids import GRIDS, Grid, grids_of, method_names
from sirev.reporting.figures.sentences import SENTENCES, of_grid
from sirev.reporting.figures.series import methods, step_names
from sirev.reporting.figures.svg_element import embedded, recoloured
from sirev.reporting.output_files import written_file
from sirev.reporting.published import Published
from sirev.reporting.sections.run_rows import Study

if TYPE_CHECKING:
    from matplotlib.figure import Figure

OF_FAMILIES = {figure.name: figure for shown in SHOWN for figure in shown.figures}
FIGURES: dict[str, tuple[str, Callable[[FigureSheet, Study], None]]] = {
    "pass-at-1": ("pass@1 over iterations", accuracy.pass_at_1),
    "coverage": ("M₁'s coverage, and each method's gains", accuracy.coverage_figure),
    "improvement": ("Newly solved problems: were they within M₁'s reach?", sampling.improvement_figure),
    "pass-at-k": ("pass@k of every model", sampling.pass_at_k),
    "diversity": ("Diversity of answers over iterations", diversity.diversity_figure),
    "trade-off": ("Accuracy against diversity", diversity.trade_off),
    "ood": ("Out-of-distribution accuracy", accuracy.ood_figure),
    **{name: (figure.title, partial(accuracy.over_iterations, panels=figure.panels)) for name, figure in OF_FAMILIES.items()},
}
"""Name -> (title, drawing function), in the order of a report."""

_FORMATS = ("svg", "pdf", "png")


def figures_of(comparison: Study) -> list[str]:
    """The figures that a comparison has data for: "ood" only if a suite of other problems was evaluated."""
    fields = {field for run in comparison["runs"] for iteration in run["iterations"] for field in iteration}
    lacking = {name for name, figure in OF_FAMILIES.items() if figure.panels[0].path[0] not in fields}
    return [name for name in FIGURES if name not in lacking and (name != "ood" or comparison.get("suites"))]


@dataclass(frozen=True)
class _Picture:
    """The parts of a figure: title, names of methods (for colours) and of steps, and the function that draws it."""

    title: str
    names: Sequence[str]
    steps: Sequence[str]
    onto: Callable[[FigureSheet], None]
    published: Published | None = None


def _of_study(comparison: Study, name: str, published: Published | None) -> _Picture:
    if name not in FIGURES:
        raise BadInput(f"no figure {name!r} (known: {', '.join(FIGURES)})")
    title, onto = FIGURES[name]
    found = methods(comparison)
    return _Picture(title, [method.name for method in found], step_names(found), lambda sheet: onto(sheet, comparison), published)


def _of_grid(grid: Grid, name: str) -> _Picture:
    title, onto = GRIDS[name]
    return _Picture(title, method_names(grid), (), lambda sheet: onto(sheet, grid))


def draw(comparison: Study, name: str, *, dark: bool = False, titled: bool = True, published: Published | None = None) -> Figure:
    """Draw one figure of a comparison: a matplotlib `Figure` with an Agg canvas, laid out, with `published` curves if given.

    A figure without any value says "none" and the reason. Raises BadInput for an unknown name.
    """
    return _drawn(_of_study(comparison, name, published), DARK if dark else LIGHT, titled).figure


def draw_grid(grid: Grid, name: str, *, dark: bool = False, titled: bool = True) -> Figure:
    """Draw one figure of several studies (`grids.arranged`), with a panel per study, as `draw` does."""
    return _drawn(_of_grid(grid, name), DARK if dark else LIGHT, titled).figure


def _drawn(picture: _Picture, ink: Ink, titled: bool) -> FigureSheet:
    with _styled(ink):
        title = picture.title if titled else None
        sheet = FigureSheet(ink, title, picture.names, picture.steps, picture.published)
        picture.onto(sheet)
        sheet.close()
        return sheet


@dataclass(frozen=True)
class ShownFigure:
    """A figure for a notebook: `sentence` describes it, `svg` is the whole image."""

    name: str
    sentence: str
    svg: str = field(repr=False)

    def _repr_svg_(self) -> str:
        return self.svg


def figure_to_show(comparison: Study, name: str, published: Published | None = None) -> ShownFigure:
    """One figure of a comparison for a notebook, on white paper. Raises BadInput for an unknown name."""
    image = _saved(draw(comparison, name, published=published), "svg", name, LIGHT)
    return ShownFigure(name, describe(comparison, name), image.decode("utf-8"))


def write_figures(
    comparison: Study, folder: Path, formats: Sequence[str] = _FORMATS, published: Published | None = None
) -> list[Path]:
    """Write every figure that has data, in every format, as FOLDER/NAME.FORMAT. Returns the paths.

    The same comparison gives the same bytes, with the same matplotlib. Raises BadInput for an unknown format.
    """
    drawn = ((name, draw(comparison, name, published=published)) for name in figures_of(comparison))
    return _written(drawn, folder, formats)


def write_grids(grid: Grid, folder: Path, formats: Sequence[str] = _FORMATS) -> list[Path]:
    """Write every figure of several studies that has data, as `write_figures` does."""
    return _written(((name, draw_grid(grid, name)) for name in grids_of(grid)), folder, formats)


def _written(figures: Iterable[tuple[str, Figure]], folder: Path, formats: Sequence[str]) -> list[Path]:
    unknown = [form for form in formats if form not in _FORMATS]
    if unknown:
        raise BadInput(f"no figure format {unknown[0]!r} (known: {', '.join(_FORMATS)})")
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, figure in figures:
        for form in formats:
            path = folder / f"{name}.{form}"
            written_file(path).write_bytes(_saved(figure, form, name, LIGHT))
            written.append(path)
    return written


def svg(comparison: Study, name: str, dark: bool = False) -> str:
    """One figure as an <svg> element for a web page: no prolog, no title line, transparent, text as text.

    Its ids begin with the figure's name (and -dark), so that many figures fit on a page. Its style rules apply to itself alone.
    `role="img"` and a <title> carry the sentence of `describe`.
    """
    return _svg(_of_study(comparison, name, None), name, describe(comparison, name), dark)


def _svg(picture: _Picture, name: str, sentence: str, dark: bool) -> str:
    sheet = _drawn(picture, DARK if dark else LIGHT, titled=False)
    return embedded(_transparent(sheet.figure, name, dark), _own(name, dark), sentence)


def both_themes(comparison: Study, name: str, published: Published | None = None) -> tuple[str, str] | None:
    """A figure on light and on dark paper, as `svg` gives it; None if it has no value at all."""
    return _both_themes(_of_study(comparison, name, published), name, describe(comparison, name))


def both_themes_of_grid(grid: Grid, name: str) -> tuple[str, str] | None:
    """A figure of several studies on light and on dark paper, as `both_themes` gives it."""
    return _both_themes(_of_grid(grid, name), name, describe_grid(grid, name))


def _both_themes(picture: _Picture, name: str, sentence: str) -> tuple[str, str] | None:
    sheet = _drawn(picture, LIGHT, titled=False)
    if not sheet.figure.axes:
        return None
    file = _transparent(sheet.figure, name, dark=False)
    light = embedded(file, _own(name, dark=False), sentence)
    if sheet.ambiguous:
        return light, _svg(picture, name, sentence, dark=True)
    dark = recoloured(file, sheet.twins)  # drawing takes seconds
    return light, embedded(dark, _own(name, dark=True), sentence)


def _own(name: str, dark: bool) -> str:
    return f"figure-{name}" + ("-dark" if dark else "")


def _transparent(figure: Figure, name: str, dark: bool) -> str:
    figure.patch.set_alpha(0)
    return _saved(figure, "svg", _own(name, dark), DARK if dark else LIGHT).decode("utf-8")


def describe(comparison: Study, name: str) -> str:
    """A text alternative to a figure: a sentence with its main numbers. Raises BadInput for an unknown name."""
    if name not in FIGURES:
        raise BadInput(f"no figure {name!r} (known: {', '.join(FIGURES)})")
    return SENTENCES[name](comparison)


def describe_grid(grid: Grid, name: str) -> str:
    """A text alternative to a figure of several studies, in a sentence."""
    return of_grid(grid, GRIDS[name][0])


def _saved(figure: Figure, form: str, own: str, ink: Ink) -> bytes:
    # Leave out what these formats add by default: the date, and in PNG the library.
    metadata: dict[str, Any] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {"Software": None}}[form]
    buffer = io.BytesIO()
    with _styled(ink, own):
        figure.savefig(buffer, format=form, metadata=metadata)
    return buffer.getvalue()


@contextmanager
def _styled(ink: Ink, hash_salt: str = "sirev") -> Iterator[None]:
    import matplotlib

    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # names in other scripts: boxes, no error
        matplotlib.rcdefaults()  # independent of the user's matplotlibrc
        matplotlib.rcParams.update(cast(Any, style(ink, hash_salt)))
        yield
