"""compare: comparison of the measures of methods, seeds and null runs, which reports read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from sirev.margins import DIVERSITY_MARGIN, MARGIN, NEW_MARGIN
from sirev.metrics.families import FAMILIES, likelihood
from sirev.metrics.families.measures import Measures
from sirev.parameters import semantic
from sirev.stages.stage import Context, Stage
from sirev.store.artifacts import Artifact, Output
from sirev.store.digests import canonical_json


@dataclass(frozen=True)
class CompareParameters:
    """The runs and suites to compare, and the criteria for changes."""

    runs: list[dict[str, Any]] = semantic()
    """Each {"method", "seed", "iterations": [t, ...]}; the first t is M_1. Null runs' methods begin with "null-"."""
    suites: list[str] = semantic()
    answers: str = semantic(default="math", absent_means="math")
    """Kind of answers: "math", "code", "text", or "letters", for which diversity means nothing."""
    suite_answers: Mapping[str, str] = semantic(default_factory=dict, absent_means={})
    """Suite -> kind of its answers, where it differs from `answers`."""
    guess: float | None = semantic(default=None, absent_means=None)
    """The probability that a guess is right, where answers can be guessed."""
    margin: float = semantic(default=MARGIN, absent_means=0.03)
    diversity_margin: float = semantic(default=DIVERSITY_MARGIN, absent_means=0.1)
    diversity_counts: bool = semantic(default=False, absent_means=False)
    replicates: int = semantic(default=10_000, absent_means=10_000)
    seed: int = semantic(default=0, absent_means=0)
    """Seed of the bootstrap and the permutations."""
    from_draws: bool = semantic(default=False, absent_means=False)
    """Whether pass@1 is estimated from draws, since no model has greedy answers."""
    new_margin: float = semantic(default=NEW_MARGIN, absent_means=0.05)
    k: list[int] = semantic(default_factory=list, absent_means=[])
    """The values of k for pass@k in addition to the powers of two."""


def run(parameters: CompareParameters, inputs: Mapping[str, Artifact], context: Context) -> Output:
    """`comparison.json`, documented in docs/report.md.

    Inputs, for each run and t, as far as available: measures "METHOD/SEED/T/WHAT" with WHAT `greedy`, `draws`,
    `train`, `ood/SUITE`, `ood_draws/SUITE`, `ood_diversity/SUITE`, `temperature/TEMPERATURE`, the name of a family other than
    accuracy, or `likelihood/draws`.
    """
    # numpy and scipy, which a replay does not need
    from sirev.metrics.comparison.compare import compare
    from sirev.metrics.comparison.inputs import ComparisonSettings, RunMeasures

    read: dict[str, list[dict[str, Any]]] = {}

    def measures(name: str) -> list[dict[str, Any]] | None:
        if name not in inputs:
            return None
        digest = inputs[name].digest  # methods share M_1
        if digest not in read:
            read[digest] = inputs[name].json("measures.json")["problems"]
        return read[digest]

    def model(at: str) -> Measures:
        def group(prefix: str) -> dict[str, list[dict[str, Any]]]:
            names = [name.removeprefix(f"{at}/{prefix}/") for name in inputs if name.startswith(f"{at}/{prefix}/")]
            return {name: rows for name in sorted(names) if (rows := measures(f"{at}/{prefix}/{name}")) is not None}

        greedy, draws, train = (measures(f"{at}/{what}") for what in ("greedy", "draws", "train"))
        others = {name: rows for name in (*FAMILIES, likelihood.OF_DRAWS) if (rows := measures(f"{at}/{name}")) is not None}
        return Measures(
            greedy,
            draws,
            train,
            families=others,
            ood=group("ood"),
            temperatures=group("temperature"),
            ood_draws=group("ood_draws"),
            ood_diversity=group("ood_diversity"),
        )

    runs = [
        RunMeasures(one["method"], one["seed"], {t: model(f"{one['method']}/{one['seed']}/{t}") for t in one["iterations"]})
        for one in parameters.runs
    ]
    settings = ComparisonSettings(
        margin=parameters.margin,
        diversity_margin=parameters.diversity_margin,
        diversity_counts=parameters.diversity_counts,
        new_margin=parameters.new_margin,
        replicates=parameters.replicates,
        seed=parameters.seed,
        from_draws=parameters.from_draws,
        k=tuple(parameters.k),
    )
    models = sum(len(one.models) for one in runs)
    done = partial(context.progress, total=models, unit="models")
    comparison = compare(runs, parameters.answers, parameters.guess, settings, done, suite_answers=parameters.suite_answers)
    return Output(files={"comparison.json": canonical_json(comparison)})


STAGE = Stage("compare", 4, CompareParameters, run, place=130, deterministic=True)
