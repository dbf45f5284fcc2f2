"""Recomputation of a sample of a store's deterministic steps, and comparison with the stored results.

Hashes show that results have not changed since they were stored; this shows that they are the results of their actions.
Nothing is written to the store.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from sirev.errors import BadInput, SirevError
from sirev.execution.actions import PACKAGES
from sirev.execution.children import Crew
from sirev.execution.listener import Listener
from sirev.execution.runner import Runner, StepContext
from sirev.grading.graders import GRADERS, OWN
from sirev.grading.sandbox.confine import CONFINED
from sirev.metrics.families import FAMILIES
from sirev.stages import STAGES, dataset, grade, measure
from sirev.stages.stage import Stage
from sirev.store.artifacts import Artifact, write_artifact
from sirev.store.digests import sha256
from sirev.store.local_files import LocalFiles
from sirev.store.objects import DamagedObject, Objects
from sirev.store.provenance import versions
from sirev.store.records import Record, action_key
from sirev.store.runs import Run, run_address
from sirev.store.store import Store
from sirev.tasks.registry import TASKS


@dataclass(frozen=True)
class StepDifference:
    """A step with another result: `what` is the first difference in a file or table, or why the step fails."""

    step: str
    key: str
    what: str


@dataclass
class Recomputed:
    """Outcome, with steps as "RUN:t:step": identical ones, different ones, and why others were skipped.

    `deterministic` counts the store's steps of deterministic stages, with shared ones counted once.
    """

    alike: list[str] = field(default_factory=list)
    differences: list[StepDifference] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)
    deterministic: int = 0


@dataclass(frozen=True)
class _Step:
    """A pinned step of a deterministic stage; a step shared by several runs belongs to the first."""

    run: Run
    name: str
    record: Record
    artifact: Artifact

    @property
    def title(self) -> str:
        return run_address(self.run.id, self.name)


class CantRecompute(SirevError):
    """A step can't be rerun here, through no fault of the store."""


def recompute(
    store: Store,
    count: int,
    on_step: Callable[[str, int, int], None] | None = None,
    *,
    unsafe_code: bool = False,
    on_warning: Callable[[str], None] | None = None,
) -> Recomputed:
    """Rerun up to `count` steps of the store's runs, and compare the results by their semantic digests.

    The steps are a pseudo-random sample, fixed by the store and spread over the stages; a larger sample includes a smaller one.
    Steps that can't be rerun here don't count. `on_step` is called with the step, the number done and `count`, `on_warning` with
    urgent warnings. A store may be untrusted: unconfined programs, task classes and grading functions only run with
    `unsafe_code`.
    """
    found = Recomputed()
    crew = Crew("recompute", embedded=False)
    try:
        with tempfile.TemporaryDirectory(prefix="sirev-recompute-", ignore_cleanup_errors=True) as scratch:
            again = _Again(store, crew, Path(scratch), unsafe_code, _Warned(on_warning or (lambda text: None)))
            steps = again.steps(found)
            found.deterministic = len(steps)
            for step in _spread(steps):
                if (done := len(found.alike) + len(found.differences)) >= count:
                    break
                if on_step:
                    on_step(step.title, done, count)
                try:
                    what = again.difference(step)
                except (CantRecompute, DamagedObject) as error:
                    found.skipped[step.title] = str(error).partition(";")[0]
                    continue
                if what is None:
                    found.alike.append(step.title)
                else:
                    found.differences.append(StepDifference(step.title, step.record.key, what))
    finally:  # also on Ctrl-C
        crew.close()
    return found


