"""Diversity of answers over t (the paper's Figure 4), and accuracy against diversity as a path over t."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, Literal, cast

from sirev.metrics.comparison.nulls import is_null
from sirev.metrics.families import VARIETIES
from sirev.metrics.families.diversity import GROUPS, PAPER_DRAWS
from sirev.metrics.families.shown import Variety
from sirev.metrics.study_verdict import MATCHED
from sirev.reporting.figures.accuracy import draw_nulls, seeds_note
from sirev.reporting.figures.canvas import MARKERS, FigureSheet, room_for_names, share_limits, short
from sirev.reporting.figures.paper import draw_beside
from sirev.reporting.figures.series import (
    Curve,
    MethodRuns,
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
"""What says more than Distinct-N and is size-matched too."""
SIZE = str(MATCHED)
"""Answers of each problem that the size-matched values rest on."""


def diversity_figure(sheet: FigureSheet, comparison: Study) -> None:
    """A row a measure, a column a group of answers; solid over up to 50 draws, dashed size-matched."""
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
        share_limits(panels)
    dashed = any(has_values(_all_curves(found, ("matched", SIZE, *variety.path))) for variety in rows)
    matched = f"Dashed: size-matched, m = {SIZE} answers to each problem. " if dashed else ""
    sheet.notes.append(f"Solid: up to the first {PAPER_DRAWS} draws. {matched}Bands: 95% intervals.")
    if any(is_null(run["method"]) for run in comparison.get("runs", [])):
        sheet.notes.append("Grey: null runs.")
    seeds_note(sheet, found)


def _all_curves(found: list[MethodRuns], path: tuple[str, ...]) -> list[Curve]:
    return [over_t(run, path_of("diversity", group, *path)) for method in found for run in method.runs for group in GROUPS]


def _matched(sheet: FigureSheet, panel: Axes, method: MethodRuns, group: str, variety: Variety) -> None:
    curve = seeds_mean([over_t(run, path_of("diversity", group, "matched", SIZE, *variety.path)) for run in method.runs])
    if has_values([curve]):
        marker: dict[str, Any] = {"marker": MARKERS[method.place % len(MARKERS)], "markersize": 2.5, "markeredgewidth": 0}
        sheet.line(panel, curve, f"{method.name}, m = {SIZE}", sheet.colour(method), ls=(0, (3, 1.5)), lw=1.1, **marker)


def trade_off(sheet: FigureSheet, comparison: Study) -> None:
    """pass@1 against the diversity of right answers, M_1 to M_T by arrows: over the first 50 draws, and size-matched."""
    from matplotlib.ticker import MaxNLocator

    found = methods(comparison)
    panels = sheet.panels(1, 2, 3.4 + room_for_names(found), 3.1, sharey=True)[0]
    for panel, title, prefix in zip(
        panels, (f"up to {PAPER_DRAWS} draws", f"size-matched, m = {SIZE}"), ((), ("matched", SIZE)), strict=True
    ):
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
                _path(
                    sheet,
                    panel,
                    method,
                    spread,
                    seeds_mean([over_t(run, path_of("pass_at_1")) for run in method.runs]),
                    method.name,
                )
        _make_room(panel, found)
    panels[0].set_ylabel(f"{pass_at_1_name(comparison['runs'])} (%)")
    share_limits(panels)
    sheet.notes.append("Arrows lead from each model to the next; up: more accurate, left: less diverse.")
    seeds_note(sheet, found)


def _make_room(panel: Axes, found: list[MethodRuns]) -> None:
    """Free space left of the leftmost point for a method's name, and some on the right for M_1's."""
    points = [float(x) for line in panel.get_lines() for x in cast(Any, line.get_xdata())]
    if not points:
        panel.set_xticks([])
        return
    low, high = min(points), max(points)
    span = max(high - low, 1.0)
    longest = max(len(short(method.name)) for method in found)
    share = (0.3 + 0.062 * longest) / (2.9 + room_for_names(found))  # of the panel's width in inches
    panel.set_xlim(low - span * 1.15 * share / (1 - share), high + 0.15 * span)
    panel.set_xticks([float(tick) for tick in panel.get_xticks() if 0 <= tick <= high + 0.15 * span])  # no share is below 0


def _most_telling(found: list[MethodRuns], prefix: tuple[str, ...]) -> Variety:
    """The variety of reasoning if it was measured: of equation lists, programs, else Distinct-N."""
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
    left = len(points) > 1 and points[-1][1] < points[-2][1]  # where its last arrow is not
    side: Literal["left", "right"] = "left" if left else "right"
    sheet.label(panel, points[-1][1], points[-1][2], short(method.name), colour, side=side)
    if method.place == 0:
        sheet.label(panel, points[0][1], points[0][2], sheet.model(points[0][0]), sheet.ink.text)
