"""The numbers of arXiv 2407.05013 (Wu, Li, Liu: "Progress or Regress?"), and your own next to them.

Nothing is computed from completions here: your own numbers come from comparisons, the paper's are the data below.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sirev.errors import BadInput
from sirev.metrics.statistic import Statistic
from sirev.reporting.tables import ABSENT, TextTable, fixed, percent, with_interval

MODELS = {"llama2": "llama2-7b", "mistral": "mistral-7b", "llama3": "llama3-8b"}
"""First part of a recipe's name -> the paper's model."""
TEST_PROBLEMS = {"csqa": 1221, "gsm8k": 1319, "math": 5000, "mbpp": 500}
"""Problems of each test set, for the sampling error of a published number."""
PUBLISHED_METHODS = ("sft", "dpo", "sft-dpo")
T = 5
"""The paper's last iteration."""
Z = 1.959964
"""Half width of a 95 % interval in standard errors."""

# coverage (share); pass@1 in %: M_1, best SFT, best DPO, best SFT-DPO
FIGURE_2: dict[tuple[str, str], tuple[float, float, float, float, float]] = {
    ("llama2-7b", "csqa"): (0.828, 65.36, 72.15, 73.39, 74.11),
    ("llama2-7b", "gsm8k"): (0.398, 41.60, 53.91, 48.52, 52.91),
    ("llama2-7b", "math"): (0.167, 5.88, 8.10, 6.64, 7.30),
    ("llama2-7b", "mbpp"): (0.539, 19.0, 21.4, 23.6, 22.0),
    ("mistral-7b", "csqa"): (0.875, 73.38, 77.81, 79.85, 79.60),
    ("mistral-7b", "gsm8k"): (0.627, 61.79, 68.92, 70.96, 72.78),
    ("mistral-7b", "math"): (0.143, 11.56, 15.38, 15.26, 17.58),
    ("mistral-7b", "mbpp"): (0.629, 35.2, 35.8, 37.0, 36.4),
    ("llama3-8b", "csqa"): (0.825, 75.35, 78.05, 79.03, 80.51),
    ("llama3-8b", "gsm8k"): (0.802, 66.41, 69.06, 70.96, 73.31),
    ("llama3-8b", "math"): (0.281, 15.28, 18.68, 15.66, 17.70),
    ("llama3-8b", "mbpp"): (0.545, 44.2, 44.8, 46.4, 45.6),
}
"""The table of Figure 2, as printed."""

INCONSISTENT: dict[tuple[str, str], tuple[str, ...]] = {
    ("llama2-7b", "csqa"): ("Figure 1 has 73.79 for the best of iterative DPO, the table 73.39.",),
    ("llama2-7b", "math"): ("Figure 1 prints a gain of +5.02 for iterative SFT, its own end points differ by 2.22.",),
    ("llama2-7b", "mbpp"): ("The coverage of 53.9% with M_1 at 19.0% fits neither reading of coverage well.",),
    ("mistral-7b", "math"): ("M_1 is 13.88 by the gains of Figure 1, 11.56 in the table.",),
    ("llama3-8b", "csqa"): ("Figure 1 prints a gain of +4.01 for iterative SFT, its own end points differ by 2.70.",),
    ("llama3-8b", "gsm8k"): ("Figure 1 prints a gain of +7.13 for iterative SFT-DPO, its own end points differ by 6.90.",),
    ("llama3-8b", "math"): ("Figure 1 prints a gain of +6.7 for iterative SFT, its own end points differ by 3.40.",),
    ("llama3-8b", "mbpp"): ("Figure 1 prints a gain of +0.4 for iterative SFT, its own end points differ by 0.6.",),
}
"""Where the paper's figures and its table disagree, or a number fits no reading; the table's numbers are kept."""


@dataclass(frozen=True)
class PublishedShape:
    """A quantity at M_1 and at M_5 of each method, read off a figure of the paper."""

    name: str
    first: float
    """In %."""
    last: dict[str, float]
    path: tuple[str, ...]
    """Where an iteration of a comparison has it."""