class _Warned(Listener):
    """A listener that passes on warnings, each once."""

    def __init__(self, on_warning: Callable[[str], None]) -> None:
        self._on_warning = on_warning
        self._told: set[str] = set()

    def warn(self, run: Run, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            self._on_warning(text)


@dataclass
class _Again:
    store: Store
    crew: Crew
    scratch: Path
    unsafe_code: bool
    listener: _Warned
    said: dict[str, Artifact] = field(default_factory=dict)
    """Semantic digest -> an artifact in the store with it."""

    def steps(self, found: Recomputed) -> list[_Step]:
        """The pinned steps of deterministic stages, each once; those without their artifact are noted as skipped."""
        steps: dict[tuple[str, str], _Step] = {}
        for run in _runs(self.store, found):
            for name, pin in run.pins.items():
                try:
                    record = self.store.records.get(pin.key, pin.artifact)
                    artifact = self.store.artifact(pin.artifact)
                except (BadInput, DamagedObject) as error:
                    found.skipped[run_address(run.id, name)] = str(error).partition(";")[0]
                    continue
                self.said.setdefault(artifact.semantic, artifact)
                if record is not None and _is_deterministic(record):
                    steps.setdefault((pin.key, pin.artifact), _Step(run, name, record, artifact))
        return list(steps.values())

    def difference(self, step: _Step) -> str | None:
        """The difference of a step's recomputed result from the stored one; None if there is none."""
        stage, action = STAGES[step.record.action["stage"]], step.record.action
        try:
            if action["version"] != stage.version:
                raise CantRecompute(f"it was made by version {action['version']} of the stage {stage.name}, not {stage.version}")
            inputs = self._inputs(action)
            parameters = self._parameters(stage, action)
            _check_same(stage, action, parameters)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise CantRecompute(f"its record is not one that sirev writes: {type(error).__name__}: {error}") from error
        runner = Runner(self.store, replace(step.run, pins={}), self.crew, self.listener)
        with tempfile.TemporaryDirectory(dir=self.scratch, ignore_cleanup_errors=True) as folder:
            context = StepContext(runner, step.name, Path(folder), stage, step.record.key)
            try:
                output = stage.run(parameters, inputs, context)
            except SirevError as error:
                raise CantRecompute(str(error).splitlines()[0]) from error
            except OSError as error:
                raise CantRecompute(error.strerror or str(error)) from error
            except Exception as error:
                # Its inputs are intact, so the stage can't have made the stored result of them.
                return f"it can't be recomputed: {type(error).__name__}: {error}"
            made = write_artifact(Objects(Path(folder) / "made"), output)
            return None if made.semantic == step.artifact.semantic else _first_difference(step.artifact, made)

    def _inputs(self, action: Mapping[str, Any]) -> dict[str, Artifact]:
        lost = sorted(name for name, digest in action["inputs"].items() if digest not in self.said)
        if lost:
            raise CantRecompute(f"its input {lost[0]} is not in the store")
        return {name: self.said[digest] for name, digest in action["inputs"].items()}

    def _parameters(self, stage: Stage, action: Mapping[str, Any]) -> Any:
        """The parameters of an action, with the remembered paths of the user's local files filled in. Raises CantRecompute."""
        recorded = dict(action["parameters"])
        if stage is dataset.STAGE:
            runs_code = TASKS[recorded["task"]].runs_code
            if runs_code and not self.unsafe_code:
                raise CantRecompute("its rows come from a class, whose code runs only with --allow-unsafe-code")
            recorded["files"] = self._files(recorded["source"])
            if runs_code:  # the class is keyed by its file
                class_name = str(recorded["options"]["class"]).rpartition(":")[2]
                recorded["files"] = {"class": f"{recorded['files']['rows']}:{class_name}"}
        if stage is grade.STAGE and recorded.get("grader") == OWN:
            if not self.unsafe_code:
                raise CantRecompute("its grades come from a function, whose code runs only with --allow-unsafe-code")
            function = str(recorded["function"]).rpartition(":")[2]
            file = self._files({"function": {"sha256": recorded["code"]}}, "its grader")["function"]
            recorded["file"] = f"{file}:{function}"
        if stage is grade.STAGE and recorded.get("sandbox") not in (None, *CONFINED) and not self.unsafe_code:
            raise CantRecompute("it asks for no sandbox, and programs run unconfined only with --allow-unsafe-code")
        known = {one.name for one in fields(stage.parameters)}
        if odd := sorted(recorded.keys() - known):
            raise CantRecompute(f"this sirev knows no parameter {odd[0]} of the stage {stage.name}")
        for one in fields(stage.parameters):
            absent = one.metadata.get("absent_means", MISSING)
            if one.name not in recorded and one.metadata["semantic"] and _is_value(absent):
                recorded[one.name] = absent
        try:
            return stage.parameters(**recorded)
        except TypeError as error:
            raise CantRecompute(f"its recorded parameters are not those of the stage {stage.name}") from error

    def _files(self, sources: Mapping[str, Mapping[str, Any]], came: str = "its rows") -> dict[str, str]:
        local = LocalFiles(self.store.objects)
        files = {}
        for what, one in sources.items():
            digest = one.get("sha256")
            if digest is None:
                raise CantRecompute("its rows are on the Hub")
            try:
                here = next((path for path in local.where(digest) if local.holds(path, digest)), None)
            except BadInput as error:  # such as a pipe, or an unreadable file
                raise CantRecompute(f"the file that {came} came from can't be read: {error}") from error
            if here is None:
                raise CantRecompute(f"the file that {came} came from is no longer here, or has changed")
            files[what] = str(here)
        return files


def _is_deterministic(record: Record) -> bool:
    stage = STAGES.get(str(record.action.get("stage")))
    return stage is not None and stage.deterministic


def _runs(store: Store, found: Recomputed) -> Iterator[Run]:
    for name in store.runs.ids():
        try:
            run = store.runs.get(name)
        except BadInput as error:  # a newer format
            found.skipped[name] = str(error)
            continue
        if run is not None:
            yield run


def _check_same(stage: Stage, action: Mapping[str, Any], parameters: Any) -> None:
    """Raise CantRecompute unless this sirev has the same version of grader or measures, the same parameters and packages."""
    if isinstance(parameters, grade.GradeParameters):
        known = GRADERS.get(parameters.grader)
        if known is None or known.version != parameters.grader_version:
            raise CantRecompute(f"this sirev has no grader {parameters.grader} of version {parameters.grader_version}")
    if isinstance(parameters, measure.MeasureParameters):
        family = FAMILIES.get(parameters.family)
        if family is None or family.version != parameters.family_version:
            raise CantRecompute(f"this sirev has no measures {parameters.family} of version {parameters.family_version}")
    if action.get("env", versions(PACKAGES)) != versions(PACKAGES):
        raise CantRecompute("it was made by other versions of the packages, which its recipe keys (env: strict)")
    rebuilt = {**action, **stage.action(parameters, action["inputs"])}
    if action_key(rebuilt) != action_key(dict(action)):
        raise CantRecompute(f"its recorded parameters are not those of the stage {stage.name}")


def _is_value(absent: Any) -> bool:
    """Whether `absent_means` is a JSON value, so that its parameter may be left out of a key, and not the marker for never."""
    return absent is None or isinstance(absent, bool | int | float | str | list | dict)


def _spread(steps: list[_Step]) -> Iterator[_Step]:
    """Yield a step of each stage in turn, in a pseudo-random order that is fixed by the keys."""
    by_stage: dict[str, list[_Step]] = {}
    for step in sorted(steps, key=lambda step: sha256(f"recompute {step.record.key}".encode())):
        by_stage.setdefault(step.record.action["stage"], []).append(step)
    queues = [by_stage[name] for name in STAGES if name in by_stage]
    while queues := [queue for queue in queues if queue]:
        for queue in queues:
            yield queue.pop(0)


def _first_difference(stored: Artifact, made: Artifact) -> str:
    """The first table or file that differs, in words."""
    old, new = stored.manifest["tables"], made.manifest["tables"]
    for name in sorted(old.keys() | new.keys()):
        if name not in old or name not in new:
            return f"table {name!r} is only in the {'stored' if name in old else 'recomputed'} one"
        if old[name]["rows_sha256"] != new[name]["rows_sha256"]:
            return f"table {name!r}: {_first_row(stored.rows(name), made.rows(name), old[name]['order_by'])}"
    old, new = stored.manifest["files"], made.manifest["files"]
    parts = {part for one in (stored, made) for table in one.manifest["tables"].values() for part in table["parts"]}
    for name in sorted((old.keys() | new.keys()) - parts):
        if name not in old or name not in new:
            return f"file {name!r} is only in the {'stored' if name in old else 'recomputed'} one"
        if old[name]["sha256"] != new[name]["sha256"]:
            return f"file {name!r} differs: {old[name]['size']:,} bytes stored, {new[name]['size']:,} recomputed"
    return "its tables and files have other names"


def _first_row(stored: list[dict[str, Any]], made: list[dict[str, Any]], order_by: list[str]) -> str:
    if len(stored) != len(made):
        return f"{len(stored):,} rows are stored, and recomputing gives {len(made):,}"
    for one, other in zip(stored, made, strict=True):
        if one != other:
            column = next((name for name in other if one.get(name) != other[name]), None)
            where = ", ".join(f"{name} {other.get(name)!r}" for name in order_by)
            if column is None:
                break
            return f"at {where}, {column} is {one.get(column)!r:.80} and recomputing gives {other[column]!r:.80}"
    return "its columns differ"
