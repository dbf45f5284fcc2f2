"""Figures of a comparison: the paper's Figures 1 to 5 for one's own runs, pass@k curves, accuracy against diversity.

They read the `compare` artifact alone. matplotlib is imported when a figure is drawn, not with this module.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from sirev.errors import BadInput
from sirev.reporting.figures import accuracy, diversity, sampling
from sirev.reporting.figures.canvas import DARK, LIGHT, FigureSheet, Ink, style
from sirev.reporting.figures.sentences import SENTENCES
from sirev.reporting.figures.series import Comparison, methods, step_names
from sirev.reporting.figures.svg_element import embedded, recoloured
from sirev.reporting.output_files import written_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FIGURES: dict[str, tuple[str, Callable[[FigureSheet, dict[str, Any]], None]]] = {
    "pass-at-1": ("pass@1 over iterations", accuracy.pass_at_1),
    "coverage": ("M₁'s coverage, and each method's gains", accuracy.coverage_figure),
    "improvement": ("Newly solved problems: were they within M₁'s reach?", sampling.improvement_figure),
    "pass-at-k": ("pass@k of every model", sampling.pass_at_k),
    "diversity": ("Diversity of answers over iterations", diversity.diversity_figure),
    "trade-off": ("Accuracy against diversity", diversity.trade_off),
    "ood": ("Out-of-distribution accuracy", accuracy.ood_figure),
}
"""Name -> (title, what draws it on a sheet), in the order of a report."""

_FORMATS = ("svg", "pdf", "png")


def figures_of(comparison: Comparison) -> list[str]:
    """The figures that a comparison has something for: "ood" only where a suite of other problems was evaluated."""
    return [name for name in FIGURES if name != "ood" or comparison.get("suites")]


def draw(comparison: dict[str, Any], name: str, *, dark: bool = False, titled: bool = True) -> Figure:
    """One figure of a comparison as a matplotlib `Figure` with an Agg canvas, laid out.

    A figure for which the comparison has no value says "none" and the reason. Raises `BadInput` for an unknown name.
    """
    return _drawn(comparison, name, DARK if dark else LIGHT, titled).figure


def _drawn(comparison: dict[str, Any], name: str, ink: Ink, titled: bool) -> FigureSheet:
    if name not in FIGURES:
        raise BadInput(f"no figure {name!r} (known: {', '.join(FIGURES)})")
    title, onto = FIGURES[name]
    with _styled(ink):
        found = methods(comparison)
        sheet = FigureSheet(ink, title if titled else None, [method.name for method in found], step_names(found))
        onto(sheet, comparison)
        sheet.close()
        return sheet


def write_figures(comparison: dict[str, Any], folder: Path, formats: Sequence[str] = _FORMATS) -> list[Path]:
    """Every figure that there is something for, in every format, as FOLDER/NAME.FORMAT; the paths written.

    The same comparison gives the same bytes (with the same matplotlib). Raises `BadInput` for an unknown format.
    """
    unknown = [form for form in formats if form not in _FORMATS]
    if unknown:
        raise BadInput(f"no figure format {unknown[0]!r} (known: {', '.join(_FORMATS)})")
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name in figures_of(comparison):
        figure = draw(comparison, name)
        for form in formats:
            path = folder / f"{name}.{form}"
            written_file(path).write_bytes(_saved(figure, form, name, LIGHT))
            written.append(path)
    return written


def svg(comparison: dict[str, Any], name: str, dark: bool = False) -> str:
    """One figure as an <svg> element to put into a web page: no prolog, no title line, transparent, text as text.

    Its ids begin with the figure's name (and -dark), so that many fit on a page; its style rules reach no further than itself.
    `role="img"` and a <title> carry the sentence of `describe`.
    """
    file = _transparent(draw(comparison, name, dark=dark, titled=False), name, dark)
    return _element(file, comparison, name, dark)


def both_themes(comparison: dict[str, Any], name: str) -> tuple[str, str] | None:
    """A figure as `svg` gives it, for light and dark paper; None where it has no value at all."""
    sheet = _drawn(comparison, name, LIGHT, titled=False)
    if not sheet.figure.axes:
        return None
    file = _transparent(sheet.figure, name, dark=False)
    light = _element(file, comparison, name, dark=False)
    if sheet.ambiguous:
        return light, svg(comparison, name, dark=True)
    return light, _element(recoloured(file, sheet.twins), comparison, name, dark=True)  # drawing takes seconds


def _own(name: str, dark: bool) -> str:
    return f"figure-{name}" + ("-dark" if dark else "")


def _transparent(figure: Figure, name: str, dark: bool) -> str:
    figure.patch.set_alpha(0)
    return _saved(figure, "svg", _own(name, dark), DARK if dark else LIGHT).decode("utf-8")


def _element(file: str, comparison: dict[str, Any], name: str, dark: bool) -> str:
    return embedded(file, _own(name, dark), describe(comparison, name))


def describe(comparison: dict[str, Any], name: str) -> str:
    """A sentence that says what a figure shows, with its main numbers, for those who can't see it."""
    if name not in FIGURES:
        raise BadInput(f"no figure {name!r} (known: {', '.join(FIGURES)})")
    return SENTENCES[name](comparison)


def _saved(figure: Figure, form: str, own: str, ink: Ink) -> bytes:
    # What these formats would write of themselves: the date, and in PNG the library.
    metadata: dict[str, Any] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {"Software": None}}[form]
    buffer = io.BytesIO()
    with _styled(ink, own):
        figure.savefig(buffer, format=form, metadata=metadata)
    return buffer.getvalue()


@contextmanager
def _styled(ink: Ink, hash_salt: str = "sirev") -> Iterator[None]:
    import matplotlib

    with matplotlib.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # a name in another script: boxes, no error
        matplotlib.rcdefaults()  # a user's matplotlibrc changes nothing
        matplotlib.rcParams.update(cast(Any, style(ink, hash_salt)))
        yield
