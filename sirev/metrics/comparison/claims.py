"""Claims about a method over its seeds, from changes pooled over them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from sirev.metrics.comparison.change import Outcome, judged, reach_of, reach_signs
from sirev.metrics.comparison.contents import Reach
from sirev.metrics.comparison.inputs import ComparisonSettings
from sirev.metrics.comparison.nulls import RETRAIN
from sirev.metrics.comparison.observations import counted, observations, over_seeds
from sirev.metrics.comparison.one_run import Judged
from sirev.metrics.comparison.verdict_contents import Change, Claim, JudgedChange, MeanChange, StudyVerdict
from sirev.metrics.comparison.verdicts import FIRST_JUDGED, corrected, counts
from sirev.metrics.families.measures import Measures
from sirev.metrics.intervals import t_interval, t_test
from sirev.metrics.paired_tests import holm
from sirev.metrics.statistic import Statistic, absent
from sirev.metrics.study_verdict import DOWN, HELD, LEVEL, OPEN, SEEDS, UP, in_one_word, possible, reason

_ONE_SIDED = 0.90
"""Level of a two-sided interval whose bounds are each one-sided at 95 %."""


class Pooled(NamedTuple):
    """A method's changes averaged over its seeds, by outcome: over problems, and over seeds at 95 % and at 90 %.

    `ps`: p of the t test over seeds.
    """

    changes: dict[str, Change]
    seeds: dict[str, Statistic]
    within: dict[str, list[float] | None]
    ps: dict[str, float | None]
    reaches: dict[str, Reach]


def claims(
    methods: Sequence[Judged], nulls: Sequence[Judged], verdicts: Sequence[StudyVerdict], settings: ComparisonSettings
) -> list[Claim]:
    """A claim per method that has a verdict.

    The differences of a problem are averaged over the seeds and judged like those of one seed, with Holm's correction over the
    methods. A change is up or down only if the t test over seeds (S - 1 degrees of freedom; for pass@1 after Holm over the
    methods) agrees, and if it exceeds every change of M_1 trained again, where there is such a null run. It is held only if the
    seeds exclude the loss, too.
    """
    names = list(dict.fromkeys(one["method"] for one in verdicts))
    of = {name: [one for one in methods if one.run.method == name] for name in names}
    pooled = {name: _pooled([one for one in seeds if one.outcomes], settings) for name, seeds in of.items()}
    judged_all = corrected(
        {name: one.changes for name, one in pooled.items()}, {name: one.reaches for name, one in pooled.items()}, settings
    )
    # Where seeds differ much, their test decides alone: uncorrected, three methods would claim a change in 14 % of null studies.
    first = holm({name: p for name, one in pooled.items() if (p := one.ps.get(FIRST_JUDGED)) is not None})
    confirmed = {name: one.ps | ({FIRST_JUDGED: first[name]} if name in first else {}) for name, one in pooled.items()}
    retrained = [null for null in nulls if null.run.method == RETRAIN]
    return [
        _claim(name, of[name], pooled[name], judged_all[name], confirmed[name], retrained, verdicts, settings) for name in names
    ]


def _claim(
    method: str,
    seeds: Sequence[Judged],
    pooled: Pooled,
    outcomes: Mapping[str, JudgedChange],
    ps: Mapping[str, float | None],
    retrained: Sequence[Judged],
    verdicts: Sequence[StudyVerdict],
    settings: ComparisonSettings,
) -> Claim:
    by_seed = {one["seed"]: one for one in verdicts if one["method"] == method}
    mean: dict[str, MeanChange] = {}
    for name, one in outcomes.items():
        noise = _noise(name, retrained)
        over, within = pooled.seeds[name], pooled.within[name]
        heard = one if len(seeds) < 2 else _over_seeds(one, ps[name], within, noise)
        mean[name] = {**heard, "seeds": over, "noise": noise}
    words = possible(mean, settings.diversity_counts)
    pass_at_1 = "pass@1 (mean of draws)" if settings.from_draws else "pass@1"
    seen = observations(mean, seeds[-1].gained_set, settings.new_margin)
    of_seeds = over_seeds([one["observations"]["new_or_selected"] for one in by_seed.values()])
    if of_seeds is not None:
        seen = {**seen, "new_or_selected": of_seeds}
    holding, measured = counted(seen)
    # A seed that ended at M_1 has no verdict, and leaving it out would be choosing among seeds.
    said = [by_seed[one.run.seed]["verdict"] if one.run.seed in by_seed else "no verdict" for one in seeds]
    why = _why_none(said, by_seed, pooled) or (
        "" if len(words) == 1 else f"{in_one_word(words)}, pooled over {len(seeds)} seeds: "
    )
    return {
        "method": method,
        "seeds": [one.run.seed for one in seeds],
        "verdicts": said,
        "claim": None if why else words[0],
        "possible": words,
        "observations": seen,
        "observed": holding,
        "observable": measured,
        "reason": why if why and not why.endswith(": ") else f"{why}{reason(mean, settings.diversity_counts, pass_at_1)}",
        "mean": mean,
    }


def _why_none(said: Sequence[str], by_seed: Mapping[int, StudyVerdict], pooled: Pooled) -> str:
    """The reason against any claim, whatever the pooled changes are; "" if there is none."""
    seeds = f"{len(said)} seed{'' if len(said) == 1 else 's'}"
    last = sorted({one["t"] for one in by_seed.values()})
    if "no verdict" in said:
        return f"{said.count('no verdict')} of its {seeds} ended at M_1"
    if len(last) > 1:
        return f"its seeds ended at different t: {', '.join(map(str, last))}"
    if len(said) < SEEDS:
        return f"{seeds} of the {SEEDS} that a claim needs"
    return "" if pooled.changes else "its seeds have not the same problems"


def _over_seeds(one: JudgedChange, p: float | None, within: Sequence[float] | None, noise: float | None) -> JudgedChange:
    """A pooled outcome, judged again with the spread over seeds and the noise of training.

    `p`: of the t test over seeds; `within`: the 90 % t interval over them. Changes inside that interval are not excluded, so
    "within" and "bound" become those of the hull of both intervals: many problems alone must not turn a change of the margin into
    none.
    """
    value, found = one["difference"]["value"], one["is"]
    both = [*(one["within"] or (-1.0, 1.0)), *(within or (-1.0, 1.0))]
    hull = [min(both), max(both)]
    bound = min(hull[0], -1.0 if one["bound"] is None else one["bound"])
    heard: JudgedChange = {**one, "within": hull, "bound": bound}
    if value is None:
        return heard
    if found in (UP, DOWN):
        beyond = noise is None or abs(value) > noise
        if beyond and p is not None and p <= LEVEL and (value > 0) == (found == UP):
            return heard
        # A loss that the problems show and the seeds do not confirm is not excluded either.
        found = OPEN if found == DOWN else HELD
    heard["is"] = OPEN if found == HELD and bound <= -one["margin"] else found
    return heard


def _pooled(seeds: Sequence[Judged], settings: ComparisonSettings) -> Pooled:
    names = [name for name in seeds[0].outcomes if counts(name) and all(name in one.outcomes for one in seeds)]
    changes: dict[str, Change] = {}
    over: dict[str, Statistic] = {}
    within: dict[str, list[float] | None] = {}
    ps: dict[str, float | None] = {}
    for name in names:
        outcomes = [one.outcomes[name] for one in seeds]
        if len({outcome.sheet.n for outcome in outcomes}) > 1:
            return Pooled({}, {}, {}, {}, {})
        changes[name] = seeds[0].changes[name] if len(seeds) == 1 else _averaged(outcomes, settings)
        values = [value for one in seeds if (value := one.changes[name]["difference"]["value"]) is not None]
        complete = len(values) == len(seeds)
        over[name] = t_interval(values) if complete else absent("some seed has no value")
        ps[name] = t_test(values) if complete else None
        ends = t_interval(values, _ONE_SIDED) if complete else absent("some seed has no value")
        within[name] = None if ends["low"] is None or ends["high"] is None else [ends["low"], ends["high"]]
    return Pooled(changes, over, within, ps, _reaches(seeds))


def _averaged(outcomes: Sequence[Outcome], settings: ComparisonSettings) -> Change:
    """The change of an outcome averaged over seeds per problem, over the problems that have a value for every seed."""
    # NaN where a seed has no value, so the mean is NaN too.
    first, later = (np.mean([getattr(one, side) for one in outcomes], axis=0) for side in ("first", "later"))
    averaged = Outcome(settings.sheet(outcomes[0].sheet.n), first, later, outcomes[0].reason)
    return judged(averaged, averaged.cell(), settings.seed, settings.replicates)


def _reaches(seeds: Sequence[Judged]) -> dict[str, Reach]:
    """The exact sign test on problems that M_T or M_1 reaches in more seeds than the other: on the test and suites with draws."""
    found: dict[str, Reach] = {}
    for name in seeds[0].reaches:
        signs = [reach_signs(*_ends(one, name)) for one in seeds]
        known = [one for one in signs if not isinstance(one, str)]
        if len(known) == len(signs):
            found[name] = reach_of(np.sum(known, axis=0))
    return found


def _ends(one: Judged, name: str) -> tuple[Measures, Measures]:
    """M_1 and M_T with the measures that a reach of this name is about: on the test, or on a suite."""
    first, *_, last = one.run.models.values()
    _, _, suite = name.partition("/")
    return (first.on_suite(suite), last.on_suite(suite)) if suite else (first, last)


def _noise(name: str, retrained: Sequence[Judged]) -> float | None:
    """The largest absolute change of an outcome over all repeated trainings of M_1 and all seeds; None without any."""
    found = [abs(value) for one in retrained for changes in one.every_change if (value := _value(changes, name)) is not None]
    return max(found, default=None)


def _value(changes: Mapping[str, Change], name: str) -> float | None:
    return changes[name]["difference"]["value"] if name in changes else None
