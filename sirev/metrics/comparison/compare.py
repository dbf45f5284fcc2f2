"""The comparison of a study: its runs model by model, M_t against M_1, verdicts on M_T and claims over seeds."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from sirev.metrics.comparison.advice import advice
from sirev.metrics.comparison.change import (
    Curves,
    Outcome,
    curves,
    improvement,
    judged,
    outcomes,
    reach,
    split_of_loss,
    where_they_cross,
)
from sirev.metrics.comparison.measures import GROUPS, SIZES, Floats, Measures, column, sorted_levels
from sirev.metrics.comparison.model import NO_TRAIN, Tree, accuracy, coverage, diversity, draws, pass_curve, suite
from sirev.metrics.comparison.sheet import Sheet
from sirev.metrics.intervals import t_interval
from sirev.metrics.paired_tests import holm
from sirev.metrics.pass_at_n import powers_of_two
from sirev.metrics.statistic import absent
from sirev.metrics.study_verdict import FEWEST, MATCHED, claim, classify, verdict

SCHEMA = 2
"""Version of the comparison's form; it grows when a field changes its meaning or goes away."""
NULL = "null-"
"""How the names of null runs begin in the place of a method."""
HEADLINE = 32
"""N of the pass@N that verdicts rest on; the largest power of two below it where there are fewer draws."""
DIGITS = 10
"""Significant digits kept: what is beyond them differs between processors."""


@dataclass(frozen=True)
class Settings:
    """How changes are judged: margins within which they count as none, and the random numbers.

    `from_draws`: there are no greedy answers, and pass@1 is estimated by the mean share of right draws.
    """

    margin: float = 0.03
    diversity_margin: float = 0.1
    diversity_counts: bool = False
    replicates: int = 10_000
    seed: int = 0
    from_draws: bool = False


@dataclass(frozen=True)
class RunMeasures:
    """A method's models, or a null run's, by t; the first is M_1."""

    method: str
    seed: int
    models: Mapping[int, Measures]

    @property
    def null(self) -> bool:
        """Whether it is a null run."""
        return self.method.startswith(NULL)


@dataclass
class _Judged:
    """A run's outcomes at its last t, as values a problem and as judged."""

    outcomes: dict[str, Outcome]
    changes: dict[str, dict[str, Any]]
    gained: dict[int, tuple[int | None, int | None]] = field(default_factory=dict)


def compare(
    runs: Sequence[RunMeasures],
    answers: str,
    guess: float | None,
    settings: Settings,
    done: Callable[[int], None] = lambda models: None,
) -> dict[str, Any]:
    """The comparison of runs on the same problems, as `docs/report.md` documents it. `answers` is "math", "code", "text" or
    "letters"; `guess` the chance of a right guess, if answers can be guessed. `done` hears how many models are through."""
    rows = next(rows for m in runs[0].models.values() for rows in (m.greedy, m.draws) if rows is not None)
    levels = [row["level"] for row in rows]
    drawn = [row["n"] for run in runs if not run.null for m in run.models.values() for row in m.draws or ()]
    headline = max(powers_of_two(min(HEADLINE, min(drawn, default=HEADLINE))))
    matched = {seed: _eligible([run for run in runs if run.seed == seed], len(rows)) for seed in {run.seed for run in runs}}
    told, found = [], []
    through = itertools.count(1)
    for run in runs:
        one, judgement = _run(run, levels, answers, guess, headline, matched[run.seed], settings, lambda: done(next(through)))
        told.append(one)
        found.append(judgement)
    _correct([one for run, one in zip(runs, told, strict=True) if not run.null])
    pairs = [(run, one) for run, one in zip(runs, found, strict=True) if not run.null]
    nulls = [(run, one) for run, one in zip(runs, found, strict=True) if run.null]
    verdicts = [_verdict(run, one, pairs, nulls, settings) for run, one in pairs if len(run.models) > 1]
    comparison: dict[str, Any] = rounded(
        {
            "schema": SCHEMA,
            "problems": len(rows),
            "answers": answers,
            "guess": guess,
            "headline": headline,
            "levels": sorted_levels(levels),
            "suites": sorted({name for run in runs for m in run.models.values() for name in m.ood}),
            "settings": {
                "margin": settings.margin,
                "diversity_margin": settings.diversity_margin,
                "diversity_counts": settings.diversity_counts,
                "replicates": settings.replicates,
                "bootstrap_seed": settings.seed,
                "permutation_seed": settings.seed,
            },
            "runs": told,
            "verdicts": verdicts,
            "methods": [_claim(method, pairs, verdicts, settings) for method in dict.fromkeys(v["method"] for v in verdicts)],
        }
    )
    return comparison


