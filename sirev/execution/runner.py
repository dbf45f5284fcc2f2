"""Execution of steps through the store: each is looked up first and computed only if it is missing."""

from __future__ import annotations

import re
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from sirev.errors import BadInput, SirevError, StageFailed
from sirev.execution import shipped_models
from sirev.execution.actions import PACKAGES, find, in_env, step_action, to_redo
from sirev.execution.children import Crew
from sirev.execution.listener import Listener
from sirev.execution.scratch import attempts_folder
from sirev.processes.requests import Emit, Event, Request, Result, Work
from sirev.processes.resident import ChildFailed
from sirev.processes.spawning import further
from sirev.processes.workers import WorkerDied
from sirev.stages.stage import Stage
from sirev.store.artifacts import Artifact, Output
from sirev.store.local_files import LocalFiles
from sirev.store.objects import DamagedObject
from sirev.store.provenance import git_state, hardware, now, versions
from sirev.store.records import action_key
from sirev.store.runs import Pin, Run, step_title
from sirev.store.store import Store
from sirev.store.untrusted_files import is_regular
from sirev.study.step_names import StepName, parse_step
from sirev.study.steps import StepResult
from sirev.trainers.dispatch import LogEntry

MEMORY_HINTS = (
    # vLLM found too little memory left for its KV cache: give it more, or need less.
    ("sample", re.compile(r"cache blocks|kv cache", re.IGNORECASE), "raise engine.gpu_memory, or lower engine.context"),
    (
        "sample",
        re.compile(r"memory", re.IGNORECASE),
        "lower engine.gpu_memory (vllm) or engine.batch_size (transformers), or stop other programs on the GPU",
    ),
    (
        "score",
        re.compile(r"memory", re.IGNORECASE),
        "lower engine.batch_size (transformers), or do without: --set evaluation.score=false",
    ),
    (
        "train",
        re.compile(r"out of memory|outofmemory|want of memory|memoryerror", re.IGNORECASE),
        "to need less memory: lower training.memory.micro_batch_tokens or training.memory.micro_batch_size, or set "
        "training.memory.gradient_checkpointing and training.memory.precompute_reference to true; --overlay 24gb does all of it",
    ),
    ("grade", re.compile(r"of memory|memoryerror", re.IGNORECASE), "an answer may need more memory than there is"),
)
"""Stage, pattern of the failure's reason, and advice; the first match is shown."""


@dataclass(frozen=True)
class AskedStep:
    """A requested step with its input artifacts."""

    name: str
    stage: Stage
    parameters: Any
    inputs: Mapping[str, Artifact]


