"""Verdicts on each run's M_T."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sirev.margins import LEAST_MARGIN, near_ceiling
from sirev.metrics.comparison.contents import ComparedRun, Reach
from sirev.metrics.comparison.inputs import ComparisonSettings
from sirev.metrics.comparison.nulls import NULL, RETRAIN, nulls_of
from sirev.metrics.comparison.observations import counted, observations
from sirev.metrics.comparison.one_run import Judged
from sirev.metrics.comparison.verdict_contents import Change, JudgedChange, Noise, StudyVerdict
from sirev.metrics.paired_tests import holm
from sirev.metrics.study_verdict import DOWN, classify, in_one_word, is_of_suite, possible, reason

FIRST_JUDGED = "pass_at_1"
"""The outcome judged first, with Holm over the methods; the others guard it, with Holm over all guards and methods."""
_REACH = "reach of "
"""Prefix of an outcome's name: the exact sign test on the problems that M_1 and M_T ever solve."""


def correct_new_skills(runs: Sequence[ComparedRun]) -> None:
    """Holm's correction of the tests of IS(t) against re-roll, over the t and methods of each seed."""
    for seed in {run["seed"] for run in runs}:
        sets = [i["improvement_set"]["new"] for run in runs if run["seed"] == seed for i in run["iterations"]]
        adjusted = holm({at: one["p"] for at, one in enumerate(sets) if one["p"] is not None})
        for at, one in enumerate(sets):
            one["holm"] = adjusted.get(at)


def verdict_on(judged: Judged, methods: Sequence[Judged], nulls: Sequence[Judged], settings: ComparisonSettings) -> StudyVerdict:
    """The verdict on M_T of one run, with tests corrected over the methods of its seed."""
    run = judged.run
    of_seed = {other.run.method: other for other in methods if other.run.seed == run.seed}
    outcomes = corrected(
        {method: other.changes for method, other in of_seed.items()},
        {method: other.reaches for method, other in of_seed.items()},
        settings,
    )[run.method]
    words = possible(outcomes, settings.diversity_counts)
    found = observations(outcomes, judged.gained_set, settings.new_margin)
    holding, measured = counted(found)
    pass_at_1 = f"pass@1 ({run.draws_averaged})" if settings.from_draws else "pass@1"
    beside = [null for null in nulls if null.run.seed == run.seed and null.run.method in nulls_of(run.method)]
    return {
        "method": run.method,
        "seed": run.seed,
        "t": max(run.models),
        "verdict": in_one_word(words),
        "possible": words,
        "narrower": "distinct" in outcomes and outcomes["distinct"]["is"] == DOWN,
        "reason": reason(outcomes, settings.diversity_counts, pass_at_1),
        "outcomes": outcomes,
        "observations": found,
        "observed": holding,
        "observable": measured,
        "null": ", ".join(sorted({null.run.method.removeprefix(NULL) for null in beside})) or "no null run",
        "noise": _noise(beside),
    }


def corrected(
    changes: Mapping[str, Mapping[str, Change]], reaches: Mapping[str, Mapping[str, Reach]], settings: ComparisonSettings
) -> dict[str, dict[str, JudgedChange]]:
    """The outcomes of verdicts, by method and name, judged in two steps.

    pass@1 with Holm over the methods; then its guards, including the exact sign tests on `reaches`, with Holm over all guards of
    all methods. Outcomes of different steps don't weaken each other.
    """
    judged = {method: {name: one for name, one in found.items() if counts(name)} for method, found in changes.items()}
    ps = {(method, name): one["p"] for method, found in judged.items() for name, one in found.items()}
    shrinking = {
        (method, f"{_REACH}{name}"): one["p"]
        for method, found in reaches.items()
        for name, one in found.items()
        if one["gained"] is not None and one["lost"] is not None and one["lost"] > one["gained"]
    }
    known = {key: p for key, p in (ps | shrinking).items() if p is not None}
    adjusted = holm({key: p for key, p in known.items() if key[1] == FIRST_JUDGED})
    adjusted |= holm({key: p for key, p in known.items() if key[1] != FIRST_JUDGED})

    def judge(method: str, name: str, change: Change) -> JudgedChange:
        p, shrank = adjusted.get((method, name)), adjusted.get((method, f"{_REACH}{name}"))
        margin = _margin(name, change, settings)
        return _judged(change, p, shrank, margin, "pass_at_n" in name and LEAST_MARGIN < margin < settings.margin)

    return {method: {name: judge(method, name, one) for name, one in found.items()} for method, found in judged.items()}


def _judged(change: Change, p: float | None, shrank: float | None, margin: float, estimated: bool) -> JudgedChange:
    """An outcome as judged. `estimated`: the margin depends on what M_1 leaves unsolved; the lower bound includes its error."""
    value, within = change["difference"]["value"], change["within"]
    bound = within[0] if within else None
    if estimated and value is not None and bound is not None:
        bound = value - (value - bound) * (change["widening"] or 1.0)
    deciding = None if within is None else [bound, within[1]]
    return {
        **change,
        "holm": p,
        "margin": margin,
        "bound": bound,
        "shrank": shrank,
        "is": classify({**change, "within": deciding}, p, margin, shrank),
    }


def _margin(name: str, change: Change, settings: ComparisonSettings) -> float:
    """The loss that "held" excludes: relative for variety, smaller near the ceiling for pass@N."""
    base = change["base"] or 0.0
    if name == "distinct":
        return settings.diversity_margin * base
    return near_ceiling(settings.margin, base) if "pass_at_n" in name else settings.margin


def _noise(nulls: Sequence[Judged]) -> Noise | None:
    """The numbers of problems that M_1 gained and lost each time it was trained again; None without such a null run."""
    gained = next((list(null.gained.values())[1:] for null in nulls if null.run.method == RETRAIN), None)
    return None if gained is None else {"gained": [one for one, _ in gained], "lost": [one for _, one in gained]}


def counts(name: str) -> bool:
    """Whether an outcome is part of verdicts."""
    return name in (FIRST_JUDGED, "pass_at_n", "distinct") or is_of_suite(name)
