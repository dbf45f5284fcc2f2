"""`sirev.why`: why a step is a hit or a miss, and its differences from the nearest stored step."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from sirev.api.plan import Plans, plans
from sirev.api.request import Request
from sirev.errors import BadInput
from sirev.execution.actions import to_redo
from sirev.execution.planner import PlannedStep, Planner
from sirev.explain.action_diff import distance, parts
from sirev.explain.explanation import CacheState, Explanation, Nearest, Why
from sirev.explain.recorded import Course, Made, Recorded, Trace, Use
from sirev.recipe import Overlays, Overrides, Recipe
from sirev.shipped import model_archive
from sirev.stages import STAGES
from sirev.store.artifacts import Artifact
from sirev.store.objects import DamagedObject
from sirev.store.runs import address_parts, pinned_step
from sirev.store.store import Store
from sirev.store.untrusted_files import is_regular
from sirev.study.nulls import RETRAINED
from sirev.study.step_names import is_called, parse_step, stage_of
from sirev.study.steps import Planned
from sirev.suggest import suggest


def why(
    recipe: Recipe | str | Path,
    *,
    which: str | None = None,
    model: str | Path | None = None,
    methods: Iterable[str] | None = None,
    overrides: Overrides = (),
    seeds: Iterable[int] = (0,),
    store: Store | str | Path | None = None,
    overlays: Overlays = (),
    nulls: Iterable[str] = (),
    null_count: int = RETRAINED,
) -> Why:
    """Explain why each step of an `iterate` with these arguments would be a hit or a miss, before or after it has run.

    `which` is a step such as "2:train", a stage, "t:STAGE", a t, or RUN:t:step; default: all steps. Computes nothing and
    writes nothing. Raises BadInput as `plan` does, and if there is no such step.
    """
    request = Request.of(
        recipe,
        model=model,
        methods=methods,
        overrides=overrides,
        seeds=seeds,
        store=store,
        overlays=overlays,
        nulls=nulls,
        null_count=null_count,
    )
    return explain(plans(request), which)


def explain(plans: Plans, which: str | None = None) -> Why:
    """Explain why each step of the planned runs is a hit or a miss.

    `which` is a step such as "2:train", a stage, "t:STAGE", a t, or RUN:t:step; the hits that it names are also compared with
    the nearest step at the time of their computation. Raises BadInput if there is no such step.
    """
    looked = _Look(plans)
    groups = looked.groups()
    run_ids, name = _runs_and_step(plans, which)
    wanted = [
        steps
        for steps in groups
        if name is None
        or (is_called(name, steps[0][1].stage, steps[0][1].name) and any(planner.run.id in run_ids for planner, _ in steps))
    ]
    if not wanted:
        known = list(dict.fromkeys(step.stage for (_, step), *_ in groups))
        raise BadInput(
            f"these runs have no step {which!r}; name one such as 2:train, a stage, or a t{suggest(which or '', known)}"
        )
    asked = set() if which is None else {id(steps) for steps in wanted}
    told = {id(steps): looked.explanation(steps, full=id(steps) in asked) for steps in groups}
    total: dict[CacheState, int] = {"hit": 0, "miss": 0, "unknown": 0}
    for one in told.values():
        total[one.state] += 1
    runs = tuple(planner.run.id for planner in plans.planners)
    return Why(plans.recipe.name, runs, tuple(told[id(steps)] for steps in wanted), total)


SharedStep = list[tuple[Planner, PlannedStep]]
"""One step, with all the runs that share it."""


class _Look:
    """Inspection of the steps of several planned runs."""

    def __init__(self, plans: Plans) -> None:
        self.store: Store = plans.store
        self.planners = plans.planners
        self.recorded = Recorded(plans.store)
        self._planned: dict[str, Course] = {}
        self._earlier: dict[str, Course] = {}
        self._traces: dict[tuple[str, str | None], Trace] = {}
        self._upstream = {planner.run.id: _upstream(planner) for planner in plans.planners}

    def groups(self) -> list[SharedStep]:
        """Equal steps of the runs, grouped, in the order of the algorithm."""
        found: dict[tuple[str, ...], SharedStep] = {}
        for planner in self.planners:
            for step in planner.steps.values():
                digest = step.artifact.digest if step.artifact else ""
                found.setdefault((step.name, step.work, step.state, digest), []).append((planner, step))
        return sorted(found.values(), key=lambda steps: parse_step(steps[0][1].name).turn)

    def explanation(self, steps: SharedStep, full: bool) -> Explanation:
        """The explanation of one step; `full` also compares a hit with its nearest earlier step."""
        planner, step = steps[0]
        runs = tuple(planner.run.id for planner, _ in steps)
        found = Explanation(step.name, step.stage, "unknown", runs, step.key, self._dependents.get(step.work, 0))
        if step.artifact is not None:
            return self._hit(found, planner, step, step.artifact, full)
        found = replace(found, waits_for=tuple(n for n in self._waits(planner, step) if planner.steps[n].state == "run"))
        if to_redo(planner.run, step.stage, step.name):
            return replace(found, state="miss", cause="redo")
        if step.key is not None:
            found = replace(found, state="miss")
            if model_archive(step.key) is not None:
                return replace(found, cause="shipped")
            if troubles := self._troubles(step.key):
                return replace(found, cause="damaged", troubles=tuple(troubles))
        return self._missed(found, planner, step)

    def _hit(self, found: Explanation, planner: Planner, step: PlannedStep, artifact: Artifact, full: bool) -> Explanation:
        provenance = planner.provenance(step.name)
        seconds, recorded = provenance.get("seconds"), str(provenance.get("recorded", ""))
        found = replace(
            found,
            state="hit",
            artifact=artifact.digest,
            recorded=recorded,
            seconds=float(seconds) if isinstance(seconds, int | float) else None,
            here=provenance.get("store") == self._here,
            shipped=step.key is not None and model_archive(step.key, artifact.digest) is not None,
            hollow=self.store.is_hollow(artifact.digest),
        )
        near = self._nearest(planner, step, before=recorded) if full else None
        return self._compared(found, planner, step, *near) if near and _telling(*near, planner, step) else found

    def _missed(self, found: Explanation, planner: Planner, step: PlannedStep) -> Explanation:
        if step.key is None and parts(step.action, inputs=False) in self.recorded.settings(step.stage):
            return found
        near = self._nearest(planner, step)
        if near is None:
            return replace(found, state="miss", cause="new")
        found = self._compared(replace(found, state="miss", cause="changed"), planner, step, *near)
        return replace(found, cause="first") if self._is_first(planner, found) else found

    def _is_first(self, planner: Planner, found: Explanation) -> bool:
        """Whether the recipe has runs, but none with this step, or none of this method and more than one change."""
        recipe, method = planner.run.recipe, planner.run.method
        of_recipe = self.recorded.steps_of(recipe)
        if not of_recipe or found.step not in of_recipe or self.recorded.steps_of(recipe, method):
            return bool(of_recipe) and found.step not in of_recipe
        # A step that methods share would differ by a single change.
        return len(found.changes) > 1 or any(change.name.endswith(".method") for change in found.changes)

    def _compared(self, found: Explanation, planner: Planner, step: PlannedStep, made: Made, use: Use | None) -> Explanation:
        trace = self._trace(planner, use)
        changes = trace.changes(made.action, step.action, step.name)
        if step.key is None:  # its inputs are not known yet
            changes = tuple(change for change in changes if change.kind != "input")
        nearest = Nearest(made.key, made.artifact, made.recorded, use.run.id if use else None, use.step if use else None)
        return replace(found, changes=changes, nearest=nearest)

    def _nearest(self, planner: Planner, step: PlannedStep, before: str | None = None) -> tuple[Made, Use | None] | None:
        """The recorded action with the fewest different components, and a run that has it; see `Explanation`.

        With `before`, only earlier ones.
        """
        components = parts(step.action, inputs=step.key is not None)

        def rank(candidate: tuple[Made, Use | None]) -> tuple[int, bool, bool]:
            made, use = candidate
            run = use.run if use else planner.run
            far = distance(components, made.parts if step.key is not None else made.settings)
            return far, run.method != planner.run.method, run.seed != planner.run.seed

        candidates = [
            (made, use)
            for made in self.recorded.of_stage(step.stage)  # the latest first, so that `min` prefers it
            if made.key != step.key and (before is None or made.recorded < before)
            for use in self.recorded.uses(made) or (None,)
        ]
        in_place = [candidate for candidate in candidates if _in_place(candidate[1], planner, step)]
        return min(in_place or candidates, key=rank, default=None)

    def _troubles(self, key: str) -> list[str]:
        """The faults of the artifacts that are recorded for a key."""
        return [
            f"recorded, but {trouble}: sirev store verify"
            for record in self.store.records.realisations(key)
            if (trouble := _trouble(self.store, record.artifact))
        ]

    def _trace(self, planner: Planner, use: Use | None) -> Trace:
        new, old = planner.run.id, use.run.id if use else None
        if (new, old) not in self._traces:
            if new not in self._planned:
                self._planned[new] = _course(self.recorded, planner)
            if use and use.run.id not in self._earlier:
                self._earlier[use.run.id] = self.recorded.course(use.run)
            seeds = (use.run.seed, planner.run.seed) if use else None
            self._traces[new, old] = Trace(self.recorded, self._earlier[old] if old else None, self._planned[new], seeds)
        return self._traces[new, old]

    def _waits(self, planner: Planner, step: PlannedStep) -> list[str]:
        return self._upstream[planner.run.id][step.name]

    @cached_property
    def _here(self) -> str | None:
        return self.store.known_id

    @cached_property
    def _dependents(self) -> dict[str, int]:
        """Work -> number of steps, shared ones counted once, that are unknown until it is done."""
        found: dict[str, set[tuple[str, str]]] = {}
        for planner in self.planners:
            for name, earlier in self._upstream[planner.run.id].items():
                for one in earlier:
                    found.setdefault(planner.steps[one].work, set()).add((name, planner.steps[name].work))
        return {work: len(later) for work, later in found.items()}


def _in_place(use: Use | None, planner: Planner, step: PlannedStep) -> bool:
    """Whether a use is the same step in a run of the same recipe."""
    return use is not None and use.step == step.name and use.run.recipe == planner.run.recipe


def _telling(made: Made, use: Use | None, planner: Planner, step: PlannedStep) -> bool:
    """Whether the nearest step explains why a hit was computed; another method's or another step would differ in too much."""
    if use is None or not _in_place(use, planner, step):
        return False
    return use.run.method == planner.run.method or distance(parts(step.action, inputs=False), made.settings) == 1


