"""Figures of draws: M_1's pass@N on newly solved problems with controls (the paper's Figure 3), and pass@k curves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sirev.reporting.figures.accuracy import seeds_note
from sirev.reporting.figures.canvas import MARKERS, STEP_NAME, FigureSheet, short
from sirev.reporting.figures.series import (
    Curve,
    MethodRuns,
    has_values,
    improvement_set,
    iteration,
    methods,
    model,
    numbers,
    over_n,
    seeds_mean,
    stat,
)
from sirev.reporting.sections.run_rows import Study

if TYPE_CHECKING:
    from matplotlib.axes import Axes

RE_ROLL, STILL_WRONG = "re-roll", "still wrong"
_STYLES: tuple[Any, ...] = ("-", (0, (6, 1.5)), (0, (3, 1.2)), (0, (6, 1.5, 1.5, 1.5)), (0, (1.5, 1)))
"""Line styles of IS(T), IS(T-1), ..., which differ in line and marker too, not just in shade."""


def improvement_figure(sheet: FigureSheet, comparison: Study) -> None:
    """Draw M_1's pass@N on every IS(t), with its re-roll and the problems that stay wrong as controls; a panel per method."""
    found = methods(comparison)
    panels = sheet.panels(1, max(1, len(found)), 2.75, 2.9, sharey=True)[0]
    newer = any(method.last > 1 for method in found)
    sheet.reason = "no problem was newly solved, or nothing was drawn" if newer else "M₁ is the only model"
    ns: set[float] = set()
    for panel, method in zip(panels, found, strict=False):
        panel.set_title(f"{short(method.name)}{_sizes(method)}")
        for t in range(2, method.last + 1):
            parts = [improvement_set(run, t) for run in method.runs]
            curves = [over_n(part, "m1_pass_at_n") for part in parts]
            ns |= _abscissas(curves)
            newest = t == method.last
            full = sheet.colour(method)
            colour = full if newest else sheet.shade(full, 0.45 + 0.4 * (t - 1) / max(1, method.last - 1))
            place = method.last - t  # the last IS(t) is solid with dots in every figure
            look: dict[str, Any] = {
                "marker": MARKERS[place % len(MARKERS)],
                "markersize": 3.5,
                "ls": _STYLES[place % len(_STYLES)],
            }
            look |= {"interval": "band"} if newest else {"lw": 1.1}
            if len(curves) > 1 and newest:
                for run, curve in zip(method.runs, curves, strict=True):
                    sheet.line(panel, curve, f"IS({t}), seed {run['seed']}", colour, lw=0.6, alpha=0.6)
            named = f" {short(sheet.steps[t - 1], STEP_NAME)}" if t <= len(sheet.steps) else ""
            sheet.line(panel, seeds_mean(curves), f"IS({t})", colour, label=f"IS({t}){named}", label_colour=full, **look)
        if method.last >= 2:
            ns |= _controls(sheet, panel, method)
        _guessing(sheet, panel, comparison, ns)
    _finish(sheet, panels, ns, "M₁'s pass@N (%)", "draws N")
    for panel in panels:
        panel.set_ylim(-2, 102)
    sheet.notes.append("IS(t): problems that Mₜ gets right and M₁ wrong, both greedy.")
    drawn = {str(line.get_label()) for panel in panels for line in panel.get_lines()}
    if RE_ROLL in drawn:
        sheet.notes.append(
            "re-roll: M₁ on as many problems as the last IS(t) has, chosen by luck: those that it gets wrong and would "
            "solve by drawing again. Its band holds 95% of such sets; only IS(t) below it is evidence of something new."
        )
    if STILL_WRONG in drawn:
        sheet.notes.append("still wrong: problems that both M₁ and the last model get wrong.")
    sheet.notes.append("Bands: 95% intervals.")
    seeds_note(sheet, found)


def _controls(sheet: FigureSheet, panel: Axes, method: MethodRuns) -> set[float]:
    parts = [improvement_set(run, method.last) for run in method.runs]
    dashed, dotted = (0, (5, 2)), (0, (1, 1.4))
    reroll, rest = [over_n(part, "reroll") for part in parts], [over_n(part, "rest", "m1_pass_at_n") for part in parts]
    for curves, label, ls, ink in ((reroll, RE_ROLL, dashed, sheet.ink.text), (rest, STILL_WRONG, dotted, sheet.ink.muted)):
        if has_values(curves):  # an empty panel gives the reason of IS(t)
            sheet.line(panel, seeds_mean(curves), label, ink, label=label, ls=ls, lw=1.3, interval="band", solid_capstyle="butt")
    return _abscissas(reroll + rest)


def _sizes(method: MethodRuns) -> str:
    """The size of IS(T) in words, for a title; "" if unknown."""
    parts = [improvement_set(run, method.last) for run in method.runs]
    sizes = sorted({part["size"] for part in parts if part and part["size"] is not None})
    if method.last < 2 or not sizes:
        return ""
    count = f"{sizes[0]}" if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    return f": {count} {'problem' if count == '1' else 'problems'} in IS({method.last})"


