"""Runs steps through the store: each is looked up first and computed only if it is not there."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from sirev.errors import SirevError, StageFailed
from sirev.resident import ChildFailed, Resident
from sirev.stages.stage import Stage
from sirev.store.artifacts import Artifact, Output
from sirev.store.objects import DamagedObject
from sirev.store.provenance import git_state, hardware, now, versions
from sirev.store.records import action_key
from sirev.store.runs import Pin, Run
from sirev.store.store import Store
from sirev.study.scratch import Scratch
from sirev.study.steps import Known, Unknown

PACKAGES = ("sirev", "torch", "transformers", "trl", "peft", "accelerate", "tokenizers", "numpy", "pyarrow")
"""Whose versions are recorded, and keyed where a recipe says `environment: strict`."""

State = Literal["hit", "start", "wait", "done"]


class Listener(Protocol):
    """Told what happens, from several threads at once."""

    def step(self, run: Run, name: str, state: State) -> None:
        """A step was found, begins, waits for another process, or was computed."""

    def progress(self, run: Run, name: str, done: int, total: int, unit: str, rate: float | None) -> None:
        """A long step is at `done` of `total` units, at `rate` tokens a second where tokens are what it makes."""

    def note(self, run: Run, text: str) -> None:
        """Something the user should know about the run, one line."""


GPU = Path("/dev/nvidiactl").exists()  # asked of the system, because torch is not imported here


@dataclass
class Crew:
    """What the runs of one invocation share: redone keys, the word to stop, and the resident children.

    Without a GPU each of the runs that go on side by side has one child of one thread for everything. On a GPU a
    child that samples and one that trains are never alive together: memory is free for certain only when a process ends.
    """

    invocation: str
    redo: tuple[str, ...] = ()
    redone: dict[str, Artifact] = field(default_factory=dict)
    stopping: threading.Event = field(default_factory=threading.Event)
    turn: threading.Lock = field(default_factory=threading.Lock)
    """Held by the one run that is looking things up, let go while a stage computes: threads that read small files side
    by side get in each other's way, and a replay took half as long again."""

    def __post_init__(self) -> None:
        self._scratch: Scratch | None = None
        self._residents: dict[tuple[str, str], Resident] = {}
        self._lock = threading.Lock()

    @property
    def parallel(self) -> int:
        """How many runs go on side by side: one more than there are cores, since runs wait for what they share."""
        return 1 if GPU else min(4, (os.cpu_count() or 1) + 1)

    @property
    def scratch(self) -> Path:
        """The invocation's scratch folder, made when something is computed."""
        with self._lock:
            if self._scratch is None:
                self._scratch = Scratch()
            return self._scratch.path

    def resident(self, role: str) -> Resident:
        """The child that plays `role` ("trainer", "engine") for the run of the calling thread."""
        thread = threading.current_thread().name
        scratch = self.scratch
        with self._lock:
            wanted = (thread, role if GPU else "worker")
            for (owner, other), resident in self._residents.items():
                if GPU and owner == thread and other != role:
                    resident.stop()
            if wanted not in self._residents:
                log = scratch / f"{'-'.join(wanted)}.log"
                self._residents[wanted] = Resident(wanted[1], log, threads=(os.cpu_count() or 1) if GPU else 1)
            return self._residents[wanted]

    def close(self) -> None:
        """End the children, and with them whatever they were doing; remove the scratch folder."""
        self.stopping.set()
        for resident in self._residents.values():
            resident.kill()
        if self._scratch is not None:
            self._scratch.remove()


