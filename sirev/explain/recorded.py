"""An index of recorded actions, for comparisons: by stage, by run, and by result."""

from __future__ import annotations

import contextlib
import heapq
import json
import re
import sys
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from typing import Any, NamedTuple

from sirev.errors import BadInput, SirevError
from sirev.explain.action_diff import ActionParts, ComponentChange, Root, changes, parts
from sirev.stages import STAGES
from sirev.store.digests import sha256
from sirev.store.runs import Run
from sirev.store.store import Store
from sirev.store.untrusted_files import read_regular
from sirev.study.step_names import parse_step

_ACTION = b'{"action":'
_ACTION_END = re.compile(rb'"stage":"([^"\\]+)","version":\d+\}')
"""The end of an action in a record, which is canonical JSON; `_ACTION` is the beginning."""
_RECORDED = re.compile(rb'"recorded":"([^"\\]+)"')


@dataclass(frozen=True)
class Made:
    """A recorded action, with the manifest digest of its artifact and the time of recording."""

    action: dict[str, Any]
    key: str
    artifact: str
    recorded: str

    @cached_property
    def parts(self) -> ActionParts:
        """The components of the action."""
        return parts(self.action)

    @cached_property
    def settings(self) -> ActionParts:
        """The components without the inputs."""
        return frozenset(part for part in self.parts if part[0] != "input")

    @property
    def sound(self) -> bool:
        """Whether the action is well formed. In a store from elsewhere, a correct digest does not prove that."""
        try:
            return bool(self.parts)
        except (KeyError, TypeError, AttributeError, RecursionError):
            return False


class Use(NamedTuple):
    """A run and the step for which it pins an artifact."""

    run: Run
    step: str


class Recorded:
    """The recorded actions of a store, read on demand. Damaged records and runs are skipped."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._of_stage: dict[str, list[Made]] = {}
        self._settings: dict[str, set[ActionParts]] = {}
        self._steps: dict[tuple[str, str | None], set[str]] = {}
        self._makers: dict[str, dict[str, Made]] = {}

    def get(self, key: str, artifact: str) -> Made | None:
        """One realisation; None if its record is missing, damaged or malformed."""
        try:
            record = self.store.records.get(key, artifact)
        except BadInput:
            return None
        made = Made(record.action, key, artifact, str(record.provenance.get("recorded", ""))) if record else None
        return made if made and made.sound else None

    def of_stage(self, stage: str) -> list[Made]:
        """Every sound record of a stage, the latest first."""
        if stage not in self._of_stage:
            parsed = (Made(json.loads(action), *named) for action, *named in self._raw.get(stage, ()))
            made = sorted((one for one in parsed if one.sound), key=lambda one: (one.key, one.artifact))
            self._of_stage[stage] = sorted(made, key=lambda one: one.recorded, reverse=True)
        return self._of_stage[stage]

    def settings(self, stage: str) -> set[ActionParts]:
        """All recorded combinations of a stage's version, parameters and environment, for any inputs."""
        if stage not in self._settings:
            self._settings[stage] = {made.settings for made in self.of_stage(stage)}
        return self._settings[stage]

    def steps_of(self, recipe: str, method: str | None = None) -> set[str]:
        """The steps of all runs of a recipe, or of those with one method."""
        if (recipe, method) not in self._steps:
            of_recipe = (use for uses in self._uses.values() for use in uses if use.run.recipe == recipe)
            self._steps[recipe, method] = {use.step for use in of_recipe if method in (None, use.run.method)}
        return self._steps[recipe, method]

    def uses(self, made: Made) -> list[Use]:
        """The runs that pin it, each with the step."""
        return self._uses.get((made.key, made.artifact), [])

    def course(self, run: Run) -> Course:
        """The recorded steps of a run, in the order of the algorithm."""
        steps = {name: made for name, pin in run.pins.items() if (made := self.get(pin.key, pin.artifact))}
        semantic = {name: self.semantic(made.artifact) for name, made in steps.items()}
        return Course({name: steps[name] for name in algorithm_order(steps, semantic)}, semantic)

    def maker(self, stage: str, semantic: str) -> Made | None:
        """The earliest record of a stage whose artifact has this semantic digest."""
        if stage not in self._makers:
            makers = self._makers[stage] = {}
            for made in reversed(self.of_stage(stage)):
                if said := self.semantic(made.artifact):
                    makers.setdefault(said, made)
        return self._makers[stage].get(semantic)

    def semantic(self, artifact: str) -> str | None:
        """The semantic digest of an artifact, which later keys hold; None if its manifest is missing or damaged."""
        try:
            return self.store.artifact(artifact).semantic
        except (SirevError, KeyError, TypeError):
            return None

    @cached_property
    def _raw(self) -> dict[str, list[tuple[bytes, str, str, str]]]:
        """Stage -> (action, key, artifact, time) of its records, cut from the bytes: most are never parsed."""
        found = defaultdict(list)
        root = str(self.store.records.root)  # joining strings is ten times faster than joining paths
        for key, artifact in self.store.records.names():
            try:
                raw = read_regular(f"{root}/{key[:2]}/{key}/{artifact}.json")
            except OSError:
                continue
            for end in _ACTION_END.finditer(raw):
                stage = end[1].decode(errors="replace")
                if stage not in STAGES:  # shards of a sampling are not steps
                    break
                action = raw[len(_ACTION) : end.end()]
                if raw.startswith(_ACTION) and sha256(action) == key:  # rules out a match inside a string
                    recorded = _RECORDED.findall(raw, end.end())
                    found[stage].append((action, key, artifact, recorded[-1].decode() if recorded else ""))
                    break
        return found

    @cached_property
    def _uses(self) -> dict[tuple[str, str], list[Use]]:
        found = defaultdict(list)
        for run_id in self.store.runs.ids():
            try:
                run = self.store.runs.get(run_id)
            except BadInput:
                continue
            for step, pin in run.pins.items() if run else ():
                assert run is not None
                found[pin.key, pin.artifact].append(Use(run, step))
        return found


