"""Figures of accuracy: over t (the paper's Figure 1), coverage of M_1 and gains (Figure 2), other suites (Figure 5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sirev.metrics.comparison.nulls import GOLD, NULL, RESAMPLE, RETRAIN
from sirev.metrics.families.shown import Panel
from sirev.metrics.statistic import Statistic, absent
from sirev.reporting.figures.canvas import MARKERS, FigureSheet, room_for_names, short
from sirev.reporting.figures.paper import draw_beside
from sirev.reporting.figures.series import (
    MethodRuns,
    has_values,
    iteration,
    methods,
    model,
    null_groups,
    numbers,
    over_n,
    over_t,
    path_of,
    seeds_mean,
    stat,
    times,
    values,
)
from sirev.reporting.pass_at_1 import pass_at_1_name
from sirev.reporting.sections.run_rows import Study, suite_in_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SEED_NOTE = "Thin lines: seeds; thick: their mean, with the mean of their intervals."


def draw_nulls(
    sheet: FigureSheet, panel: Axes, comparison: Study, x: float, path: tuple[str, ...], *, label: bool = True, scale: float = 100
) -> None:
    """Draw a statistic's null runs: bands for M_1 retrained or redrawn, grey lines up to t = `x` for gold solutions."""
    for name, verb in ((RETRAIN, "retrained"), (RESAMPLE, "redrawn")):
        runs = [run for group in null_groups(comparison, name) for run in group.runs]
        found = [value for run in runs for value in values(over_t(run, path))]
        sheet.band(panel, found, name, x, f"M₁ {verb}" if label else "", scale)
    for group in null_groups(comparison, GOLD):
        for run in group.runs:
            name = group.name.removeprefix(NULL)
            look: dict[str, Any] = {"lw": 0.9, "ls": (0, (4, 2)), "marker": ".", "zorder": 2, "scale": scale}
            within = [(t, one) for t, one in over_t(run, path) if t <= x]
            sheet.line(panel, within, group.name, sheet.ink.null, label=short(name) if label else "", **look)


def seeds_note(sheet: FigureSheet, found: list[MethodRuns]) -> None:
    """Add the note on lines of seeds, if a method has several."""
    if any(len(method.runs) > 1 for method in found):
        sheet.notes.append(SEED_NOTE)


def shifts(found: list[MethodRuns], ts: list[int], share: float = 0.018) -> list[float]:
    """Sideways shifts per method, `share` of the axis apart, so that intervals at the same t do not overlap."""
    step = share * (ts[-1] - ts[0] if len(ts) > 1 else 1)
    return [(method.place - (len(found) - 1) / 2) * step for method in found]


def pass_at_1(sheet: FigureSheet, comparison: Study) -> None:
    """Draw pass@1 over t, with a line per method."""
    over_iterations(sheet, comparison, [Panel(f"{pass_at_1_name(comparison['runs'])} (%)", path_of("pass_at_1"))])


def over_iterations(sheet: FigureSheet, comparison: Study, panels: Sequence[Panel]) -> None:
    """Draw statistics over t, with a panel per statistic and a line per method."""
    found = methods(comparison)
    ts = times(found)
    row = sheet.panels(1, len(panels), 5.2, 3.0)[0]
    for panel, shown in zip(row, panels, strict=True):
        scale = 100 if shown.share else 1
        sheet.x_of_t(panel, ts)
        draw_nulls(sheet, panel, comparison, ts[-1] if ts else 1, shown.path, scale=scale)
        for method, shift in zip(found, shifts(found, ts), strict=True):
            curves = [over_t(run, shown.path) for run in method.runs]
            sheet.method(panel, method, curves, interval="caps", shift=shift, scale=scale)
        if shown.path == path_of("pass_at_1") and found:
            _first(sheet, panel, found, shown.path)
            sheet.notes.append("Dotted: M₁.")
            draw_beside(sheet, panel, shown.path, found, 1)
        panel.set_ylabel(shown.axis)
        if shown.share:
            sheet.share_limits([panel])
    sheet.notes.append("Bars: 95% intervals over problems.")
    seeds_note(sheet, found)


