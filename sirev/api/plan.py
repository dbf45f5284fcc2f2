"""Plans of `iterate`: steps found in the store, steps to compute, and their cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sirev.api.request import Request
from sirev.execution.planner import Plan, Planner, StepState
from sirev.recipe import Overlays, Overrides, Recipe
from sirev.store.store import Store
from sirev.study.nulls import RETRAINED

if TYPE_CHECKING:
    from sirev.execution.estimate import Estimate
    from sirev.execution.hours import Target


@dataclass(frozen=True)
class Plans:
    """The planned runs of a request: the state of each step, and an estimate of the cost."""

    recipe: Recipe
    store: Store
    planners: list[Planner]

    @property
    def states(self) -> dict[str, dict[str, StepState]]:
        """Run id -> step -> its state."""
        return {planner.run.id: planner.states for planner in self.planners}

    def estimate(self, rates: Mapping[str, float] | None = None, target: Target | None = None) -> Estimate:
        """The estimated cost of `iterate` on a machine, by default this one's CPUs.

        `rates` are the user's own tokens per second for "sample" and "train".
        """
        from sirev.execution.estimate import estimate  # a replay has no use for it
        from sirev.execution.hours import Target

        plans = [planner.steps for planner in self.planners]
        return estimate(self.recipe, plans, self.store, rates or {}, target or Target())


def plan(
    recipe: Recipe | str | Path,
    *,
    model: str | Path | None = None,
    methods: Iterable[str] | None = None,
    overrides: Overrides = (),
    seeds: Iterable[int] = (0,),
    store: Store | str | Path | None = None,
    redo: Iterable[str] = (),
    overlays: Overlays = (),
    unsafe_code: bool = False,
    nulls: Iterable[str] = (),
    null_count: int = RETRAINED,
) -> dict[str, dict[str, StepState]]:
    """The plan of `iterate`: run id -> step -> "hit", "run", or "unknown" until an earlier step has run.

    The parameters are those of `iterate`. Computes nothing. Raises BadInput for a request that can't be run.
    """
    request = Request.of(
        recipe,
        model=model,
        methods=methods,
        overrides=overrides,
        seeds=seeds,
        store=store,
        redo=redo,
        overlays=overlays,
        unsafe_code=unsafe_code,
        nulls=nulls,
        null_count=null_count,
    )
    return Plan(plans(request).states)


def plans(request: Request) -> Plans:
    """Look up every step of every run, and compute none."""
    planners = [request.planner(run) for run in request.runs()]
    request.check_redo(planners)
    return Plans(request.recipe, request.store, planners)