def _correct(told: Sequence[dict[str, Any]]) -> None:
    """Holm's correction of the tests of IS(t) against re-roll, over the t and methods of each seed."""
    for seed in {run["seed"] for run in told}:
        sets = [i["improvement_set"]["new"] for run in told if run["seed"] == seed for i in run["iterations"]]
        adjusted = holm({at: one["p"] for at, one in enumerate(sets) if one["p"] is not None})
        for at, one in enumerate(sets):
            one["holm"] = adjusted.get(at)


Eligible = dict[str, dict[str, tuple[Any, str]]]
"""m -> group -> (mask over problems, why there is none, or "")."""


def _eligible(runs: Sequence[RunMeasures], n: int) -> Eligible:
    """The problems with at least m answers of a group at every t and method: those that size-matched values rest on."""
    judged_runs = [run for run in runs if not run.null] or list(runs)
    models = [m for run in judged_runs for m in run.models.values() if m.diversity is not None]
    found: Eligible = {}
    for m in SIZES:
        found[str(m)] = {}
        for group in GROUPS:
            mask = np.full(n, bool(models))
            for model in models:
                mask &= np.array([row[group]["matched"]["total"] >= m for row in model.diversity or ()])
            count = int(mask.sum())
            kind = "" if group == "all" else f"{group} "
            why = f"{count} problems have {m} {kind}answers at every t and method; {FEWEST} are needed" if count < FEWEST else ""
            why = why if models else "no draws whose diversity could be measured"
            found[str(m)][group] = (np.zeros(n, dtype=bool) if why else mask, why)
    return found


def _matched(eligible: Eligible, levels: Sequence[str]) -> dict[str, Any]:
    """How many problems size-matched values rest on, their share, and their levels."""
    told: dict[str, Any] = {}
    for m, groups in eligible.items():
        told[m] = {}
        for group, (mask, why) in groups.items():
            of = [level for level, ok in zip(levels, mask, strict=True) if ok]
            counted = {level: of.count(level) for level in sorted_levels(levels)}
            told[m][group] = {"problems": len(of), "share": len(of) / len(levels), "levels": counted, "reason": why or None}
    return told