def coverage_figure(sheet: FigureSheet, comparison: Study) -> None:
    """Draw M_1's coverage, in both readings and on both splits, next to each method's best and last gain over M_1."""
    from matplotlib.ticker import MaxNLocator

    found = methods(comparison)
    [[left, right]] = sheet.panels(1, 2, 2.9, max(2.1, 1.1 + 0.36 * len(found)))
    _readings(sheet, left, found)
    right.axvline(0, color=sheet.ink.muted, lw=0.8, zorder=1)
    elsewhere = False  # whether a best t is not the last
    for row, method in enumerate(found):
        colour = sheet.colour(method)
        look: dict[str, Any] = {"marker": MARKERS[method.place % len(MARKERS)], "markersize": 5.5}
        t, best = best_gain(method)
        apart = t is not None and t != method.last
        sheet.dot(right, gain(method, method.last), row + 0.17 * apart, f"{method.name}, last", colour, **look)
        if apart:
            hollow: dict[str, Any] = {**look, "markerfacecolor": sheet.ink.paper, "zorder": 4}
            sheet.dot(right, best, row - 0.17, f"{method.name}, best", colour, **hollow)
            sheet.label(right, 100 * (best["high"] or best["value"] or 0), row - 0.17, f"best: t = {t}", sheet.ink.muted)
        elsewhere = elsewhere or apart
    right.set_yticks(range(len(found)), [short(method.name) for method in found])
    right.set_ylim(max(1, len(found)) - 0.5, -0.5)
    right.set_xlabel("gain in pass@1 over M₁ (points)")
    right.set_title("Gains")
    right.xaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))
    if len(right.get_lines()) < 2:  # only the line at zero
        right.set_xticks([])
    right.grid(True, axis="x")
    right.grid(False, axis="y")
    sheet.notes.append(("Filled: the last t; hollow: the best t. " if elsewhere else "") + "Bars: 95% intervals.")
    sheet.notes.append("mass: mean share of correct draws; solved: share of problems with a correct draw.")
    if not sheet.steps:  # the rule chooses a training method
        sheet.notes.append(_advice(found))


def _readings(sheet: FigureSheet, panel: Axes, found: list[MethodRuns]) -> None:
    rows = [(reading, split) for reading in ("mass", "solved") for split in ("train", "test")]
    by_seed = {run["seed"]: run for method in found for run in method.runs}
    spread, size = 0.6 / max(1, len(by_seed)), 4.5 if len(by_seed) == 1 else 3
    panel.axvline(50, color=sheet.ink.muted, lw=0.8, ls=(0, (4, 2)), zorder=1)
    if sheet.published is not None:
        panel.axvline(100 * sheet.published.coverage, color=sheet.ink.null, lw=1.4, zorder=1, label="published")
        sheet.notes.append(f"Grey line: the coverage that the paper names, {100 * sheet.published.coverage:.1f}%.")
    for row, (reading, split) in enumerate(rows):
        covered = [stat(iteration(run, 1), "coverage", reading, split) for run in by_seed.values()]
        for i, one in enumerate(covered):
            at = row + (i - (len(covered) - 1) / 2) * spread
            sheet.dot(panel, one, at, f"{reading}, {split}", sheet.ink.text, marker="o", markersize=size)
        if all(one["value"] is None for one in covered):
            panel.text(2, row, "none", va="center", fontsize=7.5, color=sheet.ink.muted)
    panel.set_yticks(range(4), [f"{reading}, {split}" for reading, split in rows])
    panel.set_ylim(3.5, -0.5)
    panel.set_xlim(0, 100)
    panel.set_xlabel("coverage of correct answers (%)")
    panel.set_title("M₁'s coverage")
    panel.grid(True, axis="x")
    panel.grid(False, axis="y")


def _advice(found: list[MethodRuns]) -> str:
    advice = next((run["advice"] for method in found for run in method.runs if run.get("advice")), None)
    said = f"advises {advice['methods']}" if advice and advice["methods"] else "gives no advice here"
    reason = f": {advice['reason']}" if advice and advice["reason"] else ""
    return f"The paper's rule (the side of 50% that coverage lies on) {said}{reason}."


def gain(method: MethodRuns, t: int | None) -> Statistic:
    """pass@1 of M_t minus that of M_1, in -1..1: the mean over seeds, with the comparison's paired interval if it has one."""
    if t is None or t < 2:
        return absent("M_1 is the only model")
    found = []
    for run in method.runs:
        paired = stat(iteration(run, t), "against_m1", "pass_at_1", "difference")
        here, first = (stat(iteration(run, at), "pass_at_1") for at in (t, 1))
        if paired["value"] is None and here["value"] is not None and first["value"] is not None:
            paired = {"value": here["value"] - first["value"], "low": None, "high": None, "n": here["n"], "reason": None}
        found.append([(float(t), paired)])
    return seeds_mean(found)[0][1]


def best_gain(method: MethodRuns) -> tuple[int | None, Statistic]:
    """The t of the largest gain (the earliest of equals), and the gain. A maximum over t is biased upwards."""
    gains = [(t, gain(method, t)) for t in range(2, method.last + 1)]
    there = [(one["value"], -t, one) for t, one in gains if one["value"] is not None]
    if not there:
        return None, absent("M_1 is the only model")
    _, negative, one = max(there, key=lambda entry: entry[:2])
    return -negative, one


