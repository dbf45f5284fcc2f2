"""The checked request of `iterate`, `plan` and `why`: a recipe, its runs, and their store."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path
from typing import Any

from sirev.errors import BadInput
from sirev.execution.planner import Planner
from sirev.execution.run_ids import latest_realisation, realisation_id, run_id
from sirev.recipe import METHODS, Overlays, Overrides, Recipe, allow_unsafe_code, load_recipe, with_model
from sirev.stages import STAGES
from sirev.store.local_files import LocalFiles
from sirev.store.runs import Run, pinned_step, step_title
from sirev.store.store import Store
from sirev.study.algorithm import RunOutcome
from sirev.study.nulls import RETRAINED, follow, null_methods
from sirev.study.step_names import asked_parts, is_asked, parse_step
from sirev.study.steps import Executor, Steps
from sirev.suggest import suggest


@dataclass(frozen=True)
class Request:
    """Runs of a recipe in a store: one per seed and per method; `methods` include the null runs.

    `redo` are the steps to recompute, as a run pins them; `null_count` is the number of retrainings of M_1 in null-retrain.
    """

    recipe: Recipe
    methods: tuple[str, ...]
    seeds: tuple[int, ...]
    store: Store
    redo: tuple[str, ...] = ()
    null_count: int = RETRAINED

    @classmethod
    def of(
        cls,
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
    ) -> Request:
        """Check the arguments of `sirev.iterate`; BadInput names the fault. Does not touch the store."""
        overrides = with_model(model, overrides)
        if isinstance(recipe, Recipe):
            if overrides or overlays:
                raise BadInput("overrides and overlays go with a recipe's name or file, not with a loaded recipe")
        else:
            recipe = load_recipe(recipe, overrides, overlays)
        if unsafe_code:
            recipe = allow_unsafe_code(recipe)
        chosen = _methods(recipe, methods)
        numbers = tuple(dict.fromkeys(map(_seed, seeds)))
        if not chosen or not numbers:
            raise BadInput("nothing to run: no method or no seed was named")
        steps = tuple(_step_to_redo(recipe, step) for step in redo)
        runs = (*chosen, *null_methods(nulls, chosen, null_count))
        opened = store if isinstance(store, Store) else Store(store)
        return cls(recipe, runs, numbers, opened, steps, null_count)

    def runs(self, invocation: str = "") -> list[Run]:
        """Every run in its present state; with `redo`, a new realisation of each, which begins with the pins of the last."""
        return [self._run(method, seed, invocation) for seed in self.seeds for method in self.methods]

    def follow(self, run: Run, executor: Executor) -> RunOutcome:
        """Do the steps of a run by an executor."""
        return follow(Steps(self.recipe, run.seed, executor, LocalFiles(self.store.objects)), run.method, self.null_count)

    def planner(self, run: Run, *, blind: bool = False) -> Planner:
        """The steps of a run, looked up unless `blind`; none is computed."""
        planner = Planner(self.store, run, blind=blind)
        self.follow(run, planner)
        return planner

    def check_redo(self, planners: Sequence[Planner]) -> None:
        """Raise BadInput if a step to redo is in none of the runs."""
        steps = {(step.stage, step.name) for planner in planners for step in planner.steps.values()}
        for redone in self.redo:
            if not any(is_asked(redone, stage, step) for stage, step in steps):
                of_stage, _ = asked_parts(redone)
                ts = [parse_step(step).t for stage, step in steps if stage == of_stage]
                which = f"{of_stage} has t = {', '.join(sorted({'no t' if t is None else str(t) for t in ts}))}"
                raise BadInput(f"--redo {step_title(redone)}: these runs have no such step ({which})")

    def _run(self, method: str, seed: int, invocation: str) -> Run:
        """The latest realisation of a run; with `redo` a new one, unless the latest is an unfinished one of the same `redo`."""
        first = self._first_id(method, seed)
        latest = latest_realisation(first, self.store.runs.ids())
        old = self.store.runs.get(realisation_id(first, latest)) if latest else None
        if old is not None and (not self.redo or (old.status == "running" and old.redo == list(self.redo))):
            return old
        return Run(
            id=realisation_id(first, latest + 1),
            recipe=self.recipe.name,
            method=method,
            seed=seed,
            realisation=latest + 1,
            settings=self._settings(),
            invocation=invocation,
            redo=list(self.redo),
            pins=dict(old.pins) if old else {},
        )

    def _first_id(self, method: str, seed: int) -> str:
        """The id of a run's first realisation."""
        return run_id(self.recipe, method, seed, self.null_count)

    def _settings(self) -> dict[str, Any]:
        """The settings saved with a run."""
        return self.recipe.settings()


def _methods(recipe: Recipe, methods: Iterable[str] | None) -> list[str]:
    chosen: list[str] = []
    for method in recipe.methods if methods is None else methods:
        if method != "all" and method not in METHODS:
            raise BadInput(f"unknown method {method!r}{suggest(method, [*METHODS, 'all'])}")
        meant: list[Any] = list(recipe.methods) if method == "all" else [method]
        for name in meant:
            if name not in recipe.methods:
                raise BadInput(f"the recipe {recipe.name} has no method {name!r} (it has: {', '.join(recipe.methods)})")
        chosen += [name for name in meant if name not in chosen]
    return chosen


def _seed(seed: Any) -> int:
    if not isinstance(seed, Integral) or isinstance(seed, bool) or seed < 0:
        raise BadInput(f"seed {seed!r}: a seed is a whole number from 0")
    return int(seed)


def _step_to_redo(recipe: Recipe, typed: str) -> str:
    """A step in a run's form, from "STAGE" or "t:STAGE"; BadInput if there is no such stage or t."""
    step = pinned_step(typed)
    stage, t = asked_parts(step)
    if stage not in STAGES:
        raise BadInput(f"--redo {typed}: unknown stage {stage!r}{suggest(stage, sorted(STAGES))}")
    if t is not None and not (re.fullmatch(r"\d+", t) and int(t) <= recipe.T):
        raise BadInput(f"--redo {typed}: expected STAGE or t:STAGE, with t from 0 to {recipe.T}")
    return step
