"""Comparison of a study: its runs model by model, verdicts on each M_T, and claims over seeds."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from sirev.metrics.comparison.claims import claims
from sirev.metrics.comparison.contents import Comparison
from sirev.metrics.comparison.inputs import ComparisonSettings, RunMeasures
from sirev.metrics.comparison.one_run import Shared, compare_run
from sirev.metrics.comparison.size_matched import eligible_of_suites, eligible_problems
from sirev.metrics.comparison.verdicts import correct_new_skills, verdict_on
from sirev.metrics.families.measures import sorted_levels
from sirev.metrics.pass_at_n import powers_of_two

SCHEMA = 3
"""Version of the comparison's format; it grows when a field changes its meaning or is removed."""
HEADLINE = 32
"""N of the pass@N in verdicts; with fewer draws, the largest power of two that they allow."""
DIGITS = 10
"""Significant digits kept: further ones differ between processors."""


def compare(
    runs: Sequence[RunMeasures],
    answers: str,
    guess: float | None,
    settings: ComparisonSettings,
    done: Callable[[int], None] = lambda models: None,
    *,
    suite_answers: Mapping[str, str] | None = None,
) -> Comparison:
    """The comparison of runs on the same problems, in the format of `docs/report.md`.

    `answers` is "math", "code", "text" or "letters", `suite_answers` the kind of each suite's where it differs; `guess` is the
    chance of a right guess, if answers can be guessed. `done` receives the number of models done.
    """
    levels = [row["level"] for row in _rows(runs[0])]
    shared = Shared(levels, answers, suite_answers or {}, _headline(runs), settings)
    of_seed = {seed: [run for run in runs if run.seed == seed] for seed in {run.seed for run in runs}}
    eligible = {seed: (eligible_problems(some, len(levels)), eligible_of_suites(some)) for seed, some in of_seed.items()}
    through = itertools.count(1)
    compared, judged = zip(
        *(compare_run(run, shared, *eligible[run.seed], lambda: done(next(through))) for run in runs), strict=True
    )
    methods = [one for one in judged if not one.run.null]
    nulls = [one for one in judged if one.run.null]
    correct_new_skills([one for run, one in zip(runs, compared, strict=True) if not run.null])
    verdicts = [verdict_on(one, methods, nulls, settings) for one in methods if len(one.run.models) > 1]
    comparison: Comparison = {
        "schema": SCHEMA,
        "problems": len(levels),
        "answers": answers,
        "guess": guess,
        "headline": shared.headline,
        "levels": sorted_levels(levels),
        "suites": sorted({name for run in runs for m in run.models.values() for name in m.ood}),
        "settings": {
            "margin": settings.margin,
            "diversity_margin": settings.diversity_margin,
            "diversity_counts": settings.diversity_counts,
            "new_margin": settings.new_margin,
            "replicates": settings.replicates,
            "bootstrap_seed": settings.seed,
            "permutation_seed": settings.seed,
        },
        "runs": list(compared),
        "verdicts": verdicts,
        "methods": claims(methods, nulls, verdicts, settings),
    }
    return cast(Comparison, rounded(comparison))


def _rows(run: RunMeasures) -> Sequence[Any]:
    """One row per problem, from any answers that the run has."""
    return next(rows for m in run.models.values() for rows in (m.greedy, m.draws) if rows is not None)


def _headline(runs: Sequence[RunMeasures]) -> int:
    """The largest power of two up to HEADLINE for which every problem has draws, at every t of all methods."""
    drawn = [row["n"] for run in runs if not run.null for m in run.models.values() for row in m.draws or ()]
    return max(powers_of_two(min(HEADLINE, min(drawn, default=HEADLINE))))


def rounded(tree: Any) -> Any:
    """The tree with floats rounded to DIGITS significant digits, and None in place of infinities and NaN."""
    if isinstance(tree, float):
        return float(f"{tree:.{DIGITS}g}") if math.isfinite(tree) else None
    if isinstance(tree, dict):
        return {key: rounded(value) for key, value in tree.items()}
    return [rounded(value) for value in tree] if isinstance(tree, list) else tree