def _run(
    run: RunMeasures,
    levels: Sequence[str],
    answers: str,
    guess: float | None,
    headline: int,
    eligible: Eligible,
    settings: Settings,
    done: Callable[[], None],
) -> tuple[dict[str, Any], _Judged]:
    first_t, first = next(iter(run.models.items()))
    iterations, latest, gained = [], _Judged({}, {}), {}
    for t, model in run.models.items():
        sheet = Sheet(len(levels), settings.seed, settings.replicates)
        suites = {name: Sheet(len(rows), settings.seed, settings.replicates) for name, rows in model.ood.items()}
        tree: Tree = {"t": t, **accuracy(sheet, model, levels, settings.from_draws), **draws(sheet, model)}
        tree |= improvement(sheet, first, model, settings.seed, settings.from_draws)
        gained[t] = (tree["improvement_set"]["size"], tree["lost_set"]["size"])
        tree["diversity"] = diversity(sheet, model, answers, eligible)
        tree["temperatures"] = {
            name: {"pass_at_n": pass_curve(sheet, rows, list(powers_of_two(max(row["n"] for row in rows))))}
            for name, rows in model.temperatures.items()
        }
        tree["split"] = split_of_loss(sheet, first, model) if t != first_t else {}
        on_test = coverage(sheet, model.draws, "no draws were given")
        on_train = _train_coverage(model, settings)
        latest = _Judged({}, {}, gained)
        both, cells = Curves([], [], []), {}
        if t != first_t:
            values = _matched_values(first, model, answers, eligible, len(levels))
            latest.outcomes = outcomes(sheet, suites, first, model, headline, values, settings.from_draws)
            cells = {name: one.cell() for name, one in latest.outcomes.items()}
            both = curves(sheet, first, model)
        settled = sheet.settle(tree)
        settled["reach"] = reach(first, model)
        itself = "M_1 is not compared with itself"
        settled["crossing"] = where_they_cross(sheet, both) if t != first_t else {**absent(itself), "share": None}
        settled["coverage"] = {
            reading: {"train": on_train[reading], "test": sheet.settle(cell)} for reading, cell in on_test.items()
        }
        settled["ood"] = {name: suites[name].settle(suite(suites[name], rows)) for name, rows in model.ood.items()}
        latest.changes = {
            name: judged(one, cells[name], settings.seed, settings.replicates) for name, one in latest.outcomes.items()
        }
        settled["against_m1"] = latest.changes
        iterations.append(settled)
        done()
    told = {
        "method": run.method,
        "seed": run.seed,
        "advice": advice(iterations[0]["coverage"]),
        "matched": _matched(eligible, levels),
        "iterations": iterations,
    }
    if settings.from_draws:
        told["pass_at_1_from"] = _mean_of(run)
    return told, latest


def _mean_of(run: RunMeasures) -> str:
    """What pass@1 is estimated from where there are no greedy answers: "mean of 8 draws", "mean of 5 to 8 draws"."""
    drawn = [row["n"] for model in run.models.values() for row in model.draws or ()]
    few, most = min(drawn, default=0), max(drawn, default=0)
    return f"mean of {most if few == most else f'{few} to {most}'} draw{'' if most == 1 else 's'}"


def _train_coverage(model: Measures, settings: Settings) -> dict[str, Any]:
    if not model.train:
        return dict.fromkeys(("mass", "solved"), absent(NO_TRAIN))
    sheet = Sheet(len(model.train), settings.seed, settings.replicates)
    found: dict[str, Any] = sheet.settle(coverage(sheet, model.train, NO_TRAIN))
    return found


def _matched_values(first: Measures, later: Measures, answers: str, eligible: Eligible, n: int) -> tuple[Floats, Floats, str]:
    """Size-matched distinct right answers of M_1 and M_t: equation lists, programs, else the mean of Distinct-1 to 5."""
    mask, why = eligible[str(MATCHED)]["correct"]

    def value(row: Any) -> float | None:
        found = row["correct"]["matched"][str(MATCHED)]
        if found is None:
            return None
        if answers == "text":
            grams = list(found["distinct_n"].values())
            return None if None in grams else float(sum(grams) / len(grams))
        return found["distinct_programs" if answers == "code" else "distinct_equations"]  # type: ignore[no-any-return]

    values = [np.where(mask, column(m.diversity, value, n), np.nan) for m in (first, later)]
    if answers == "letters":
        why = "an answer is an option's letter alone"
    elif first.diversity is None or later.diversity is None:
        why = "no draws were given"
    return values[0], values[1], why or f"no problem has such values for {MATCHED} right answers"


def _margin(name: str, change: Mapping[str, Any], settings: Settings) -> float:
    return settings.diversity_margin * (change["base"] or 0.0) if name == "distinct" else settings.margin


JUDGED = ("pass_at_1", "pass_at_n", "distinct")
"""The outcomes that a verdict rests on, beside the OOD suites."""


