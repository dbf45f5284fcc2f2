"""Plans: what an `iterate` would find in the store, what it would compute, and what that takes."""

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
    """The runs of a request, planned: what would happen to each step, and what all of it would take."""

    recipe: Recipe
    store: Store
    planners: list[Planner]

    @property
    def states(self) -> dict[str, dict[str, StepState]]:
        """Run id -> step -> its state."""
        return {planner.run.id: planner.states for planner in self.planners}

    def estimate(self, rates: Mapping[str, float] | None = None, target: Target | None = None) -> Estimate:
        """What `iterate` would still take on a machine, by default this one's CPUs.

        `rates` are the user's own tokens/s of "sample" and "train".
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
    """What `iterate` would do: run id -> step -> "hit", "run", or "unknown" until an earlier step has run."""
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
    """Look every step of every run up, and compute none."""
    planners = [request.planner(run) for run in request.runs()]
    request.check_redo(planners)
    return Plans(request.recipe, request.store, planners)
