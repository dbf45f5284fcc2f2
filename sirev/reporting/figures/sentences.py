"""Text alternatives of figures: a sentence each, with the main numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial

from sirev.metrics.families import SHOWN
from sirev.metrics.families.shown import Figure
from sirev.metrics.statistic import Statistic, absent
from sirev.reporting.figures.accuracy import best_gain, gain
from sirev.reporting.figures.canvas import short
from sirev.reporting.figures.diversity import DISTINCT_N, OF_FORMS, SIZE
from sirev.reporting.figures.grids import Grid, cells_of
from sirev.reporting.figures.series import (
    MethodRuns,
    improvement_set,
    iteration,
    methods,
    over_n,
    over_t,
    path_of,
    seeds_mean,
    stat,
)
from sirev.reporting.pass_at_1 import pass_at_1_name
from sirev.reporting.sections.run_rows import Study


def of_grid(grid: Grid, title: str) -> str:
    """The sentence of a figure of several studies: pass@1 of the first and last model of each, yours or the paper's."""
    said = []
    for cell in cells_of(grid):
        ours = [_from_to(method, path_of("pass_at_1")) for method in cell.methods] if cell.study else []
        curves = cell.published.over_t if cell.published else {}
        theirs = [f"{method} {curve[0]:.1f} to {curve[-1]:.1f}" for method, curve in curves.items()]
        parts = [part for part in ours if part]
        parts = [*parts, *([f"published: {', '.join(theirs)}"] if parts and theirs else theirs)]
        said.append(f"{cell.name}: {', '.join([*parts, cell.unfinished] if cell.unfinished else parts)}")
    return f"{title}, a panel each. pass@1 in % from M₁ to the last model: {'; '.join(said)}."


def _percent(one: Statistic, sign: str = "") -> str:
    return "none" if one["value"] is None else f"{100 * one['value']:{sign}z.1f}".replace("+0.0", "0.0")


def _from_to(method: MethodRuns, path: Iterable[str], form: Callable[[Statistic], str] = _percent) -> str | None:
    """The first and last value over t, the mean over seeds: "sft 61.8 to 68.9"; None without a value."""
    curve = [one for _, one in seeds_mean([over_t(run, path) for run in method.runs]) if one["value"] is not None]
    return f"{short(method.name)} {form(curve[0])} to {form(curve[-1])}" if curve else None


def _sentence(beginning: str, parts: list[str | None], looked_at: Iterable[Statistic]) -> str:
    """A sentence of the parts that have values; without any, with the most frequent reason among `looked_at`."""
    said = [part for part in parts if part]
    if said:
        return f"{beginning}: {', '.join(said)}."
    reasons = Counter(one["reason"] or "not measured" for one in looked_at if one["value"] is None)
    return f"{beginning}: none, {reasons.most_common(1)[0][0] if reasons else 'nothing was measured'}."


def _all(comparison: Study, path: Iterable[str]) -> list[Statistic]:
    return [one for method in methods(comparison) for run in method.runs for _, one in over_t(run, path)]


def _named(comparison: Study) -> str:
    """The name of pass@1 at the beginning of a sentence: "Greedy pass@1", or "pass@1, mean of 8 draws"."""
    return pass_at_1_name(comparison["runs"]).replace("greedy", "Greedy", 1)


def _pass_at_1(comparison: Study) -> str:
    path = path_of("pass_at_1")
    parts = [_from_to(method, path) for method in methods(comparison)]
    return _sentence(f"{_named(comparison)} in % from M₁ to the last model", parts, _all(comparison, path))


def _coverage(comparison: Study) -> str:
    found = methods(comparison)
    parts: list[str | None] = []
    for reading, split in ((reading, split) for reading in ("mass", "solved") for split in ("train", "test")):
        one = stat(iteration(found[0].runs[0], 1), "coverage", reading, split) if found else stat({})
        parts.append(f"{reading} on {split} {_percent(one)}" if one["value"] is not None else None)
    for method in found:
        last, (t, best) = gain(method, method.last), best_gain(method)
        if last["value"] is not None:
            parts.append(
                f"{short(method.name)} gains {_percent(last, '+')} points at the last t (best {_percent(best, '+')} at t = {t})"
            )
    looked_at = _all(comparison, path_of("coverage", "mass", "test"))
    return _sentence("Coverage of correct answers by M₁ in %, and gains in pass@1", parts, looked_at)


