"""Comparisons of several finished runs: found in the store, else made from the measures that the runs pinned."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, cast

from sirev.errors import BadInput
from sirev.metrics.comparison.contents import Comparison
from sirev.metrics.families import embedding, likelihood
from sirev.recipe import METHODS
from sirev.stages import compare
from sirev.store.artifacts import Artifact
from sirev.store.objects import DamagedObject
from sirev.store.records import action_key
from sirev.store.runs import Run
from sirev.store.store import Store
from sirev.study.remedies import rerun, verb_of
from sirev.study.step_names import COMPARISON, stage_of

if TYPE_CHECKING:
    from sirev.study.steps import LookedUp

_COMPARABLE = (2, compare.STAGE.version)
"""Versions of the stage whose runs are compared: those of version 2 anew, from the measures that they pinned."""
_LATE = (likelihood.FAMILY.name, likelihood.OF_DRAWS, embedding.FAMILY.name)
_SETTINGS = re.compile(r"-([0-9a-f]{8})(?=[-@]|$)")


def studies_of(store: Store, runs: Sequence[Run]) -> list[list[Run]]:
    """The studies that `runs` belong to, each with all its finished runs in the store, in one order.

    A verdict must not depend on which runs somebody looks at: Holm's correction and the problems that size-matched values rest on
    are those of the whole study.
    """
    wanted = {run.id for run in runs}
    recipes = {run.recipe for run in runs}  # of others no record need be read
    finished = [run for run in store.runs.all() if run.recipe in recipes and COMPARISON in run.pins and run.status != "running"]
    there = [run for run in finished if run.id in wanted or _version(store, run) in _COMPARABLE]
    order: dict[str, int] = {method: i for i, method in enumerate(METHODS)}
    there.sort(key=lambda run: (run.recipe, order.get(run.method, len(order)), run.method, run.seed, run.invocation, run.id))
    return [group for group in studies(there) if any(run.id in wanted for run in group)]


def _version(store: Store, run: Run) -> int | None:
    """By which version of the stage a run was compared."""
    record = store.records.get(run.pins[COMPARISON].key, run.pins[COMPARISON].artifact)
    return record.action.get("version") if record else None


def studies(runs: Sequence[Run]) -> list[list[Run]]:
    """Runs that belong together, in the order given: of one recipe with the same settings, each method and seed once."""
    groups: dict[tuple[str, str, int], list[Run]] = {}
    for run in runs:
        evaluation = run.settings.get("evaluation", {})
        judged = json.dumps([evaluation.get("verdict"), evaluation.get("k") or []], sort_keys=True)  # not part of a run's id
        settings = f"{settings_of(run) or run.id} {judged}"
        again = 0
        while any((r.method, r.seed) == (run.method, run.seed) for r in groups.get((run.recipe, settings, again), [])):
            again += 1
        groups.setdefault((run.recipe, settings, again), []).append(run)
    return list(groups.values())


def settings_of(run: Run) -> str | None:
    """The eight digits in a run's id that stand for its settings, the same for all methods and seeds."""
    found = _SETTINGS.findall(run.id)
    return str(found[-1]) if found else None


class Watch(Protocol):
    """Hears of a comparison that has to be computed: at once with `done` 0, then after each model."""

    def __call__(self, runs: int, done: int, models: int) -> None:
        """Of `runs` runs with `models` models, so many models are done."""


def silent(runs: int, done: int, models: int) -> None:
    """A watch that says nothing."""


def comparison(store: Store, runs: Sequence[Run], watch: Watch = silent) -> Comparison:
    """What `compare` says of finished runs of one study together.

    It is looked up; if nobody has asked for it yet, or its files are damaged or lost, it is made of the runs' measures and kept,
    unless the store can't be written to. Raises BadInput where the store lacks what it is made of.
    """
    joined = _joined(store, runs)
    with contextlib.suppress(DamagedObject):
        pinned = len(runs) == 1 and _version(store, runs[0]) == compare.STAGE.version
        found = store.artifact(runs[0].pins[COMPARISON].artifact) if pinned else store.lookup(action_key(joined))
        if found is not None:
            return cast(Comparison, found.json("comparison.json"))
    return _made(store, runs, joined, watch)


def comparison_at(
    parameters: compare.CompareParameters, inputs: Mapping[str, LookedUp], t: int, watch: Watch = silent
) -> Comparison | None:
    """What `compare` says of a run's M_1 and M_t alone, from its comparison as it is planned; None while measures are lacking.

    Not waited for is what a run may do without, or does last: likelihoods and embeddings.
    """
    (run,) = parameters.runs
    ends = list(dict.fromkeys((run["iterations"][0], t)))
    wanted = {name: value for name, value in inputs.items() if int(name.split("/", 3)[2]) in ends}
    there = {name: value for name, value in wanted.items() if isinstance(value, Artifact)}
    if any(name.split("/", 3)[3] not in _LATE for name in wanted.keys() - there.keys()):
        return None
    output = compare.run(replace(parameters, runs=[{**run, "iterations": ends}]), there, _Context(1, watch))  # type: ignore[arg-type]
    made: Comparison = json.loads(cast(bytes, output.files["comparison.json"]))
    return made