def _verdict(
    run: RunMeasures,
    found: _Judged,
    pairs: Sequence[tuple[RunMeasures, _Judged]],
    nulls: Sequence[tuple[RunMeasures, _Judged]],
    settings: Settings,
) -> dict[str, Any]:
    """The verdict on M_T of one run; Holm's correction is over the outcomes and methods of its seed."""
    tested = {
        (other.method, name): change["p"]
        for other, one in pairs
        if other.seed == run.seed
        for name, change in one.changes.items()
        if _counts(name) and change["p"] is not None
    }
    adjusted = holm(tested)
    told = {}
    for name, change in found.changes.items():
        if _counts(name):
            p, margin = adjusted.get((run.method, name)), _margin(name, change, settings)
            told[name] = {**change, "holm": p, "margin": margin, "is": classify(change, p, margin)}
    name = f"pass@1 ({_mean_of(run)})" if settings.from_draws else "pass@1"
    said, narrower, reason = verdict({name: one["is"] for name, one in told.items()}, settings.diversity_counts, name)
    near = [(other, one) for other, one in nulls if other.seed == run.seed and other.method in nulls_of(run.method)]
    retrained = [one.gained for other, one in near if other.method == "null-retrain"]
    noise = None
    if retrained:
        again = list(retrained[0].values())[1:]
        noise = {"gained": [gained for gained, _ in again], "lost": [lost for _, lost in again]}
    return {
        "method": run.method,
        "seed": run.seed,
        "t": max(run.models),
        "verdict": said,
        "narrower": narrower,
        "reason": reason,
        "outcomes": told,
        "null": ", ".join(sorted({other.method.removeprefix(NULL) for other, _ in near})) or "no null run",
        "noise": noise,
    }


def nulls_of(method: str) -> tuple[str, ...]:
    """The null runs that a method is held against."""
    return (f"{NULL}resample", f"{NULL}retrain", f"{NULL}gold-{method}")


def _counts(name: str) -> bool:
    return name in JUDGED or name.startswith("ood/")


def _claim(
    method: str, pairs: Sequence[tuple[RunMeasures, _Judged]], verdicts: Sequence[Mapping[str, Any]], settings: Settings
) -> dict[str, Any]:
    """What is claimed of a method over its seeds: the mean change with an interval over problems and one over seeds."""
    all_seeds = [run for run, _ in pairs if run.method == method]
    mine = [(run, found) for run, found in pairs if run.method == method and found.outcomes]
    by_seed = {v["seed"]: v for v in verdicts if v["method"] == method}
    # A seed that ended at M_1 has no verdict: to leave it out would be to choose among seeds.
    said = [by_seed[run.seed]["verdict"] if run.seed in by_seed else "no verdict" for run in all_seeds]
    claimed, reason = claim(said)
    last = sorted({v["t"] for v in by_seed.values()})
    if claimed is not None and len(last) > 1:
        claimed, reason = None, f"its seeds ended at different t: {', '.join(map(str, last))}"
    mean: dict[str, Any] = {}
    for name in mine[0][1].outcomes:
        of_seeds = [found.outcomes[name] for _, found in mine if name in found.outcomes]
        if not _counts(name) or len({one.sheet.n for one in of_seeds}) > 1:
            continue
        sheet = Sheet(of_seeds[0].sheet.n, settings.seed, settings.replicates)
        averaged = np.mean([one.differences for one in of_seeds], axis=0)  # NaN where a seed has none
        cell = sheet.mean(averaged, of_seeds[0].reason, binomial=False)
        values = [value for _, found in mine if (value := found.changes[name]["difference"]["value"]) is not None]
        over = t_interval(values) if len(values) == len(mine) else absent("some seed has no value")
        mean[name] = {"difference": sheet.settle(cell), "seeds": over}
    return {
        "method": method,
        "seeds": [run.seed for run in all_seeds],
        "verdicts": said,
        "claim": claimed,
        "reason": reason,
        "mean": mean,
    }


def rounded(tree: Any) -> Any:
    """The tree with floats of DIGITS significant digits, and None where one is no number."""
    if isinstance(tree, float):
        return float(f"{tree:.{DIGITS}g}") if math.isfinite(tree) else None
    if isinstance(tree, dict):
        return {key: rounded(value) for key, value in tree.items()}
    return [rounded(value) for value in tree] if isinstance(tree, list) else tree