def _improvement(comparison: Study) -> str:
    parts: list[str | None] = []
    tried: list[Statistic] = []
    for method in methods(comparison):
        sets = [improvement_set(run, method.last) for run in method.runs]
        curve = [(n, one) for n, one in seeds_mean([over_n(part, "m1_pass_at_n") for part in sets]) if one["value"] is not None]
        tried += [one for part in sets for _, one in over_n(part, "m1_pass_at_n")]
        if curve:
            n, one = curve[-1]
            reroll = dict(seeds_mean([over_n(part, "reroll") for part in sets]))
            common = [m for m, here in curve if reroll.get(m, stat({}))["value"] is not None]
            beside = ""
            if common:
                here, control = dict(curve)[common[-1]], reroll[common[-1]]
                beside = f" ({_percent(here)} against a re-roll's {_percent(control)} at N = {common[-1]:g})"
            parts.append(f"{short(method.name)} {_percent(one)} at N = {n:g}{beside}")
    return _sentence("M₁'s pass@N in % on the problems that the last model newly solved", parts, tried)


def _pass_at_k(comparison: Study) -> str:
    parts: list[str | None] = []
    for method in methods(comparison):
        first = seeds_mean([over_n(iteration(run, 1), "pass_at_n") for run in method.runs])
        last = dict(seeds_mean([over_n(iteration(run, method.last), "pass_at_n") for run in method.runs]))
        ends = [(k, one, last[k]) for k, one in first if one["value"] is not None and last.get(k, stat({}))["value"] is not None]
        if ends:
            k, before, after = ends[-1]
            crossings = [stat(iteration(run, method.last), "crossing")["value"] for run in method.runs]
            at = ", ".join(f"{c:.0f}" for c in crossings if c is not None)
            crossed = f", crossing at k = {at}" if at else ""
            parts.append(f"{short(method.name)} {_percent(before)} to {_percent(after)} at k = {k:g}{crossed}")
    return _sentence("pass@k in % of M₁ and of the last model", parts, _all(comparison, path_of("pass_at_n", "1")))


def _diversity(comparison: Study) -> str:
    path = path_of("diversity", "correct", "distinct_n", "mean")
    parts = [_from_to(method, path) for method in methods(comparison)]
    return _sentence("Distinct-N of correct answers in % from M₁ to the last model", parts, _all(comparison, path))


def _trade_off(comparison: Study) -> str:
    parts: list[str | None] = []
    for method in methods(comparison):
        accuracy = _from_to(method, path_of("pass_at_1"))
        for variety in (*OF_FORMS, DISTINCT_N):
            spread = _from_to(method, path_of("diversity", "correct", "matched", SIZE, *variety.path))
            if accuracy and spread:
                parts.append(f"{accuracy} with a diversity of {spread.removeprefix(short(method.name) + ' ')}")
                break
    beginning = f"{_named(comparison)} against the size-matched diversity (m = {SIZE}) of correct answers, in %"
    return _sentence(beginning, parts, _all(comparison, path_of("diversity", "correct", "matched", SIZE, *DISTINCT_N.path)))


def _ood(comparison: Study) -> str:
    suites = comparison.get("suites") or []
    parts = [
        f"{short(suite)}: {part}" if len(suites) > 1 else part
        for suite in suites
        for method in methods(comparison)
        if (part := _from_to(method, path_of("ood", suite, "accuracy")))
    ]
    looked_at = [one for suite in suites for one in _all(comparison, path_of("ood", suite, "accuracy"))]
    looked_at = looked_at or [absent("no suite of other problems was evaluated")]
    return _sentence("Out-of-distribution accuracy in % from M₁ to the last model", list(parts), looked_at)


def _over_iterations(comparison: Study, figure: Figure) -> str:
    first = figure.panels[0]
    form = _percent if first.share else _number
    parts = [_from_to(method, first.path, form) for method in methods(comparison)]
    return _sentence(f"{figure.sentence} from M₁ to the last model", parts, _all(comparison, first.path))


def _number(one: Statistic) -> str:
    return "none" if one["value"] is None else f"{one['value']:.1f}"


SENTENCES: dict[str, Callable[[Study], str]] = {
    "pass-at-1": _pass_at_1,
    "coverage": _coverage,
    "improvement": _improvement,
    "pass-at-k": _pass_at_k,
    "diversity": _diversity,
    "trade-off": _trade_off,
    "ood": _ood,
    **{figure.name: partial(_over_iterations, figure=figure) for shown in SHOWN for figure in shown.figures},
}
"""Name of a figure -> function for its sentence."""