class Runner:
    """Executes the steps of one run: looks for a pin, then for any realisation in the store, else computes."""

    def __init__(self, store: Store, run: Run, crew: Crew, listener: Listener) -> None:
        self.store = store
        self.run = run
        self.crew = crew
        self.listener = listener
        self.computed: list[str] = []
        self._came_by: dict[str, AskedStep] = {}  # manifest digest -> its step, in case its files are needed again
        self.thread = threading.current_thread().name  # the owner of the children, also for steps that another thread requests
        self._pins = dict(run.pins)  # those of an earlier invocation of this run
        self._shared_first = crew.shared_first and run.status == "running"
        run.pins = {}

    def step(self, name: str, stage: Stage, parameters: Any, inputs: Mapping[str, StepResult]) -> Artifact:
        """The artifact of a step, computed if needed; StageFailed, which names stage, key and log, if that fails."""
        if (found := self.here(name, stage, parameters, inputs)) is not None:
            return found
        known = {k: v for k, v in inputs.items() if isinstance(v, Artifact)}
        action = step_action(self.run, stage, parameters, known)
        artifact = self._compute(name, stage, parameters, known, action, to_redo(self.run, stage.name, name))
        self._pin(AskedStep(name, stage, parameters, known), action_key(action), artifact)
        return artifact

    def found(self, name: str, stage: Stage, parameters: Any, inputs: Mapping[str, StepResult]) -> Artifact | None:
        """The artifact of a step, here or in the shared store, without computing it; None if it is in neither."""
        artifact = self.here(name, stage, parameters, inputs)
        if artifact is not None or self._shared_first or to_redo(self.run, stage.name, name):
            return artifact
        asked, key = self._asked(name, stage, parameters, inputs)
        return self._hit(asked, key, self._shared(key, stage))

    def _shared(self, key: str, stage: Stage) -> Artifact | None:
        """The shared store's artifact of a key, None if there is none. Other runs may look things up meanwhile."""
        if self.crew.through is None:
            return None
        self.crew.turn.release()
        try:
            return self.pulled(key, files=not stage.makes_model)
        finally:
            self.crew.turn.acquire()

    def here(self, name: str, stage: Stage, parameters: Any, inputs: Mapping[str, StepResult]) -> Artifact | None:
        """The artifact of a step that this run pins or the store has; None if there is none.

        With `Crew.shared_first`, the shared store comes before both.
        """
        if self.crew.stopping.is_set():
            raise StageFailed(f"{self.run.id}: stopped before step {step_title(name)}")
        if name in self.run.pins:  # requested again, as the problems of a split are
            return self.store.artifact(self.run.pins[name].artifact)
        asked, key = self._asked(name, stage, parameters, inputs)
        if to_redo(self.run, stage.name, name):
            return self._hit(asked, key, self.crew.redone.get(key))
        shared = self._shared(key, stage) if self._shared_first else None
        return self._hit(asked, key, shared or find(self.store, self._pins, name, key))

    def _asked(self, name: str, stage: Stage, parameters: Any, inputs: Mapping[str, StepResult]) -> tuple[AskedStep, str]:
        """A step with its known inputs, and its key."""
        known = {k: v for k, v in inputs.items() if isinstance(v, Artifact)}
        return AskedStep(name, stage, parameters, known), action_key(step_action(self.run, stage, parameters, known))

    def _hit(self, asked: AskedStep, key: str, artifact: Artifact | None) -> Artifact | None:
        """Pin an artifact that was found, if any; returns it."""
        if artifact is not None:
            self.listener.step(self.run, asked.name, "hit")
            self._pin(asked, key, artifact)
        return artifact

    def _pin(self, asked: AskedStep, key: str, artifact: Artifact) -> None:
        """Pin an artifact, and save the run if it was computed."""
        name = asked.name
        redo = to_redo(self.run, asked.stage.name, name)
        self.run.pins[name] = pin = Pin(key, artifact.digest)
        self.crew.pinned(self.run, name, pin)
        self._came_by[artifact.digest] = asked
        if redo:
            self.run.redone.append(name)
        if name in self.computed:
            self.run.status, self.run.reason = "running", None
            # With earlier pins of later steps, so that an interruption does not lose them, and with those of steps that
            # another worker of a sweep has computed meanwhile.
            there = self.store.runs.get(self.run.id)
            self._save(replace(self.run, pins={**(there.pins if there else {}), **self._pins, **self.run.pins}))

    def at_hand(self, name: str, stage: Stage, parameters: Any, inputs: Mapping[str, StepResult]) -> bool:
        """See `sirev.study.steps.Executor`; a step that is not at hand is noted."""
        asked, key = self._asked(name, stage, parameters, inputs)
        if find(self.store, self._pins, name, key) is not None or self.pulled(key) is not None:
            return True
        if self.crew.through is None and not all(artifact.complete() for artifact in asked.inputs.values()):
            self.listener.note(self.run, f"{step_title(name)} is left out: files that it reads were given up")
            return False
        try:
            self.crew.check(self.run, name)
        except BadInput as lacking:
            self.listener.note(self.run, f"{step_title(name)} is left out: {lacking}")
            return False
        return True

    def provenance(self, name: str) -> Mapping[str, Any]:
        """The provenance of the artifact that this run has for a step; empty if there is none."""
        pin = self.run.pins.get(name)
        record = self.store.records.get(pin.key, pin.artifact) if pin else None
        return record.provenance if record else {}

    def finish(self, status: Literal["complete", "stopped"], reason: str | None) -> None:
        """Save the end of the run, unless it is saved already.

        Raises StageFailed if a concurrent collection deleted what the run pins: a process that computes nothing holds no
        lease on what it found.
        """
        if (self.run.status, self.run.reason) == (status, reason) and self.run.pins == self._pins:
            return
        with self.store.gate.shared():
            for name, pin in self.run.pins.items():
                if not is_regular(self.store.records.path(pin.key, pin.artifact)):
                    raise StageFailed(
                        f"{self.run.id}: garbage collection in {self.store.path} deleted step {step_title(name)} meanwhile; "
                        "run the same command again"
                    )
            self.run.status, self.run.reason = status, reason
            self._save(self.run)

    def _save(self, run: Run) -> None:
        self.store.runs.save(replace(run, invocation=self.crew.invocation))

    def _compute(
        self, name: str, stage: Stage, parameters: Any, inputs: Mapping[str, Artifact], action: dict[str, Any], redo: bool
    ) -> Artifact:
        if self.crew.through is None:  # else the shared store may have the artifact
            self.crew.check(self.run, name)
        pinned = [pin.artifact for pin in (*self._pins.values(), *self.run.pins.values())]
        self.crew.turn.release()
        try:
            # A concurrent collection must not take this run for an old one: nothing else holds its earlier pins.
            self.store.hold([self.run.id, *pinned])
            return self._compute_alone(name, stage, parameters, inputs, action, redo)
        finally:
            self.crew.turn.acquire()

    def _compute_alone(
        self, name: str, stage: Stage, parameters: Any, inputs: Mapping[str, Artifact], action: dict[str, Any], redo: bool
    ) -> Artifact:
        key = action_key(action)
        with self.store.lock(action, self._waiting(name), self.crew.stopping):
            # The last holder of the lock may have computed it meanwhile. A model's files are pulled once something needs them.
            found = self.crew.redone.get(key) if redo else self.store.lookup(key) or self.pulled(key, files=not stage.makes_model)
            if found is not None:
                self.listener.step(self.run, name, "hit")
                return found
            if self.crew.through is not None:
                self.crew.check(self.run, name)
            self._fill(name, inputs)
            if self.crew.stopping.is_set():
                raise StageFailed(f"{self.run.id}: stopped before step {step_title(name)}")
            artifact = self._worked(name, stage, parameters, inputs, action)
            if redo:
                self.crew.redone[key] = artifact
            else:  # if another process published one meanwhile, all continue from the earlier one
                artifact = self.store.lookup(key) or artifact
        self.computed.append(name)
        self.listener.step(self.run, name, "done")
        return artifact

    def _worked(
        self, name: str, stage: Stage, parameters: Any, inputs: Mapping[str, Artifact], action: dict[str, Any]
    ) -> Artifact:
        """Run the stage and publish its output. Call this with the action's lock held."""
        key = action_key(action)
        self.crew.open()
        self.listener.step(self.run, name, "start")
        before = {record.artifact for record in self.store.records.realisations(key)}
        began, started = time.monotonic(), now()
        try:
            with tempfile.TemporaryDirectory(dir=self.crew.scratch, ignore_cleanup_errors=True) as scratch:
                output = stage.run(parameters, inputs, StepContext(self, name, Path(scratch), stage, key))
                seconds = round(time.monotonic() - began, 3)
                artifact = self.store.publish(action, output, self._provenance(started, seconds))
                self._note_others(name, key, before, started)
                return artifact
        except ChildFailed as error:
            raise self._failure(name, stage, key, str(error), error.log) from error
        except WorkerDied as error:
            raise self._failure(name, stage, key, str(error), None) from error
        except SirevError:
            raise
        except OSError as error:
            raise self._failure(name, stage, key, os_reason(error), None) from error
        except MemoryError as error:
            raise self._failure(name, stage, key, "out of memory", None) from error
        except Exception as error:
            if self.crew.stopping.is_set():  # its children were ended
                raise StageFailed(f"{self.run.id}: stopped in step {step_title(name)}") from error
            log = self.crew.scratch / f"{key[:16]}.log"
            log.write_text(traceback.format_exc(), encoding="utf-8", errors="backslashreplace")
            raise self._failure(name, stage, key, f"{type(error).__name__}: {error}", log) from error

    def _note_others(self, name: str, key: str, before: Collection[str], started: str) -> None:
        """Note if another process has published a result of this key since the step began here."""
        since = [record for record in self.store.records.realisations(key) if record.artifact not in before]
        if any(record.provenance.get("started") != started for record in since):
            self.listener.note(
                self.run,
                f"{step_title(name)} was computed twice, here and elsewhere at the same time: no lock kept one of the two out",
            )

    def pulled(self, key: str, artifact: str | None = None, files: bool = True) -> Artifact | None:
        """The artifact of a key from the shared store, if there is one: any realisation, or the given one. None if unavailable.

        A base model shipped with sirev, whose files may have been given up, is imported from there.
        """
        if artifact is not None and (shipped := shipped_models.take(self.store, key, artifact)) is not None:
            return shipped
        return self.crew.through.fetch(key, artifact, files) if self.crew.through else None

    def _fill(self, name: str, inputs: Mapping[str, Artifact]) -> None:
        """Restore the files of hollow inputs, from the shared store or by computing them again.

        Raises StageFailed if that gives another artifact, which would not match later results.
        """
        for artifact in inputs.values():
            asked = self._came_by.get(artifact.digest)
            if artifact.complete() or asked is None:
                continue
            action = step_action(self.run, asked.stage, asked.parameters, asked.inputs)
            key = action_key(action)
            with self.store.lock(action, self._waiting(asked.name), self.crew.stopping):
                if artifact.complete() or self.pulled(key, artifact.digest):
                    continue
                self._fill(asked.name, asked.inputs)
                self.listener.note(
                    self.run, f"{step_title(asked.name)} is recomputed for {step_title(name)}: its files had been given up"
                )
                again = self._worked(asked.name, asked.stage, asked.parameters, asked.inputs, action)
            self.computed.append(asked.name)
            self.listener.step(self.run, asked.name, "done")
            if again.semantic != artifact.semantic:
                redo = step_title(str(StepName(asked.stage.name, t=parse_step(asked.name).t)))
                raise StageFailed(
                    f"{self.run.id}: step {step_title(name)} needs the files of {step_title(asked.name)}, which had been given "
                    "up, and recomputing them gave different ones, as training on a GPU can; pull them from a store that has "
                    f"them (--remote URL), or continue from a new realisation: --redo {redo}"
                )

    def _waiting(self, name: str) -> Callable[[str], None]:
        return lambda words: self.listener.wait(self.run, name, words)

    def _provenance(self, started: str, seconds: float) -> dict[str, Any]:
        return {
            "packages": versions(PACKAGES),
            "hardware": hardware(),
            "git": git_state(Path(__file__).parent),
            **({"environment": sorted(passed)} if (passed := further()) else {}),
            "started": started,
            "seconds": seconds,
        }

    def _failure(self, name: str, stage: Stage, key: str, reason: str, log: Path | None) -> StageFailed:
        kept, lost = None, ""
        if log is not None and log.is_file():
            kept = self.store.path / "logs" / f"{key[:16]}.log"
            try:
                self.store.objects.write(log.read_bytes(), kept)
            except (OSError, BadInput) as error:  # the disk may be full, which may be why the stage failed
                kept, lost = None, f"; its log could not be kept: {error.strerror if isinstance(error, OSError) else error}"
        fitting = [advice for name, said, advice in MEMORY_HINTS if name == stage.name and said.search(reason)]
        hint = f" ({fitting[0]})" if fitting else ""
        return StageFailed(
            f"{self.run.id}: step {step_title(name)} (stage {stage.name}, key {key[:12]}) failed: {reason}{hint}{lost}", kept
        )


