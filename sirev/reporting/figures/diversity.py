"""Figures of diversity: over t (the paper's Figure 4), and accuracy against diversity as a path over t."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from sirev.metrics.comparison.nulls import is_null
from sirev.metrics.families import VARIETIES
from sirev.metrics.families.diversity import GROUPS, PAPER_DRAWS
from sirev.metrics.families.shown import Variety
from sirev.metrics.statistic import Statistic
from sirev.metrics.study_verdict import MATCHED
from sirev.reporting.figures.accuracy import draw_nulls, seeds_note
from sirev.reporting.figures.canvas import MARKERS, FigureSheet, room_for_names, short
from sirev.reporting.figures.paper import draw_beside
from sirev.reporting.figures.series import (
    Curve,
    MethodRuns,
    draws_of,
    has_values,
    methods,
    over_t,
    path_of,
    seeds_mean,
    times,
)
from sirev.reporting.pass_at_1 import pass_at_1_name
from sirev.reporting.sections.run_rows import Study

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DISTINCT_N = VARIETIES[0]
OF_FORMS = tuple(variety for variety in VARIETIES[1:] if variety.matched)
"""The size-matched varieties besides Distinct-N, which say more."""
SIZE = str(MATCHED)
"""Number of answers per problem behind size-matched values, as a key."""


def diversity_figure(sheet: FigureSheet, comparison: Study) -> None:
    """Draw a row per measure and a column per group of answers: solid over up to 50 draws, dashed size-matched."""
    found = methods(comparison)
    ts = times(found)
    rows = [variety for variety in VARIETIES if has_values(_all_curves(found, variety.path))] or [DISTINCT_N]
    grid = sheet.panels(len(rows), len(GROUPS), 2.6 + room_for_names(found), 2.1, sharey="row", sharex=True)
    for variety, panels in zip(rows, grid, strict=True):
        for group, panel in zip(GROUPS, panels, strict=True):
            sheet.x_of_t(panel, ts, "iteration t" if variety is rows[-1] else "")
            if variety is rows[0]:
                panel.set_title(f"{group} answers")
            draw_nulls(sheet, panel, comparison, ts[-1] if ts else 1, path_of("diversity", group, *variety.path), label=False)
            for method in found:
                curves = [over_t(run, path_of("diversity", group, *variety.path)) for run in method.runs]
                sheet.method(panel, method, curves, interval="band", label=True)
                _matched(sheet, panel, method, group, variety)
            draw_beside(sheet, panel, path_of("diversity", group, *variety.path), found, 4)
        panels[0].set_ylabel(variety.axis)
        sheet.share_limits(panels)
    dashed = any(has_values(_all_curves(found, ("matched", SIZE, *variety.path))) for variety in rows)
    matched = f"Dashed: size-matched, m = {SIZE} answers to each problem. " if dashed else ""
    sheet.notes.append(f"Solid: {_drawn(found)}. {matched}Bands: 95% intervals.")
    if any(is_null(run["method"]) for run in comparison.get("runs", [])):
        sheet.notes.append("Grey: null runs.")
    seeds_note(sheet, found)


def _drawn(found: list[MethodRuns]) -> str:
    """The draws behind values that are not size-matched, in words: at most the paper's number."""
    draws = draws_of(found)
    return f"all {draws} draws" if 0 < draws <= PAPER_DRAWS else f"the first {PAPER_DRAWS} draws"


def _all_curves(found: list[MethodRuns], path: tuple[str, ...]) -> list[Curve]:
    return [over_t(run, path_of("diversity", group, *path)) for method in found for run in method.runs for group in GROUPS]


def _matched(sheet: FigureSheet, panel: Axes, method: MethodRuns, group: str, variety: Variety) -> None:
    curve = seeds_mean([over_t(run, path_of("diversity", group, "matched", SIZE, *variety.path)) for run in method.runs])
    if has_values([curve]):
        marker: dict[str, Any] = {"marker": MARKERS[method.place % len(MARKERS)], "markersize": 2.5, "markeredgewidth": 0}
        sheet.line(
            panel, curve, f"{method.name}, m = {SIZE}", sheet.colour(method), ls=(0, (3, 1.5)), lw=1.1, interval="band", **marker
        )