def ood_figure(sheet: FigureSheet, comparison: Study) -> None:
    """Draw two rows per suite: accuracy, group disparity and pass@k of draws; then accuracy by level, per method."""
    found, suites = methods(comparison), list(comparison.get("suites") or [])
    if not suites or not found:
        sheet.panels(1, 1, 5, 1.4)
        sheet.reason = "no suite of other problems was evaluated"
        return
    ts = times(found)
    drawn = any("pass_at_n" in one for method in found for suite in suites for one in _on_suite(method, suite))
    columns = max(2 + drawn, len(found))
    grid = sheet.panels(2 * len(suites), columns, 2.5 + room_for_names(found), 2.2)
    for suite, above, below in zip(suites, grid[::2], grid[1::2], strict=True):
        whole, disparity, *more = above
        by_level = below[: len(found)]
        for panel in [*more[drawn:], *below[len(found) :]]:
            sheet.drop(panel)
        for panel in (whole, disparity, *by_level):
            sheet.x_of_t(panel, ts, "iteration t" if panel in by_level else "")
        for panel in by_level[1:]:
            panel.sharey(by_level[0])
            panel.tick_params(labelleft=False)
        draw_nulls(sheet, whole, comparison, ts[-1] if ts else 1, path_of("ood", suite, "accuracy"), label=False)
        for method, shift in zip(found, shifts(found, ts, 0.03), strict=True):
            for panel, key in ((whole, "accuracy"), (disparity, "group_disparity")):
                curves = [over_t(run, path_of("ood", suite, key)) for run in method.runs]
                sheet.method(panel, method, curves, interval="caps", shift=shift)
            _levels(sheet, by_level[method.place], method, suite)
        for panel, key in ((whole, "accuracy"), (disparity, "group_disparity")):
            _first(sheet, panel, found, path_of("ood", suite, key))
            draw_beside(sheet, panel, path_of("ood", suite, key), found, 5)
        if drawn:
            _pass_at_k(sheet, more[0], found, suite)
        of = f"{suite_in_words(short(suite, 30))}: " if len(suites) > 1 else ""
        whole.set_title(f"{of}greedy, overall" if of else f"{suite_in_words(short(suite, 30))}, greedy")
        disparity.set_title(f"{of}group disparity")
        for panel, method in zip(by_level, found, strict=True):
            panel.set_title(f"{of}{short(method.name)}, by level")
        whole.set_ylabel("accuracy (%)")
        by_level[0].set_ylabel("accuracy by level (%)")
        disparity.set_ylabel("group disparity (%)")
        sheet.share_limits([whole])
        sheet.share_limits(by_level)
        if disparity.get_lines():
            disparity.set_ylim(min(-1.5, disparity.get_ylim()[0]), 101.5)
    sheet.notes.append(
        "Group disparity: what the hardest level loses of the easiest level's accuracy. Bars, bands: 95% intervals."
    )
    sheet.notes.append("Dotted: M₁.")
    if any(_levels_of(method, suite) for method in found for suite in suites):
        sheet.notes.append("By level: the numbers at line ends are levels.")
    if drawn:
        sheet.notes.append("pass@k: from samples, of M₁ and the last model.")
    seeds_note(sheet, found)


def _first(sheet: FigureSheet, panel: Axes, found: list[MethodRuns], path: tuple[str, ...]) -> None:
    """Draw a dotted line at M_1's value, the mean over seeds."""
    first = seeds_mean([over_t(run, path)[:1] for run in found[0].runs])
    for _, one in first:
        if one["value"] is not None:
            panel.axhline(100 * one["value"], color=sheet.ink.muted, lw=0.8, ls=(0, (1, 1.6)), zorder=1, label="M₁'s")


def _on_suite(method: MethodRuns, suite: str) -> list[Any]:
    """The results of every model on a suite."""
    return [found for run in method.runs for i in run["iterations"] if (found := i.get("ood", {}).get(suite))]


def _pass_at_k(sheet: FigureSheet, panel: Axes, found: list[MethodRuns], suite: str) -> None:
    """Draw pass@k of the draws on a suite, for M_1 and for each method's last model."""
    first = [over_n(iteration(run, 1), "ood", suite, "pass_at_n") for run in found[0].runs]
    curves = [(model(1), sheet.ink.text, seeds_mean(first))]
    for method in found:
        last = [over_n(iteration(run, method.last), "ood", suite, "pass_at_n") for run in method.runs]
        curves += [(short(method.name), sheet.colour(method), seeds_mean(last))] if method.last > 1 else []
    if not has_values(curve for _, _, curve in curves):
        sheet.heed(panel, [absent("the suite was not drawn from")])
    for name, colour, curve in curves:
        sheet.line(panel, curve, name, colour, label=name, interval="band")
    sheet.x_of_n(panel, sorted({n for _, _, curve in curves for n, _ in curve}), "draws k")
    panel.set_ylabel("pass@k (%)")
    sheet.share_limits([panel])
    panel.set_title("from samples")


def _levels_of(method: MethodRuns, suite: str) -> list[str]:
    suites = [i.get("ood", {}) for run in method.runs for i in run["iterations"]]
    return numbers({level for one in suites if suite in one for level in one[suite].get("levels", {})})


def _levels(sheet: FigureSheet, panel: Axes, method: MethodRuns, suite: str) -> None:
    levels = _levels_of(method, suite)
    if not levels:
        sheet.heed(panel, [absent("the suite has no levels")])
    for place, level in enumerate(levels):
        full = sheet.colour(method)
        colour = sheet.shade(full, 0.45 + 0.55 * (len(levels) - place) / len(levels))
        curve = seeds_mean([over_t(run, path_of("ood", suite, "levels", level)) for run in method.runs])
        look: dict[str, Any] = {"label": short(level, 8), "label_colour": full, "marker": ".", "lw": 1.3, "interval": "band"}
        sheet.line(panel, curve, f"{method.name}, level {level}", colour, **look)