class Runner:
    """Executes the steps of one run: pins first, then any realisation in the store, then the work itself."""

    def __init__(self, store: Store, run: Run, crew: Crew, listener: Listener) -> None:
        self.store = store
        self.run = run
        self.crew = crew
        self.listener = listener
        self.computed: list[str] = []
        self._pins = dict(run.pins)  # those of an earlier invocation of this run
        run.pins = {}
        self._strict = versions(PACKAGES) if run.settings["environment"] == "strict" else None

    def step(self, name: str, stage: Stage, parameters: Any, inputs: Mapping[str, Known]) -> Artifact:
        """The artifact of a step; raises StageFailed, naming stage, key and log, if it can't be computed."""
        if self.crew.stopping.is_set():
            raise StageFailed(f"{self.run.id}: stopped before step {name}")
        if name in self.run.pins:  # asked for again, as the problems of a split are
            return self.store.artifact(self.run.pins[name].artifact)
        known = {k: v for k, v in inputs.items() if isinstance(v, Artifact)}
        action = step_action(stage, parameters, known, self._strict)
        key = action_key(action)
        redo = redo_matches(self.crew.redo, stage.name, name)
        artifact = self.crew.redone.get(key) if redo else find(self.store, self._pins, name, key)
        if artifact is not None:
            self.listener.step(self.run, name, "hit")
        else:
            artifact = self._compute(name, stage, parameters, known, action, redo)
        self._pin(name, Pin(key, artifact.digest))
        return artifact

    def finish(self, status: Literal["complete", "stopped"], reason: str | None) -> None:
        """Write the run's end, unless the store says the same already."""
        if (self.run.status, self.run.reason) != (status, reason) or self.run.pins != self._pins:
            self.run.status, self.run.reason = status, reason
            self._save()

    def _save(self) -> None:
        self.run.invocation = self.crew.invocation
        self.store.runs.save(self.run)

    def _compute(
        self, name: str, stage: Stage, parameters: Any, inputs: Mapping[str, Artifact], action: dict[str, Any], redo: bool
    ) -> Artifact:
        self.crew.turn.release()
        try:
            return self._compute_alone(name, stage, parameters, inputs, action, redo)
        finally:
            self.crew.turn.acquire()

    def _compute_alone(
        self, name: str, stage: Stage, parameters: Any, inputs: Mapping[str, Artifact], action: dict[str, Any], redo: bool
    ) -> Artifact:
        key = action_key(action)
        with self.store.lock(action, lambda: self.listener.step(self.run, name, "wait")):
            # Whoever held the lock before may have computed it meanwhile.
            found = self.crew.redone.get(key) if redo else self.store.lookup(key)
            if found is not None:
                self.listener.step(self.run, name, "hit")
                return found
            if self.crew.stopping.is_set():
                raise StageFailed(f"{self.run.id}: stopped before step {name}")
            self.listener.step(self.run, name, "start")
            began, started = time.monotonic(), now()
            scratch = Path(tempfile.mkdtemp(dir=self.crew.scratch))
            try:
                output = stage.run(parameters, inputs, StepContext(self, name, scratch, stage))
                seconds = round(time.monotonic() - began, 3)
                artifact = self.store.publish(action, output, self._provenance(started, seconds))
            except ChildFailed as error:
                raise self._failure(name, stage, key, str(error), error.log) from error
            except SirevError:
                raise
            except OSError as error:
                reason = f"{error.strerror or error}{f': {error.filename}' if error.filename else ''}"
                raise self._failure(name, stage, key, reason, None) from error
            finally:
                shutil.rmtree(scratch, ignore_errors=True)
            if redo:
                self.crew.redone[key] = artifact
        self.computed.append(name)
        self.listener.step(self.run, name, "done")
        return artifact

    def _pin(self, name: str, pin: Pin) -> None:
        self.run.pins[name] = pin
        if self.computed and self.computed[-1] == name:
            self.run.status, self.run.reason = "running", None
            self._save()  # so that an interrupted --redo goes on with what it redid

    def _provenance(self, started: str, seconds: float) -> dict[str, Any]:
        return {
            "packages": versions(PACKAGES),
            "hardware": hardware(),
            "git": git_state(Path(__file__).parent),
            "started": started,
            "seconds": seconds,
        }

    def _failure(self, name: str, stage: Stage, key: str, reason: str, log: Path | None) -> StageFailed:
        where = ""
        if log is not None and log.is_file():
            kept = self.store.path / "logs" / f"{key[:16]}.log"
            try:
                kept.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(log, kept)
                where = f"; log: {kept}"
            except OSError as error:  # the disk may be full, which is why the stage failed
                where = f"; its log could not be kept: {error.strerror}"
        return StageFailed(f"{self.run.id}: step {name} (stage {stage.name}, key {key[:12]}) failed: {reason}{where}")


@dataclass
class StepContext:
    """The runner's side of `sirev.stages.stage.Context`."""

    runner: Runner
    name: str
    scratch: Path
    stage: Stage

    def call(self, role: str, function: str, arguments: Mapping[str, Any], on_event: Callable[[Any], None]) -> Any:
        return self.runner.crew.resident(role).call(function, arguments, on_event)

    def progress(self, done: int, total: int, unit: str, rate: float | None = None) -> None:
        self.runner.listener.progress(self.runner.run, self.name, done, total, unit, rate)

    def stored(self, action: dict[str, Any]) -> Artifact | None:
        # A redone sampling draws anew: shards of the realisation before would be that realisation again.
        if redo_matches(self.runner.crew.redo, self.stage.name, self.name):
            return None
        artifact = self.runner.store.lookup(action_key(action))
        try:
            return artifact if artifact and all(artifact.path(n) for n in artifact.manifest["files"]) else None
        except DamagedObject:
            return None

    def keep(self, action: dict[str, Any], output: Output) -> Artifact:
        return self.runner.store.publish(action, output)


class Planner:
    """Executes nothing: says of each step whether it is a hit, would run, or is unknown until another has run."""

    def __init__(self, store: Store, run: Run, redo: tuple[str, ...] = ()) -> None:
        self.store = store
        self.run = run
        self.redo = redo
        self.states: dict[str, Literal["hit", "run", "unknown"]] = {}
        self._strict = versions(PACKAGES) if run.settings["environment"] == "strict" else None

    def step(self, name: str, stage: Stage, parameters: Any, inputs: Mapping[str, Known]) -> Known:
        """The artifact if it is known already, else a stand-in for it."""
        known = {k: v for k, v in inputs.items() if isinstance(v, Artifact)}
        if len(known) < len(inputs):
            self.states[name] = "unknown"
            return Unknown()
        key = action_key(step_action(stage, parameters, known, self._strict))
        redo = redo_matches(self.redo, stage.name, name)
        artifact = None if redo else find(self.store, self.run.pins, name, key)
        self.states[name] = "hit" if artifact else "run"
        return artifact or Unknown()


def step_action(stage: Stage, parameters: Any, inputs: Mapping[str, Artifact], strict: dict[str, str] | None) -> dict[str, Any]:
    """What is hashed into a step's key: stage, version, semantic parameters, input digests; `strict` adds versions."""
    action = stage.action(parameters, {k: v.semantic for k, v in inputs.items()})
    return action if strict is None else {**action, "environment": strict}


def find(store: Store, pins: Mapping[str, Pin], name: str, key: str) -> Artifact | None:
    """The artifact of a key: the one this run pinned for the step if it is still there, else any realisation."""
    pin = pins.get(name)
    if pin is not None and pin.key == key and (artifact := store.lookup(key, pin.artifact)):
        return artifact
    return store.lookup(key)


def redo_matches(redo: tuple[str, ...], stage: str, step: str) -> bool:
    """Whether `--redo STAGE` or `--redo STAGE:t` names this step."""
    t = step.rpartition(":")[2] if ":" in step else None
    return any(r == stage or (t is not None and r == f"{stage}:{t}") for r in redo)