_SHAPES: dict[tuple[str, str], tuple[PublishedShape, ...]] = {
    ("mistral-7b", "gsm8k"): (
        PublishedShape(
            "SentenceBERT diversity of right answers, %",
            71,
            {"sft": 43, "dpo": 58, "sft-dpo": 47},
            ("diversity", "correct", "sentence_bert"),
        ),
        PublishedShape(
            "Distinct N-grams of right answers, %",
            42,
            {"sft": 17, "dpo": 28, "sft-dpo": 17},
            ("diversity", "correct", "distinct_n", "mean"),
        ),
        PublishedShape(
            "MATH algebra (OOD), %",
            15.3,
            {"sft": 11.8, "dpo": 17.8, "sft-dpo": 12.1},
            ("ood", "math_algebra", "accuracy"),
        ),
        PublishedShape(
            "group disparity, MATH algebra, %",
            91.5,
            {"sft": 94.5, "dpo": 92.8, "sft-dpo": 92.0},
            ("ood", "math_algebra", "group_disparity"),
        ),
    )
}
REACHED: dict[str, tuple[int, int]] = {"gsm8k": (98, 100), "csqa": (98, 100), "math": (81, 96), "mbpp": (89, 100)}
"""M_1's pass@64 on every IS(t) of mistral-7b, in %: least and largest, read off the figures."""


@dataclass(frozen=True)
class Published:
    """What the paper says of one model on one task. Coverage is a share, accuracies are in per cent."""

    model: str
    task: str
    coverage: float
    first: float
    """pass@1 of M_1."""
    best: dict[str, float]
    """Method -> its largest pass@1 over t."""
    shapes: tuple[PublishedShape, ...]
    reached: tuple[int, int] | None
    inconsistencies: tuple[str, ...]

    @property
    def problems(self) -> int:
        return TEST_PROBLEMS[self.task]

    @property
    def advised(self) -> tuple[str, ...]:
        """The methods that the paper's rule names for its own coverage."""
        return ("dpo", "sft-dpo") if self.coverage > 0.5 else ("sft",)

    @property
    def winner(self) -> str:
        return max(self.best, key=lambda method: self.best[method])

    @property
    def exception(self) -> str | None:
        """The sentence for a row of the paper's table that its own rule gets wrong (mistral-7b on math)."""
        if self.winner in self.advised:
            return None
        return (
            f"An exception to the paper's rule, in its own table: coverage {100 * self.coverage:.1f}% stands for "
            f"{' or '.join(self.advised)}, yet {self.winner} is best at {self.best[self.winner]}."
        )


def published(recipe_name: str, settings: Mapping[str, Any] | None = None) -> Published | None:
    """What the paper has for a recipe: the model by the first part of its name (llama2_, mistral_, llama3_), the task by
    the settings, or without them by the second part. None where the paper has no such row."""
    model, _, rest = recipe_name.partition("_")
    task = (settings or {}).get("task", {}).get("name") or rest.partition("_")[0]
    row = (MODELS.get(model, ""), task)
    if row not in FIGURE_2:
        return None
    coverage, first, *best = FIGURE_2[row]
    reached = REACHED[task] if row[0] == "mistral-7b" else None
    return Published(
        *row,
        coverage,
        first,
        dict(zip(PUBLISHED_METHODS, best, strict=True)),
        _SHAPES.get(row, ()),
        reached,
        INCONSISTENT.get(row, ()),
    )


