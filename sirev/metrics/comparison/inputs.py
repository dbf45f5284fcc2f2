"""Inputs of a comparison: the measures of runs on the same problems, and the settings for judging changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sirev.margins import DIVERSITY_MARGIN, MARGIN, NEW_MARGIN
from sirev.metrics.comparison.nulls import is_null
from sirev.metrics.families.measures import Measures
from sirev.metrics.sheet import Sheet


@dataclass(frozen=True)
class ComparisonSettings:
    """Settings for judging changes: margins, numbers of the bootstrap, and the random seed.

    `from_draws`: there are no greedy answers, and pass@1 is estimated by the mean share of right draws.
    """

    margin: float = MARGIN
    diversity_margin: float = DIVERSITY_MARGIN
    diversity_counts: bool = True
    new_margin: float = NEW_MARGIN
    replicates: int = 10_000
    seed: int = 0
    from_draws: bool = False
    k: tuple[int, ...] = ()
    """Further k of pass@k, next to the powers of two."""

    def sheet(self, n: int) -> Sheet:
        """An empty sheet of `n` problems."""
        return Sheet(n, self.seed, self.replicates)


@dataclass(frozen=True)
class RunMeasures:
    """Measures of the models of a method's run or a null run, by t; the first is M_1."""

    method: str
    seed: int
    models: Mapping[int, Measures]

    @property
    def null(self) -> bool:
        """Whether it is a null run."""
        return is_null(self.method)

    @property
    def draws_averaged(self) -> str:
        """The source of pass@1 where there are no greedy answers: "mean of 8 draws", "mean of 5 to 8 draws"."""
        drawn = [row["n"] for model in self.models.values() for row in model.draws or ()]
        few, most = min(drawn, default=0), max(drawn, default=0)
        return f"mean of {most if few == most else f'{few} to {most}'} draw{'' if most == 1 else 's'}"
