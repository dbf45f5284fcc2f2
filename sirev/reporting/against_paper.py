"""Tables of a study's numbers next to those of arXiv 2407.05013, and tables of the paper's numbers alone.

Nothing is computed from completions: your numbers come from comparisons, the paper's from `sirev.reporting.published`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sirev.metrics.statistic import Statistic, mean_over_seeds
from sirev.recipe import METHODS
from sirev.reporting.published import Published, T, Z, how_read, published_or_refused, standard_error
from sirev.reporting.sections.run_rows import RunData, Study, at
from sirev.reporting.tables import ABSENT, TextTable, fixed, percent, with_interval

REACHED = "M_1's pass@64 on IS(t), %"


def against_paper(
    comparisons: Sequence[tuple[str, Study]],
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    every_t: bool = False,
) -> list[TextTable]:
    """The paper's numbers next to your own: tables of pass@1 and coverage for each (recipe name, comparison).

    A table of shapes follows if the paper's figures have values for them. With `every_t`, the table of pass@1 has all M_t, not
    just the best and the last. Only "runs" of a comparison is read, without null runs. `settings`: recipe name -> settings.
    Raises BadInput for a recipe that the paper lacks, before any table is made.
    """
    of = settings or {}
    rows = {name: published_or_refused(name, of.get(name)) for name, _ in comparisons}
    tables: list[TextTable] = []
    for name, comparison in comparisons:
        row = rows[name]
        runs = [run for run in comparison["runs"] if run["method"] in METHODS and not run.get("null")]
        if runs:
            tables += [_accuracy(name, row, runs, of.get(name, {}), every_t), _coverage(name, row, runs)]
            if row.shapes or row.reached:
                tables.append(_shapes(name, row, runs))
    return tables


def paper_alone(rows: Sequence[Published], methods: Sequence[str] = METHODS, *, whole: bool = False) -> list[TextTable]:
    """The paper's own numbers: M_1 → M_5 of every model, task and method.

    With `whole`, also every t, coverage with the best M_t of its table, and the shapes of its other figures.
    """
    tables = [_ends(rows, methods)]
    if whole:
        tables += [_every_t(rows, methods), _table_of_the_paper(rows, methods)]
        tables += [_shapes_alone(rows, methods)] if any(row.shapes for row in rows) else []
    return tables


def _ends(rows: Sequence[Published], methods: Sequence[str]) -> TextTable:
    table = TextTable(
        f"arXiv 2407.05013: greedy pass@1 (%) of M_1, and of M_{T} with its change",
        ["model", "task", "M_1", *methods, "best M_t"],
        2,
    )
    below: list[str] = []
    for row in rows:
        cells = []
        for method in methods:
            first, last = row.over_t[method][0], row.over_t[method][-1]
            cells.append(f"{last:.1f} {fixed(last - first, 1, sign=True)}")
            if last - first < -row.error(method):
                below.append(f"{row.model} {row.task} {method} {fixed(last - first, 1, sign=True)}")
        winner = max(methods, key=lambda method: row.best[method])
        best = f"{row.best[winner]:.1f} {winner}"
        table.rows.append([row.model, row.task, f"{row.first:.1f}", *cells, best])
    if below:
        table.notes.append(f"M_{T} ends below M_1: {', '.join(below)}.")
    table.notes.append(
        f"M_1 and best M_t (the largest over t > 1): the paper's table. M_{T} and its change: read off Figure 1, within "
        f"{_errors(rows, methods)}.{_other_first(rows)}"
    )
    return table


def _other_first(rows: Sequence[Published]) -> str:
    """Note on rows where M_1 in Figure 1 differs from the table by more than a point; "" without any."""
    apart = [
        f"{row.model} on {row.task} begins at {curve[0]:.1f} there"
        for row in rows
        for curve in [next(iter(row.over_t.values()))]
        if abs(curve[0] - row.first) > 1
    ]
    return f" ({', '.join(apart)}.)" if apart else ""


def _errors(rows: Sequence[Published], methods: Sequence[str]) -> str:
    """Largest errors of values read off Figure 1: "0.3 points (sft-dpo on gsm8k: 1.4)"."""
    errors = {(method, row.task): row.error(method) for row in rows for method in methods}
    rough = {cell: error for cell, error in errors.items() if error > 1}
    fine = [error for error in errors.values() if error <= 1]
    said = [f"{max(fine):.1f} points"] if fine else []
    said += [f"{method} on {task}: {error:.1f}" for (method, task), error in rough.items()]
    return said[0] if len(said) == 1 else f"{said[0]} ({', '.join(said[1:])})"


def _every_t(rows: Sequence[Published], methods: Sequence[str]) -> TextTable:
    table = TextTable(
        "arXiv 2407.05013, Figure 1: greedy pass@1 (%) of every M_t",
        ["model", "task", "method", *(f"M_{t}" for t in range(1, T + 1)), "may be off by"],
        3,
    )
    for row in rows:
        for method in methods:
            curve = [f"{value:.1f}" for value in row.over_t[method]]
            table.rows.append([row.model, row.task, method, *curve, f"{row.error(method):g}"])
    table.notes = how_read([1])
    return table


def _table_of_the_paper(rows: Sequence[Published], methods: Sequence[str]) -> TextTable:
    table = TextTable(
        "arXiv 2407.05013, the table of Figure 2: coverage (%) of M_1, pass@1 (%) of M_1 and of the best M_t",
        ["model", "task", "coverage", "rule names", "M_1", *methods],
        2,
    )
    for row in rows:
        places = 1 if row.task == "mbpp" else 2
        best = [f"{row.best[method]:.{places}f}" for method in methods]
        coverage = f"{100 * row.coverage:.1f}"
        table.rows.append([row.model, row.task, coverage, " or ".join(row.advised), f"{row.first:.{places}f}", *best])
    table.notes = [
        "Coverage above 50% stands for dpo or sft-dpo, else sft. Best M_t: the largest over t > 1 on the test set, so too high "
        "(winner's curse)."
    ]
    for row in rows:
        said = [*([row.exception] if row.exception else []), *row.inconsistencies]
        table.notes += [f"{row.model} {row.task}: {sentence}" for sentence in said]
    return table


def _shapes_alone(rows: Sequence[Published], methods: Sequence[str]) -> TextTable:
    ends = [f"{method} M_{T}" for method in methods]
    table = TextTable("arXiv 2407.05013, Figures 3 to 5, read off", ["model", "task", "what", "figure", "M_1", *ends], 3)
    for row in rows:
        for shape in row.shapes:
            last = [f"{shape.last[method]:g}" for method in methods]
            table.rows.append([row.model, row.task, shape.name, str(shape.figure), f"{shape.first:g}", *last])
        if row.reached is not None:
            said = f"{row.reached[0]} – {row.reached[1]}"
            table.rows.append([row.model, row.task, REACHED, "3", said, *([ABSENT] * len(methods))])
    table.notes = how_read(shape.figure for row in rows for shape in row.shapes)
    table.notes += [f"{row.model} {row.task}: {sentence}" for row in rows for sentence in row.notes]
    return table


def difference(
    ours: Statistic, theirs: float, problems: int, reading: float = 0.0
) -> tuple[float, tuple[float, float], tuple[float, float]] | None:
    """Ours - published in points (`theirs` in %), with two 95% intervals; None if ours has no value or interval.

    The first interval takes the published number as fixed: it is ours, shifted. The second adds the binomial error of the
    published number for `problems` test problems, in quadrature on each side, as for independent numbers (MOVER: Zou and
    Donner 2008, Statistics in Medicine 27:1693), and its `reading` error, in points. Both numbers are of the same problems, so
    the second interval is rather too wide.
    """
    value, low, high = ours["value"], ours["low"], ours["high"]
    if value is None or low is None or high is None:
        return None
    value, low, high = 100 * value, 100 * low, 100 * high
    error = math.hypot(Z * standard_error(theirs, problems), reading)
    gap = value - theirs
    both = gap - math.hypot(value - low, error), gap + math.hypot(high - value, error)
    return gap, (low - theirs, high - theirs), both


def _accuracy(name: str, row: Published, runs: list[RunData], settings: Mapping[str, Any], every_t: bool) -> TextTable:
    table = TextTable(
        f"{name} against the paper ({row.model}, {row.task}): pass@1, greedy (%)",
        ["method", "seed", "model", "published", "ours", "ours − published, points", "with the published number's error"],
        3,
    )

    def add(method: str, seed: str, model: str, ours: Statistic, theirs: float | None, reading: float = 0.0) -> None:
        cells = [ABSENT, _interval(ours), ABSENT, ABSENT]
        if theirs is not None:
            places = 1 if reading or row.task == "mbpp" else 2
            cells[0] = f"{theirs:.{places}f} ± {Z * standard_error(theirs, row.problems):.1f}"
            if found := difference(ours, theirs, row.problems, reading):
                gap, alone, both = found
                cells[2:] = [f"{fixed(gap, 1, sign=True)} {_bounds(alone)}", _bounds(both)]
            elif ours["value"] is not None:
                cells[2] = fixed(100 * ours["value"] - theirs, 1, sign=True)
        table.rows.append([method, seed, model, *cells])

    first_of = {run["seed"]: run["iterations"][0]["pass_at_1"] for run in reversed(runs)}
    for seed, ours in _with_mean(dict(sorted(first_of.items()))):
        add("all", seed, "M_1", ours, row.first)
    for method, chosen in _by_method(runs):
        best, at = {}, {}
        by_t: dict[int, dict[int, Statistic]] = {}
        for run in chosen:
            if later := [i for i in run["iterations"] if i["t"] > 1]:
                top = max(later, key=lambda i: -1 if i["pass_at_1"]["value"] is None else i["pass_at_1"]["value"])
                best[run["seed"]] = top["pass_at_1"]
                at[str(run["seed"])] = f" (M_{top['t']})"
                for iteration in later if every_t else later[-1:]:
                    by_t.setdefault(iteration["t"], {})[run["seed"]] = iteration["pass_at_1"]
        for seed, ours in _with_mean(best):
            add(method, seed, f"best M_t{at.get(seed, '')}", ours, row.best[method])
        for t, last in sorted(by_t.items()):
            for seed, ours in _with_mean(last):
                add(method, seed, f"M_{t}", ours, row.at(method, t), row.error(method))
    table.notes = _accuracy_notes(row, runs, settings)
    return table


def _accuracy_notes(row: Published, runs: list[RunData], settings: Mapping[str, Any]) -> list[str]:
    shown = [method for method, _ in _by_method(runs)]
    notes = [
        f"published ± 1.96 binomial standard errors for {row.problems} problems. ours − published: our interval less the "
        "published number, taken as fixed; in the last column its error is added in quadrature, as for independent numbers.",
        "best M_t: the largest over t > 1 on the test set, on both sides, so both are too high (winner's curse).",
        f"M_t of one t: the paper's is read off its Figure 1, within {_errors([row], shown)}, which the last column adds.",
    ]
    lasts = sorted({run["iterations"][-1]["t"] for run in runs} - {T})
    if lasts:
        notes.append(
            f"The paper's maximum is over M_2 to M_{T}; here a run ends at {', '.join(f'M_{t}' for t in lasts)}: "
            "another number of chances to be lucky."
        )
    measured = {run["iterations"][0]["pass_at_1"]["n"] for run in runs}
    if measured != {row.problems}:
        notes.append(f"Ours on {', '.join(map(str, sorted(measured)))} problems, not on the {row.problems} of the test set.")
    if len({run["seed"] for run in runs}) > 1:
        notes.append("mean: over seeds; its interval is for the problems, not for how seeds differ.")
    training = settings.get("training", {}).get("parameters")
    if "lora" in {training, *(run.get("parameters") for run in runs)}:
        notes.append(
            "Ours trained by LoRA, the paper trained all parameters: LoRA learns less and keeps answers more diverse "
            "(arXiv 2405.09673)."
        )
    error = standard_error(row.first, row.problems)
    gains = [f"{method} {row.best[method] - row.first:+.2f}" for method in METHODS if row.best[method] - row.first < error]
    if gains:
        notes.append(
            f"Published gains over M_1 below one standard error of a number here ({error:.1f} points): {', '.join(gains)}."
        )
    if row.exception:
        notes.append(row.exception)
    notes += [f"The paper against itself: {sentence}" for sentence in row.inconsistencies]
    return notes


def _coverage(name: str, row: Published, runs: list[RunData]) -> TextTable:
    table = TextTable(
        f"{name} against the paper: correct answer coverage of M_1 (%)",
        ["reading", "split", "seed", "published", "ours", "ours − published, points"],
        3,
    )
    first_of = dict(sorted({run["seed"]: run["iterations"][0]["coverage"] for run in reversed(runs)}.items()))
    for reading in ("mass", "solved"):
        for split in ("train", "test"):
            for seed, ours in _with_mean({seed: found[reading][split] for seed, found in first_of.items()}):
                gap = ABSENT
                if (value := ours["value"]) is not None:
                    gap = fixed(100 * (value - row.coverage), 1, sign=True)
                    if ours["low"] is not None and ours["high"] is not None:
                        gap += f" {_bounds((100 * (ours['low'] - row.coverage), 100 * (ours['high'] - row.coverage)))}"
                table.rows.append([reading, split, seed, f"{100 * row.coverage:.1f}", _interval(ours), gap])
    best = "the table agrees" if row.exception is None else f"but the table's best is {row.winner}"
    table.notes = [
        "The paper does not say which reading or split its number is, nor how far off it may be: our interval less that number. "
        "mass: correct draws / draws; solved: problems with a correct draw.",
        f"The paper's rule, above 50% dpo or sft-dpo, else sft: here {' or '.join(row.advised)}; {best}.",
    ]
    return table


def _shapes(name: str, row: Published, runs: list[RunData]) -> TextTable:
    table = TextTable(
        f"{name} against the paper's figures: M_1 → M_T", ["what", "method", "seed", "published, read off", "ours"], 3
    )
    for shape in row.shapes:
        for method, chosen in _by_method(runs):
            ends = [{run["seed"]: at(run["iterations"][i], shape.path) for run in chosen} for i in (0, -1)]
            theirs = f"{shape.first:g} → {shape.last[method]:g}"
            for (seed, first), (_, last) in zip(*map(_with_mean, ends), strict=True):
                ours = [percent(first), percent(last)]
                table.rows.append([shape.name, method, seed, theirs, " → ".join(ours)])
    if row.reached is not None:
        for run in runs:
            sets = [i["improvement_set"]["m1_pass_at_n"].get("64") for i in run["iterations"] if i["t"] > 1]
            values = [100 * s["value"] for s in sets if s is not None and s["value"] is not None]
            ours_range = f"{min(values):.1f} – {max(values):.1f}" if values else ABSENT
            cells = [f"{row.reached[0]} – {row.reached[1]}", ours_range]
            table.rows.append([REACHED, run["method"], str(run["seed"]), *cells])
    table.notes = [f"Published values are read off the figures by eye, at M_1 and M_{T}; the range is over every IS(t)."]
    table.notes += row.notes
    return table


def _by_method(runs: list[RunData]) -> Iterator[tuple[str, list[RunData]]]:
    for method in METHODS:
        if chosen := [run for run in runs if run["method"] == method]:
            yield method, sorted(chosen, key=lambda run: int(run["seed"]))


def _with_mean(by_seed: Mapping[int, Statistic]) -> list[tuple[str, Statistic]]:
    """(seed, statistic) pairs; for several seeds, ("mean", mean over seeds) comes last."""
    lines = [(str(seed), found) for seed, found in by_seed.items()]
    return [*lines, ("mean", mean_over_seeds([found for _, found in lines]))] if len(lines) > 1 else lines


def _interval(found: Statistic) -> str:
    return percent(found) if found["low"] is None or found["high"] is None else with_interval(found)


def _bounds(pair: tuple[float, float]) -> str:
    return f"[{fixed(pair[0], 1, sign=True)}, {fixed(pair[1], 1, sign=True)}]"