class Course:
    """The steps of a run in order, and the semantic digest of each result (None if unknown)."""

    def __init__(self, steps: Mapping[str, Made], semantic: Mapping[str, str | None]) -> None:
        self.steps = steps
        self.semantic = semantic
        self._place = {name: place for place, name in enumerate(steps)}
        self._made: dict[str, list[str]] = defaultdict(list)
        for name in steps:
            if (said := semantic[name]) is not None:
                self._made[said].append(name)

    def maker(self, semantic: str, before: str) -> str | None:
        """The step that made an input of the step `before`, by semantic digest.

        Of several steps with this result, the last one before that step, else the first of all.
        """
        names = self._made.get(semantic, [])
        end = self._place.get(before, len(self._place))
        return next((name for name in reversed(names) if self._place[name] < end), names[0] if names else None)

    def made(self, semantic: str, like: str) -> Made | None:
        """The action with this result, by semantic digest: that of the step `like` if it has this result, else the first."""
        names = self._made.get(semantic, [])
        return self.steps[like if like in names else names[0]] if names else None


class Trace:
    """Traces changed inputs to their roots: compares steps of `new` with those of `old`, else with the store's records."""

    def __init__(self, recorded: Recorded, old: Course | None, new: Course, seeds: tuple[int, int] | None) -> None:
        self._recorded = recorded
        self._old = old
        self._new = new
        self._seeds = seeds
        self._roots: dict[tuple[str, str], tuple[Root, ...]] = {}
        if old is not None:
            for name in new.steps:  # in order: each trace ends at steps already traced, so recursion stays shallow
                said = old.semantic.get(name)
                if said and said != new.semantic[name]:
                    self.roots(name, said)

    def changes(self, old: Mapping[str, Any], new: Mapping[str, Any], step: str) -> tuple[ComponentChange, ...]:
        """The differences of the action of a step of `new` from `old`; changed inputs have `made_by` and `roots`."""
        return tuple(self._traced(change, step) for change in changes(old, new, self._seeds))

    def roots(self, step: str, old: str) -> tuple[Root, ...]:
        """The changes, at a step of `new` or upstream, since a step in its place gave the semantic digest `old`."""
        if (step, old) not in self._roots:
            self._roots[step, old] = ()  # equal artifacts could form a cycle
            self._roots[step, old] = tuple(self._found(step, old))
        return self._roots[step, old]

    def _found(self, step: str, old: str) -> Iterable[Root]:
        new = self._new.steps[step]
        before = self._old.made(old, step) if self._old else None
        before = before or self._recorded.maker(new.action["stage"], old)
        if before is None:
            return [Root(step, ComponentChange("unrecorded", "", old, self._new.semantic[step]))]
        if before.key == new.key:
            return [Root(step, ComponentChange("realisation", "", before.recorded, new.recorded))]
        found: dict[str, Root] = {}
        for change in self.changes(before.action, new.action, step):
            for root in change.roots or (Root(step, change),):
                known = found.setdefault(name := f"{root.step} {root.change.identity}", root)
                if len(root.via) < len(known.via):
                    found[name] = root
        return found.values()

    def _traced(self, change: ComponentChange, step: str) -> ComponentChange:
        made_by = self._new.maker(change.new, step) if change.kind == "input" and change.new else None
        if made_by is None:
            return change
        roots = self.roots(made_by, change.old) if change.old else ()
        ways = [root if root.step == made_by else replace(root, via=(made_by, *root.via)) for root in roots]
        return replace(change, made_by=made_by, roots=tuple(ways))


def algorithm_order(steps: Mapping[str, Made], semantic: Mapping[str, str | None]) -> list[str]:
    """Names of steps in the order of the algorithm: by t and stage, with inputs always first.

    The file of a run does not keep this order.
    """
    makers: dict[str, str] = {}
    for name in sorted(steps, key=lambda name: _rank(name, steps[name])):
        if (said := semantic[name]) is not None:
            makers.setdefault(said, name)
    needs = {
        name: {makers[one] for one in made.action["inputs"].values() if one in makers} - {name} for name, made in steps.items()
    }
    sorter = TopologicalSorter(needs)
    with contextlib.suppress(CycleError):  # equal artifacts could form a cycle
        sorter.prepare()
    found: list[str] = []
    ready: list[tuple[tuple[float, int, str], str]] = []
    while sorter.is_active():
        for name in sorter.get_ready():
            heapq.heappush(ready, (_rank(name, steps[name]), name))
        found.append(heapq.heappop(ready)[1])
        sorter.done(found[-1])
    return [*found, *sorted(steps.keys() - set(found), key=lambda name: _rank(name, steps[name]))]


def _rank(name: str, made: Made) -> tuple[float, int, str]:
    stage = made.action["stage"]
    return parse_step(name).turn, STAGES[stage].place if stage in STAGES else sys.maxsize, name