def against_paper(
    comparisons: Sequence[tuple[str, Mapping[str, Any]]], settings: Mapping[str, Mapping[str, Any]] | None = None
) -> list[TextTable]:
    """The paper's numbers next to your own: for each (recipe name, comparison) its tables of pass@1, of coverage and, where
    the paper's figures allow to read them off, of shapes.

    Of a comparison only "runs" is read; null runs are left out. `settings` has a recipe's settings by its name. Raises
    BadInput, before anything is made, for a recipe of which the paper says nothing.
    """
    of = settings or {}
    rows = {name: published(name, of.get(name)) for name, _ in comparisons}
    if unknown := [name for name, row in rows.items() if row is None]:
        known = ", ".join(f"{model}_{task}" for model in MODELS for task in TEST_PROBLEMS)
        raise BadInput(f"the paper has no numbers for the recipe {unknown[0]!r} (it has: {known})")
    tables: list[TextTable] = []
    for name, comparison in comparisons:
        row = rows[name]
        runs = [run for run in comparison["runs"] if run["method"] in PUBLISHED_METHODS and not run.get("null")]
        if row is not None and runs:
            tables += [_accuracy(name, row, runs, of.get(name, {})), _coverage(name, row, runs)]
            if row.shapes or row.reached:
                tables.append(_shapes(name, row, runs))
    return tables


def mean_over_seeds(found: Sequence[Statistic]) -> Statistic:
    """The mean of a statistic over seeds; none if a seed has none.

    The bounds are the means of the seeds' bounds. Seeds share the problems, and the standard deviation of a mean is at
    most the mean of the standard deviations (Minkowski), so the interval is never too narrow for the problems; it says
    nothing of how seeds differ.
    """
    if without := next((s for s in found if s["value"] is None), None):
        return without
    values, lows, highs = ([s[key] for s in found] for key in ("value", "low", "high"))
    return {
        "value": _mean(values),
        "low": _mean(lows),
        "high": _mean(highs),
        "n": min(s["n"] for s in found),
        "reason": None,
    }


def difference(ours: Statistic, theirs: float, problems: int) -> tuple[float, tuple[float, float], tuple[float, float]] | None:
    """Ours - published in points (`theirs` in %), with two 95 % intervals; None where ours has no value or interval.

    The first takes the published number as fixed: our interval, moved. The second adds its own binomial error for
    `problems` test problems, in quadrature to each side, as for independent numbers (MOVER: Zou and Donner 2008,
    Statistics in Medicine 27:1693). Both were measured on the same problems, so that one is rather too wide.
    """
    value, low, high = ours["value"], ours["low"], ours["high"]
    if value is None or low is None or high is None:
        return None
    value, low, high = 100 * value, 100 * low, 100 * high
    error = Z * standard_error(theirs, problems)
    gap = value - theirs
    both = gap - math.hypot(value - low, error), gap + math.hypot(high - value, error)
    return gap, (low - theirs, high - theirs), both


def standard_error(per_cent: float, problems: int) -> float:
    """The binomial standard error of an accuracy, in points."""
    return math.sqrt(per_cent * (100 - per_cent) / problems)


def _accuracy(name: str, row: Published, runs: list[dict[str, Any]], settings: Mapping[str, Any]) -> TextTable:
    table = TextTable(
        f"{name} against the paper ({row.model}, {row.task}): pass@1, greedy (%)",
        ["method", "seed", "model", "published", "ours", "ours − published, points", "with the published number's error"],
        3,
    )

    def add(method: str, seed: str, model: str, ours: Statistic, theirs: float | None) -> None:
        cells = [ABSENT, _interval(ours), ABSENT, ABSENT]
        if theirs is not None:
            cells[0] = f"{theirs:.{1 if row.task == 'mbpp' else 2}f} ± {Z * standard_error(theirs, row.problems):.1f}"
            if found := difference(ours, theirs, row.problems):
                gap, alone, both = found
                cells[2:] = [f"{fixed(gap, 1, sign=True)} {_bounds(alone)}", _bounds(both)]
            elif ours["value"] is not None:
                cells[2] = fixed(100 * ours["value"] - theirs, 1, sign=True)
        table.rows.append([method, seed, model, *cells])

    first_of = {run["seed"]: run["iterations"][0]["pass_at_1"] for run in reversed(runs)}
    for seed, ours in _with_mean(dict(sorted(first_of.items()))):
        add("all", seed, "M_1", ours, row.first)
    for method, chosen in _by_method(runs):
        best, last, at = {}, {}, {}
        for run in chosen:
            if later := [i for i in run["iterations"] if i["t"] > 1]:
                top = max(later, key=lambda i: -1 if i["pass_at_1"]["value"] is None else i["pass_at_1"]["value"])
                best[run["seed"]], last[run["seed"]] = top["pass_at_1"], later[-1]["pass_at_1"]
                at[str(run["seed"])] = f" (M_{top['t']})"
        for seed, ours in _with_mean(best):
            add(method, seed, f"best M_t{at.get(seed, '')}", ours, row.best[method])
        ends = {run["iterations"][-1]["t"] for run in chosen}
        for seed, ours in _with_mean(last):
            add(method, seed, f"M_{max(ends)}" if len(ends) == 1 else "M_T", ours, None)
    table.notes = _accuracy_notes(row, runs, settings)
    return table