def _upstream(planner: Planner) -> dict[str, list[str]]:
    """Step -> all earlier steps that it depends on and that are not hits, in order."""
    by_work: dict[str, str] = {}
    found: dict[str, list[str]] = {}
    for name, step in planner.steps.items():
        by_work.setdefault(step.work, name)  # grades for a training set may also be those of the evaluation
        earlier: dict[str, None] = {}
        for value in step.inputs.values():
            if isinstance(value, Planned) and (made_by := by_work.get(value.work)):
                earlier.update(dict.fromkeys(found[made_by]))
                earlier[made_by] = None
        found[name] = list(earlier)
    return found


def _course(recorded: Recorded, planner: Planner) -> Course:
    steps, semantic = {}, {}
    for name, step in planner.steps.items():
        if step.artifact is not None and step.key is not None:
            made = recorded.get(step.key, step.artifact.digest)
            steps[name] = made or Made(step.action, step.key, step.artifact.digest, "")
            semantic[name] = step.artifact.semantic
    return Course(steps, semantic)


def _trouble(store: Store, digest: str) -> str | None:
    """Why an artifact can't be used; None if it can."""
    try:
        artifact = store.artifact(digest)
    except DamagedObject as error:
        return str(error)
    for name, entry in artifact.manifest["files"].items():
        if not store.objects.present(entry["sha256"], entry["size"]):
            path = store.objects.path(entry["sha256"])
            if not os.path.lexists(path):
                return f"its file {name} is missing"
            if not is_regular(path):
                return f"its file {name} is not a plain file"
            return f"its file {name} is damaged ({path.stat().st_size:,} bytes, not {entry['size']:,})"
    return None


def _runs_and_step(plans: Plans, which: str | None) -> tuple[set[str], str | None]:
    """The runs that `which` means, all unless it begins with RUN: (an id or its beginning), and the step's name."""
    ids = {planner.run.id for planner in plans.planners}
    if which is None:
        return ids, None
    run, step = address_parts(which)
    meant = {one for one in ids if run and one.startswith(run)}
    if step is not None and meant and not run.isdecimal() and stage_of(run) not in STAGES:
        return meant, pinned_step(step)
    return ids, pinned_step(which)