def pass_at_k(sheet: FigureSheet, comparison: Study) -> None:
    """Draw pass@k of M_1 to M_T, with the k at which M_T falls to M_1; a panel per method.

    A second row shows other sampling temperatures, if there are any.
    """
    found = methods(comparison)
    heats = numbers({heat for m in found for run in m.runs for i in run["iterations"] for heat in i.get("temperatures") or {}})
    rows = sheet.panels(2 if heats else 1, max(1, len(found)), 2.75, 2.6, sharey=True)
    ns: set[float] = set()
    for panel, method in zip(rows[0], found, strict=False):
        panel.set_title(short(method.name))
        for t in range(1, method.last + 1):
            curves = [over_n(iteration(run, t), "pass_at_n") for run in method.runs]
            ns |= _abscissas(curves)
            ends = t in (1, method.last)
            strength = 0.45 + 0.55 * (t - 1) / max(1, method.last - 1)
            full = sheet.ink.text if t == 1 else sheet.colour(method)
            colour = full if ends else sheet.shade(full, strength)
            look = {"interval": "band", "lw": 1.8} if ends else {"lw": 1.0}
            if len(curves) > 1 and t == method.last:
                for run, curve in zip(method.runs, curves, strict=True):
                    sheet.line(panel, curve, f"{model(t)}, seed {run['seed']}", colour, lw=0.6, alpha=0.6)
            label = sheet.model(t) if ends else ""  # the other lines meet at the end, so their labels would be far off
            sheet.line(panel, seeds_mean(curves), model(t), colour, label=label, label_colour=full, **look)
        _guessing(sheet, panel, comparison, ns)
    for panel, method in zip(rows[1] if heats else [], found, strict=False):
        _heats(sheet, panel, method, heats)
    _finish(sheet, rows[0], ns, "pass@k (%)", "draws k")
    if heats:
        _finish(sheet, rows[1], ns, "pass@k (%)", "draws k")
        sheet.notes.append("Lower row: the same models at other sampling temperatures (dashed); solid: as above.")
    crossed = [_crossings(sheet, panel, method) for panel, method in zip(rows[0], found, strict=False)]
    mark = " ▲: the smallest k at which the last model's pass@k is down to M₁'s." if any(crossed) else ""
    last = max((method.last for method in found), default=1)
    between = " to ".join(sheet.model(t) for t in sorted({2, last - 1}) if 1 < t < last)
    between = f" Paler: {between}." if between else ""
    sheet.notes.insert(0, f"Bands: 95% intervals.{between}{mark}")
    seeds_note(sheet, found)


def _heats(sheet: FigureSheet, panel: Axes, method: MethodRuns, heats: list[str]) -> None:
    for t in sorted({1, method.last}):
        colour = sheet.ink.text if t == 1 else sheet.colour(method)
        first = [over_n(iteration(run, t), "pass_at_n") for run in method.runs]
        sheet.line(panel, seeds_mean(first), f"{model(t)}, first temperature", colour, label=model(t), lw=1.2)
        for place, heat in enumerate(heats):
            curves = [over_n(iteration(run, t), "temperatures", heat, "pass_at_n") for run in method.runs]
            ls = ((0, (4, 1.5)), (0, (1, 1.2)), (0, (6, 1.5, 1, 1.5)))[place % 3]
            sheet.line(panel, seeds_mean(curves), f"{model(t)} at {heat}", colour, label=f"{model(t)} at {heat}", lw=1.4, ls=ls)


def _crossings(sheet: FigureSheet, panel: Axes, method: MethodRuns) -> bool:
    """Mark the crossing k of each run on the panel's floor. Returns whether there is any; tables have the reasons."""
    colour, marked = sheet.colour(method), False
    for place, run in enumerate(method.runs):
        crossing = stat(iteration(run, method.last), "crossing")
        if crossing["value"] is None:
            continue
        marked = True
        at = 0.04 + 0.05 * place
        where: dict[str, Any] = {"transform": panel.get_xaxis_transform(), "color": colour, "clip_on": False, "zorder": 4}
        panel.plot([crossing["value"]], [at], marker="^", ls="", markersize=5, label=f"crossing, seed {run['seed']}", **where)
        if crossing["low"] is not None and crossing["high"] is not None:
            panel.plot([crossing["low"], crossing["high"]], [at, at], lw=1, label="crossing's interval", **where)
        if len(method.runs) == 1:
            far = crossing["value"] > sum(panel.get_xlim()) / 4
            panel.annotate(
                f"k = {crossing['value']:.0f}",
                (crossing["value"], at),
                (0, 5),
                textcoords="offset points",
                xycoords=panel.get_xaxis_transform(),
                ha="right" if far else "left",
                va="bottom",
                fontsize=7.5,
                color=colour,
            )
    return marked


def _guessing(sheet: FigureSheet, panel: Axes, comparison: Study, ns: set[float]) -> None:
    """Draw pass@N of guessing, 1 - (1 - guess)^N."""
    guess = comparison.get("guess")
    if guess is None or not ns:
        return
    line = [(n, 100 * (1 - (1 - float(guess)) ** n)) for n in sorted(ns)]
    panel.plot([n for n, _ in line], [y for _, y in line], color=sheet.ink.null, lw=1.1, ls=(0, (1, 1.4)), label="guessing")
    sheet.label(panel, *line[-1], "guessing", sheet.ink.muted)


def _abscissas(curves: list[Curve]) -> set[float]:
    return {n for curve in curves for n, _ in curve}


def _finish(sheet: FigureSheet, panels: list[Axes], ns: set[float], y: str, x: str) -> None:
    for panel in panels:
        sheet.x_of_n(panel, sorted(ns), x)
    panels[0].set_ylabel(y)
    sheet.share_limits(panels)
