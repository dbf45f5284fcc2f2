"""Comparisons of several finished runs: found in the store, or computed from the measures that the runs pinned."""

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
"""Versions of the stage whose runs can be compared; version 2's are compared again from their pinned measures."""
_LATE = (likelihood.FAMILY.name, likelihood.OF_DRAWS, embedding.FAMILY.name)
_SETTINGS = re.compile(r"-([0-9a-f]{8})(?=[-@]|$)")


def studies_of(store: Store, runs: Sequence[Run]) -> list[list[Run]]:
    """The studies of `runs`, each with all its finished runs in the store, in a fixed order.

    A verdict must not depend on the choice of runs to look at: Holm's correction and the problems for size-matched values are
    those of the whole study.
    """
    wanted = {run.id for run in runs}
    recipes = {run.recipe for run in runs}  # records of other recipes need not be read
    finished = [run for run in store.runs.all() if run.recipe in recipes and COMPARISON in run.pins and run.status != "running"]
    there = [run for run in finished if run.id in wanted or _version(store, run) in _COMPARABLE]
    order: dict[str, int] = {method: i for i, method in enumerate(METHODS)}
    there.sort(key=lambda run: (run.recipe, order.get(run.method, len(order)), run.method, run.seed, run.invocation, run.id))
    return [group for group in studies(there) if any(run.id in wanted for run in group)]


def _version(store: Store, run: Run) -> int | None:
    """The version of the stage that compared a run; None without a record."""
    record = store.records.get(run.pins[COMPARISON].key, run.pins[COMPARISON].artifact)
    return record.action.get("version") if record else None


def studies(runs: Sequence[Run]) -> list[list[Run]]:
    """Runs grouped into studies, in the given order: one recipe with the same settings, each method and seed once."""
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
    """The eight digits in a run's id that stand for its settings, equal for all methods and seeds; None if it has none."""
    found = _SETTINGS.findall(run.id)
    return str(found[-1]) if found else None


class Watch(Protocol):
    """Receives the progress of a comparison that is computed: first with `done` 0, then after each model."""

    def __call__(self, runs: int, done: int, models: int) -> None:
        """Report that `done` of `models` models of `runs` runs are compared."""


def silent(runs: int, done: int, models: int) -> None:
    """Report nothing."""


def comparison(store: Store, runs: Sequence[Run], watch: Watch = silent) -> Comparison:
    """The comparison of finished runs of one study.

    It is looked up. If it is missing, damaged or lost, it is computed from the runs' measures and stored, unless the store is
    read-only. Raises BadInput where the store lacks measures.
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
    """The comparison of a run's M_1 and M_t alone, from the run's planned comparison; None while measures are missing.

    Likelihoods and embeddings may be missing: they are optional, or come last.
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
    """Key and artifact of each comparison of several of these runs, which no run pins."""
    found: list[tuple[str, str]] = []
    for group in studies_of(store, runs):
        with contextlib.suppress(BadInput):  # such as runs of another version
            key = action_key(_joined(store, group))
            found += [(key, record.artifact) for record in store.records.realisations(key) if len(group) > 1]
    return found


def _joined(store: Store, runs: Sequence[Run]) -> dict[str, Any]:
    """The action that compares finished runs of one study. Raises BadInput for runs without a record, or of another version."""
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
    """The action that compares the same measures in the present version.

    In version 2 variety did not count by default, and the default was not recorded; now variety counts.
    """
    if action["version"] == compare.STAGE.version:
        return action
    return {**action, "version": compare.STAGE.version, "parameters": {**action["parameters"], "diversity_counts": True}}


@dataclass(frozen=True)
class _Context:
    """The part of a running stage's context that `compare` uses: its progress."""

    runs: int
    watch: Watch

    def progress(self, done: int, total: int, unit: str, rate: float | None = None) -> None:
        """Report progress, as `sirev.stages.stage.Context` does."""
        self.watch(self.runs, done, total)


def recorded_measures(store: Store, run: Run) -> tuple[compare.CompareParameters, dict[str, Artifact]]:
    """Parameters and inputs of a finished run's comparison, for `comparison_at`; BadInput where the store lacks some."""
    action = _joined(store, [run])
    return compare.CompareParameters(**action["parameters"]), _inputs(store, [run], action)


def _inputs(store: Store, runs: Sequence[Run], action: dict[str, Any]) -> dict[str, Artifact]:
    """The measures that an action compares; BadInput, naming one of them, where the store lacks any."""
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
    with contextlib.suppress(OSError, BadInput):  # the store may be read-only
        store.publish(action, output)
    return made


def _lacking(store: Store, runs: Sequence[Run], name: str) -> str:
    """The message that measures are missing, with the remedy. `name`: "METHOD/SEED/T/WHAT"."""
    method, seed, t, what = name.split("/", 3)
    run = next((run.id for run in runs if (run.method, str(run.seed)) == (method, seed)), method)
    return f"the store {store.path} lacks the measures of {run}'s M_{t} ({what}); {remedy(store, runs)}"


def remedy(store: Store, runs: Sequence[Run]) -> str:
    """The command that computes missing files again, in words."""
    again = rerun(runs[0], store)
    return f"compute them again with `{again.command}` ({again.note}), or pull or import the runs again"
