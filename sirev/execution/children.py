"""Shared by the runs of one invocation: child processes, a scratch folder, the stop flag."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Protocol

from sirev.errors import StageFailed
from sirev.execution.scratch import Scratch
from sirev.processes.resident import Resident
from sirev.processes.spawning import cores, hidden_by
from sirev.processes.workers import end_workers
from sirev.store.artifacts import Artifact
from sirev.store.provenance import versions
from sirev.store.runs import Pin, Run

GPU_DEVICES = ("/dev/nvidiactl", "/dev/nvhost-gpu", "/dev/nvgpu/igpu0", "/dev/kfd", "/dev/dxg")
"""The device files of NVIDIA's driver, of Jetson's older and newer one, of AMD's, and of either under WSL."""
ROLES = {"trainer": "trainer", "engine": "engine", "grader": "clerk", "source": "clerk"}
"""What a stage asks for -> the child that does it."""
HEAVY = ("trainer", "engine")  # those that hold a model


@cache
def gpu() -> bool:
    """Whether the children are to work on a GPU; asked of the system, because torch is not imported here.

    Whether torch can use it (its driver may be too old) is asked before anything is computed (`sirev.processes.torch_gpu`).
    """
    return gpu_device() and not versions(("torch",)).get("torch", "+cpu").endswith("+cpu")


def gpu_device() -> bool:
    """Whether there is a GPU that this process may use, with or without a torch that can."""
    return _a_device_is_there() and hidden_by() is None


def gpu_is_hidden() -> bool:
    """Whether there is a GPU that this process may not use, since the user's shell says so."""
    return _a_device_is_there() and hidden_by() is not None


def _a_device_is_there() -> bool:
    return any(Path(device).exists() for device in GPU_DEVICES)


class Through(Protocol):
    """A shared store, read through: how many artifacts came of it, and how many bytes."""

    artifacts: int
    bytes: int

    def fetch(self, key: str, artifact: str | None = None, files: bool = True) -> Artifact | None:
        """The artifact of a key, of any realisation or of the one named, pulled and checked, its files too or not yet.

        None if it can't be had.
        """
        ...


@dataclass
class Crew:
    """One for all runs of an invocation.

    For an embedded recipe without a GPU each of the runs that go on side by side has one child of one thread for
    everything. Otherwise a child that samples and one that trains are never alive together: memory, a GPU's above all,
    is free for certain only when a process ends.
    """

    invocation: str
    embedded: bool = True
    """Whether the model is small enough for runs to go on side by side, each training and sampling in one child."""
    redone: dict[str, Artifact] = field(default_factory=dict)
    """Key -> what `--redo` made of it, for the runs that share the step."""
    through: Through | None = None
    """The shared store that is asked for what this one lacks."""
    shared_first: bool = False
    """Whether a run that has not ended takes what the shared store has before what is here: machines that compute parts of one
    run, each with a store of its own, then go on from the same realisations."""
    pinned: Callable[[Run, str, Pin], None] = lambda run, step, pin: None
    """Told of each step that a run stands on."""
    check: Callable[[Run, str], None] = lambda run, step: None
    """Asked before a step of a run is computed; raises BadInput if this machine can't, or can't what has to follow it."""
    opening: Callable[[], None] = lambda: None
    """Called once, before the first step is computed; a replay never calls it."""
    shared_scratch: Path | None = None
    """Where interrupted trainings are kept, if not in the temporary folder; see `sirev.execution.scratch`."""
    stopping: threading.Event = field(default_factory=threading.Event)
    turn: threading.Lock = field(default_factory=threading.Lock)
    """Held by the one run that is looking things up, let go while a stage computes: threads that read small files side
    by side get in each other's way, and a replay took half as long again."""

    def __post_init__(self) -> None:
        self._scratch: Scratch | None = None
        self._residents: dict[tuple[str, str], Resident] = {}
        self._held: dict[tuple[str, str], str] = {}
        self._lock = threading.Lock()
        self._opened = False

    def open(self) -> None:
        """Call `opening`, unless that was done; whoever comes meanwhile waits."""
        with self._lock:
            if not self._opened:
                self.opening()
                self._opened = True

    @property
    def beside(self) -> bool:
        """Whether a run grades and measures beside its sampling and training; small ones go on side by side instead."""
        return not self._small

    @property
    def parallel(self) -> int:
        """How many runs go on side by side: one more than there are cores, since runs wait for what they share.

        At most four, because each holds torch and a model in memory.
        """
        return min(4, cores() + 1) if self._small else 1

    @property
    def _small(self) -> bool:
        return self.embedded and not gpu()

    @property
    def scratch(self) -> Path:
        """The invocation's scratch folder, made when something is computed; StageFailed once the crew is closed."""
        with self._lock:
            if self._scratch is None:
                if self.stopping.is_set():
                    raise StageFailed("stopped")
                self._scratch = Scratch(self.shared_scratch)
            return self._scratch.path

    def resident(self, role: str, holding: str | None = None, thread: str | None = None) -> Resident:
        """The child that plays `role` (see `ROLES`) for the run of a thread, the calling one unless it is named.

        `holding` names what it will load. A child that holds something else is ended first, unless all is small.
        """
        thread = thread or threading.current_thread().name
        scratch = self.scratch
        part = ROLES[role]
        small = self._small
        wanted = (thread, "worker" if small and part in HEAVY else part)
        with self._lock:
            if self.stopping.is_set():
                raise StageFailed("stopped")
            for (owner, other), resident in self._residents.items():
                if not small and owner == thread and {part, other} == set(HEAVY):
                    resident.stop()
            if not small and holding is not None and self._held.get(wanted, holding) != holding:
                self._residents[wanted].stop()
            if holding is not None:
                self._held[wanted] = holding
            if wanted not in self._residents:
                log = scratch / f"{'-'.join(wanted)}.log"
                threads = 1 if small else cores()
                self._residents[wanted] = Resident(wanted[1], log, threads)
            return self._residents[wanted]

    def end_work(self) -> None:
        """Begin nothing new, have trainings under way save their state and end, and end all other work; this does not wait."""
        self.stopping.set()
        for resident in list(self._residents.values()):
            resident.end_work()

    def close(self) -> None:
        """End the children, and with them whatever they were doing; remove the scratch folder."""
        self.stopping.set()
        for resident in list(self._residents.values()):
            resident.kill()  # before the lock: whoever holds it may wait for one of them
        with self._lock:
            residents, scratch, self._scratch = list(self._residents.values()), self._scratch, None
        for resident in residents:
            resident.kill()
        end_workers()
        if scratch is not None:
            scratch.remove()