def os_reason(error: OSError) -> str:
    """The system's message and the file; of two files, the target."""
    path = error.filename2 or error.filename
    return f"{error.strerror or error}{f': {path}' if path else ''}"


@dataclass
class StepContext:
    """The runner's implementation of `sirev.stages.stage.Context`."""

    runner: Runner
    name: str
    scratch: Path
    stage: Stage
    key: str

    def call(
        self,
        role: str,
        work: Work[Request, Event, Result],
        request: Request,
        on_event: Emit[Event],
        holding: str | None = None,
    ) -> Result:
        resident = self.runner.crew.resident(role, holding, self.runner.thread)
        try:
            return resident.call(work, request, on_event)
        except ChildFailed:
            resident.stop()  # this frees what the failed work holds, above all GPU memory
            raise

    def progress(self, done: int, total: int, unit: str, rate: float | None = None) -> None:
        self.runner.listener.progress(self.runner.run, self.name, done, total, unit, rate)

    def log(self, step: int, entry: LogEntry) -> None:
        self.runner.listener.log(self.runner.run, self.name, step, entry)

    def warn(self, text: str) -> None:
        self.runner.listener.warn(self.runner.run, text)

    @property
    def attempts(self) -> Path:
        return attempts_folder(self.runner.store, self.key, self.runner.crew.shared_scratch)

    def local_model(self, digest: str) -> Path:
        local = LocalFiles(self.runner.store.objects)
        places = local.where(digest)
        for place in places:
            if local.holds(place, digest):
                return place
        were = ", ".join(map(str, places)) or "a folder on another machine"
        raise BadInput(f"the base model {digest[:12]} is no longer here, or has changed; it was {were}")

    def stored(self, action: dict[str, Any]) -> Artifact | None:
        # A redone sampling samples again: shards of the earlier realisation would give that realisation.
        if to_redo(self.runner.run, self.stage.name, self.name):
            return None
        key = action_key(in_env(self.runner.run, action))
        artifact = self.runner.store.lookup(key) or self.runner.pulled(key)
        try:
            return artifact if artifact and all(artifact.path(n) for n in artifact.manifest["files"]) else None
        except DamagedObject:
            return None

    def keep(self, action: dict[str, Any], output: Output) -> Artifact:
        return self.runner.store.publish(in_env(self.runner.run, action), output)