def joint_records(store: Store, runs: Sequence[Run]) -> list[tuple[str, str]]:
    """Key and artifact of the comparisons of several of these runs together, which no run pins."""
    found: list[tuple[str, str]] = []
    for group in studies_of(store, runs):
        with contextlib.suppress(BadInput):  # of another version, say: made anew when it is asked for
            key = action_key(_joined(store, group))
            found += [(key, record.artifact) for record in store.records.realisations(key) if len(group) > 1]
    return found


def _joined(store: Store, runs: Sequence[Run]) -> dict[str, Any]:
    """The action that compares finished runs of one study together."""
    records = [store.records.get(run.pins[COMPARISON].key, run.pins[COMPARISON].artifact) for run in runs]
    actions = [record.action for record in records if record is not None]
    if len(actions) < len(runs):
        missing = next(run.id for run, record in zip(runs, records, strict=True) if record is None)
        raise BadInput(f"the store {store.path} has no record of the comparison of {missing}; {remedy(store, runs)}")
    if any(action["version"] not in _COMPARABLE for action in actions):
        old = next(run for run, action in zip(runs, actions, strict=True) if action["version"] not in _COMPARABLE)
        raise BadInput(
            f"{old.id} was compared by another version of sirev; run its `sirev {verb_of(old)}` again: it takes moments"
        )
    actions = [_of_this_version(action) for action in actions]
    joined = {**actions[0], "parameters": dict(actions[0]["parameters"]), "inputs": {}}
    joined["parameters"]["runs"] = [one for action in actions for one in action["parameters"]["runs"]]
    joined["parameters"]["suites"] = sorted({suite for action in actions for suite in action["parameters"]["suites"]})
    others = {suite: kind for action in actions for suite, kind in action["parameters"].get("suite_answers", {}).items()}
    joined["parameters"] |= {"suite_answers": others} if others else {}
    for action in actions:
        joined["inputs"] |= action["inputs"]
    return joined


def _of_this_version(action: dict[str, Any]) -> dict[str, Any]:
    """The action by which the same measures are compared now.

    Version 2 left out of a record that variety does not count: it was the default, and the default is now that it does.
    """
    if action["version"] == compare.STAGE.version:
        return action
    return {**action, "version": compare.STAGE.version, "parameters": {**action["parameters"], "diversity_counts": True}}


@dataclass(frozen=True)
class _Context:
    """What `compare` uses of a running stage's context: it says how far it is."""

    runs: int
    watch: Watch

    def progress(self, done: int, total: int, unit: str, rate: float | None = None) -> None:
        """See `sirev.stages.stage.Context`."""
        self.watch(self.runs, done, total)


def recorded_measures(store: Store, run: Run) -> tuple[compare.CompareParameters, dict[str, Artifact]]:
    """What a finished run's comparison was made of, for `comparison_at`; BadInput where the store lacks any of it."""
    action = _joined(store, [run])
    return compare.CompareParameters(**action["parameters"]), _inputs(store, [run], action)


def _inputs(store: Store, runs: Sequence[Run], action: dict[str, Any]) -> dict[str, Artifact]:
    """The measures that an action compares; BadInput, naming one, where the store lacks any."""
    here: dict[str, Artifact] = {}
    for run in runs:
        for name, pin in run.pins.items():
            if stage_of(name) in ("measure", "embed"):
                try:
                    artifact = store.artifact(pin.artifact)
                except DamagedObject:
                    continue
                here[artifact.semantic] = artifact
    lost = sorted(name for name, digest in action["inputs"].items() if digest not in here)
    if lost:
        raise BadInput(_lacking(store, runs, lost[0]))
    inputs = {name: here[digest] for name, digest in action["inputs"].items()}
    for name, artifact in inputs.items():
        if not artifact.complete():
            raise BadInput(_lacking(store, runs, name))
    return inputs


def _made(store: Store, runs: Sequence[Run], action: dict[str, Any], watch: Watch) -> Comparison:
    inputs = _inputs(store, runs, action)
    parameters = compare.CompareParameters(**action["parameters"])
    watch(len(runs), 0, sum(len(run["iterations"]) for run in parameters.runs))
    try:
        output = compare.run(parameters, inputs, _Context(len(runs), watch))  # type: ignore[arg-type]
    except DamagedObject as error:
        raise BadInput(f"{str(error).partition(';')[0]}; {remedy(store, runs)}") from None
    made: Comparison = json.loads(cast(bytes, output.files["comparison.json"]))
    with contextlib.suppress(OSError, BadInput):  # a store that may only be read
        store.publish(action, output)
    return made


def _lacking(store: Store, runs: Sequence[Run], name: str) -> str:
    """Which measures the store lacks, in the words of its runs, and what mends it. `name`: "METHOD/SEED/T/WHAT"."""
    method, seed, t, what = name.split("/", 3)
    run = next((run.id for run in runs if (run.method, str(run.seed)) == (method, seed)), method)
    return f"the store {store.path} lacks the measures of {run}'s M_{t} ({what}); {remedy(store, runs)}"


def remedy(store: Store, runs: Sequence[Run]) -> str:
    """What computes again what is missing."""
    again = rerun(runs[0], store)
    return f"compute them again with `{again.command}` ({again.note}), or pull or import the runs again"