def trade_off(sheet: FigureSheet, comparison: Study) -> None:
    """Draw pass@1 against the diversity of correct answers, with arrows from M_1 to M_T.

    The left panel is over the paper's number of draws, the right one size-matched.
    """
    from matplotlib.ticker import MaxNLocator

    found = methods(comparison)
    panels = sheet.panels(1, 2, 3.75, 2.9, sharey=True)[0]
    titles = (_drawn(found), f"size-matched, m = {SIZE}")
    for panel, title, prefix in zip(panels, titles, ((), ("matched", SIZE)), strict=True):
        shown = _most_telling(found, prefix)
        path = path_of("diversity", "correct", *prefix, *shown.path)
        panel.set_title(title)
        panel.set_xlabel(f"{shown.axis.removesuffix(' (%)')} of correct answers (%)")
        panel.grid(True, axis="both")
        panel.xaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))
        for method in found:
            for run in method.runs:
                spread, right = over_t(run, path), over_t(run, path_of("pass_at_1"))
                _path(sheet, panel, method, spread, right, f"{method.name}, seed {run['seed']}", thin=len(method.runs) > 1)
            if len(method.runs) > 1:
                spread = seeds_mean([over_t(run, path) for run in method.runs])
                right = seeds_mean([over_t(run, path_of("pass_at_1")) for run in method.runs])
                _path(sheet, panel, method, spread, right, method.name)
        if panel.get_lines():
            low, high = panel.get_xlim()
            panel.set_xlim(0 if low <= high / 2 else low, high + 0.1 * (high - low))  # room for the name of M_1
        else:
            panel.set_xticks([])
    panels[0].set_ylabel(f"{pass_at_1_name(comparison['runs'])} (%)")
    sheet.share_limits(panels)
    sheet.legend([(short(method.name), sheet.colour(method), MARKERS[method.place % len(MARKERS)]) for method in found])
    sheet.notes.append(
        "Arrows lead from each model to the next; up: more accurate, left: less diverse. Crosses at both ends: 95% intervals."
    )
    seeds_note(sheet, found)


def _most_telling(found: list[MethodRuns], prefix: tuple[str, ...]) -> Variety:
    """The most telling variety that was measured: of equation lists or programs, else Distinct-N."""
    runs = [run for method in found for run in method.runs]
    for variety in OF_FORMS:
        if has_values(over_t(run, path_of("diversity", "correct", *prefix, *variety.path)) for run in runs):
            return variety
    return DISTINCT_N


def _path(
    sheet: FigureSheet, panel: Axes, method: MethodRuns, spread: Curve, right: Curve, name: str, *, thin: bool = False
) -> None:
    accuracy = {t: one["value"] for t, one in right if one["value"] is not None}
    points = [(int(t), 100 * one["value"], 100 * accuracy[t]) for t, one in spread if one["value"] is not None and t in accuracy]
    if not points:
        sheet.heed(panel, [one for _, one in [*spread, *right] if one["value"] is None])
        return
    sheet.heed(panel, [one for _, one in spread])
    colour = sheet.colour(method)
    look = {"lw": 0.6, "alpha": 0.5} if thin else {"lw": 0, "markersize": 4.5, "marker": MARKERS[method.place % len(MARKERS)]}
    panel.plot([p[1] for p in points], [p[2] for p in points], color=colour, label=name, markeredgewidth=0, **look)
    if thin:
        return
    for (_, x, y), (_, next_x, next_y) in itertools.pairwise(points):
        arrow = {"arrowstyle": "-|>", "color": colour, "lw": 1.3, "shrinkA": 2, "shrinkB": 2, "mutation_scale": 8}
        panel.annotate("", (next_x, next_y), (x, y), arrowprops=arrow)
    for t in {points[0][0], points[-1][0]}:
        _cross(panel, dict(spread)[t], dict(right)[t], colour)
    if method.place == 0:
        sheet.label(panel, points[0][1], points[0][2], sheet.model(points[0][0]), sheet.ink.text)


def _cross(panel: Axes, spread: Statistic, right: Statistic, colour: str) -> None:
    """Draw both intervals of a point."""
    x, y = spread["value"], right["value"]
    look: dict[str, Any] = {"lw": 0.8, "alpha": 0.7, "zorder": 2}
    if spread["low"] is not None and spread["high"] is not None and y is not None:
        panel.hlines([100 * y], [100 * spread["low"]], [100 * spread["high"]], colour, **look)
    if right["low"] is not None and right["high"] is not None and x is not None:
        panel.vlines([100 * x], [100 * right["low"]], [100 * right["high"]], colour, **look)