def _accuracy_notes(row: Published, runs: list[dict[str, Any]], settings: Mapping[str, Any]) -> list[str]:
    notes = [
        f"published ± 1.96 binomial standard errors for {row.problems} problems. ours − published: our interval less the "
        "published number, taken as fixed; in the last column its error is added in quadrature, as for independent numbers.",
        "best M_t: the largest over t > 1 on the test set, on both sides, so both are too high (winner's curse); the paper's "
        "table has no M_T.",
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
    gains = [
        f"{method} {row.best[method] - row.first:+.2f}" for method in PUBLISHED_METHODS if row.best[method] - row.first < error
    ]
    if gains:
        notes.append(
            f"Published gains over M_1 below one standard error of a number here ({error:.1f} points): {', '.join(gains)}."
        )
    if row.exception:
        notes.append(row.exception)
    notes += [f"The paper against itself: {sentence}" for sentence in row.inconsistencies]
    return notes


def _coverage(name: str, row: Published, runs: list[dict[str, Any]]) -> TextTable:
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
        "The paper does not say which reading or split its number is, nor how far it may be off: our interval less that number. "
        "mass: right draws / draws; solved: problems with a right draw.",
        f"The paper's rule, above 50% dpo or sft-dpo, else sft: here {' or '.join(row.advised)}; {best}.",
    ]
    return table


def _shapes(name: str, row: Published, runs: list[dict[str, Any]]) -> TextTable:
    table = TextTable(
        f"{name} against the paper's figures: M_1 → M_T", ["what", "method", "seed", "published, read off", "ours"], 3
    )
    for shape in row.shapes:
        for method, chosen in _by_method(runs):
            ends = [{run["seed"]: _at(run["iterations"][i], shape.path) for run in chosen} for i in (0, -1)]
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
            table.rows.append(["M_1's pass@64 on IS(t), %", run["method"], str(run["seed"]), *cells])
    table.notes = ["Published values are read off the figures by eye, at M_1 and M_5; the range is over every IS(t)."]
    return table


def _by_method(runs: list[dict[str, Any]]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    for method in PUBLISHED_METHODS:
        if chosen := [run for run in runs if run["method"] == method]:
            yield method, sorted(chosen, key=lambda run: int(run["seed"]))


def _with_mean(by_seed: Mapping[int, Statistic]) -> list[tuple[str, Statistic]]:
    """Each seed's statistic by its seed as text, and, of several, their mean."""
    lines = [(str(seed), found) for seed, found in by_seed.items()]
    return [*lines, ("mean", mean_over_seeds([found for _, found in lines]))] if len(lines) > 1 else lines


def _at(iteration: Mapping[str, Any], path: tuple[str, ...]) -> Statistic:
    found: Any = iteration
    for key in path:
        if key not in found:
            return {"value": None, "low": None, "high": None, "n": 0, "reason": "not measured"}
        found = found[key]
    statistic: Statistic = found
    return statistic


def _mean(values: Sequence[Any]) -> float | None:
    return None if any(v is None for v in values) else sum(values) / len(values)


def _interval(found: Statistic) -> str:
    return percent(found) if found["low"] is None or found["high"] is None else with_interval(found)


def _bounds(pair: tuple[float, float]) -> str:
    return f"[{fixed(pair[0], 1, sign=True)}, {fixed(pair[1], 1, sign=True)}]"
