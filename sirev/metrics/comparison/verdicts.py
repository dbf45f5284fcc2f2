"""Verdicts on M_T of each run, and what may be claimed of a method over its seeds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sirev.metrics.comparison.contents import Change, Claim, ComparedRun, JudgedChange, MeanChange, Noise, StudyVerdict
from sirev.metrics.comparison.inputs import ComparisonSettings
from sirev.metrics.comparison.nulls import NULL, RETRAIN, nulls_of
from sirev.metrics.comparison.one_run import Judged
from sirev.metrics.intervals import t_interval
from sirev.metrics.paired_tests import holm
from sirev.metrics.statistic import absent
from sirev.metrics.study_verdict import claim, classify, verdict

JUDGED = ("pass_at_1", "pass_at_n", "distinct")
"""The outcomes that a verdict rests on, beside the OOD suites."""


def correct_new_skills(runs: Sequence[ComparedRun]) -> None:
    """Holm's correction of the tests of IS(t) against re-roll, over the t and methods of each seed."""
    for seed in {run["seed"] for run in runs}:
        sets = [i["improvement_set"]["new"] for run in runs if run["seed"] == seed for i in run["iterations"]]
        adjusted = holm({at: one["p"] for at, one in enumerate(sets) if one["p"] is not None})
        for at, one in enumerate(sets):
            one["holm"] = adjusted.get(at)


def verdict_on(judged: Judged, methods: Sequence[Judged], nulls: Sequence[Judged], settings: ComparisonSettings) -> StudyVerdict:
    """The verdict on M_T of one run; Holm's correction is over the outcomes and methods of its seed."""
    run = judged.run
    outcomes = _corrected(judged, [other for other in methods if other.run.seed == run.seed], settings)
    pass_at_1 = f"pass@1 ({run.draws_averaged})" if settings.from_draws else "pass@1"
    results = {name: outcome["is"] for name, outcome in outcomes.items()}
    word, narrower, reason = verdict(results, settings.diversity_counts, pass_at_1)
    beside = [null for null in nulls if null.run.seed == run.seed and null.run.method in nulls_of(run.method)]
    return {
        "method": run.method,
        "seed": run.seed,
        "t": max(run.models),
        "verdict": word,
        "narrower": narrower,
        "reason": reason,
        "outcomes": outcomes,
        "null": ", ".join(sorted({null.run.method.removeprefix(NULL) for null in beside})) or "no null run",
        "noise": _noise(beside),
    }


def _corrected(judged: Judged, of_seed: Sequence[Judged], settings: ComparisonSettings) -> dict[str, JudgedChange]:
    """The outcomes of a verdict, their p corrected over those of all methods of the seed."""
    tested = {
        (other.run.method, name): change["p"]
        for other in of_seed
        for name, change in other.changes.items()
        if _counts(name) and change["p"] is not None
    }
    adjusted = holm(tested)
    outcomes: dict[str, JudgedChange] = {}
    for name, change in judged.changes.items():
        if _counts(name):
            p, margin = adjusted.get((judged.run.method, name)), _margin(name, change, settings)
            outcomes[name] = {**change, "holm": p, "margin": margin, "is": classify(change, p, margin)}
    return outcomes


def _noise(nulls: Sequence[Judged]) -> Noise | None:
    """What M_1 gained and lost each time it was trained again."""
    gained = next((list(null.gained.values())[1:] for null in nulls if null.run.method == RETRAIN), None)
    return None if gained is None else {"gained": [one for one, _ in gained], "lost": [one for _, one in gained]}


def claim_over_seeds(
    method: str, methods: Sequence[Judged], verdicts: Sequence[StudyVerdict], settings: ComparisonSettings
) -> Claim:
    """What is claimed of a method over its seeds: the mean change with an interval over problems and one over seeds."""
    of_method = [judged for judged in methods if judged.run.method == method]
    by_seed = {one["seed"]: one for one in verdicts if one["method"] == method}
    # A seed that ended at M_1 has no verdict: to leave it out would be to choose among seeds.
    words = [by_seed[one.run.seed]["verdict"] if one.run.seed in by_seed else "no verdict" for one in of_method]
    claimed, reason = claim(words)
    last = sorted({one["t"] for one in by_seed.values()})
    if claimed is not None and len(last) > 1:
        claimed, reason = None, f"its seeds ended at different t: {', '.join(map(str, last))}"
    with_outcomes = [judged for judged in of_method if judged.outcomes]
    means = {name: _mean(name, with_outcomes, settings) for name in with_outcomes[0].outcomes if _counts(name)}
    return {
        "method": method,
        "seeds": [one.run.seed for one in of_method],
        "verdicts": words,
        "claim": claimed,
        "reason": reason,
        "mean": {name: mean for name, mean in means.items() if mean is not None},
    }


def _mean(name: str, seeds: Sequence[Judged], settings: ComparisonSettings) -> MeanChange | None:
    """The mean change of an outcome; None where the seeds have not the same problems."""
    outcomes = [judged.outcomes[name] for judged in seeds if name in judged.outcomes]
    if len({outcome.sheet.n for outcome in outcomes}) > 1:
        return None
    sheet = settings.sheet(outcomes[0].sheet.n)
    averaged = np.mean([outcome.differences for outcome in outcomes], axis=0)  # NaN where a seed has none
    cell = sheet.mean(averaged, outcomes[0].reason, binomial=False)
    values = [value for judged in seeds if (value := judged.changes[name]["difference"]["value"]) is not None]
    over_seeds = t_interval(values) if len(values) == len(seeds) else absent("some seed has no value")
    return {"difference": sheet.settle(cell), "seeds": over_seeds}


def _margin(name: str, change: Change, settings: ComparisonSettings) -> float:
    return settings.diversity_margin * (change["base"] or 0.0) if name == "distinct" else settings.margin


def _counts(name: str) -> bool:
    return name in JUDGED or name.startswith("ood/")
