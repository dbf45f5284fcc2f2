"""Shared resources of the runs of one invocation: child processes, a scratch folder, the stop flag."""

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
"""Device files of NVIDIA's driver, of Jetson's older and newer drivers, of AMD's driver, and of either under WSL."""
ROLES = {"trainer": "trainer", "engine": "engine", "grader": "clerk", "source": "clerk"}
"""Role that a stage requests -> child that plays it."""
HEAVY = ("trainer", "engine")  # children that hold a model


@cache
def gpu() -> bool:
    """Whether the children use a GPU, judged by the system and the installed torch, which is not imported here.

    Whether torch can use the GPU (the driver may be too old) is checked before any computation, see
    `sirev.processes.torch_gpu`.
    """
    return gpu_device() and not versions(("torch",)).get("torch", "+cpu").endswith("+cpu")


def gpu_device() -> bool:
    """Whether there is a GPU that this process may use, even if the installed torch can't."""
    return _a_device_is_there() and hidden_by() is None


def gpu_is_hidden() -> bool:
    """Whether there is a GPU that the user's environment hides from this process."""
    return _a_device_is_there() and hidden_by() is not None


def _a_device_is_there() -> bool:
    return any(Path(device).exists() for device in GPU_DEVICES)


class Through(Protocol):
    """A shared store that is read through, and the number of artifacts and bytes that were fetched."""

    artifacts: int
    bytes: int

    def fetch(self, key: str, artifact: str | None = None, files: bool = True) -> Artifact | None:
        """The artifact of a key, pulled and checked: any realisation or the given one, with or without its files.

        None if it is not available.
        """
        ...


@dataclass
class Crew:
    """The shared resources of all runs of an invocation.

    For an embedded recipe without a GPU, each of the concurrent runs has one child with one thread for sampling and
    training. Otherwise a child that samples and one that trains are never alive together, because memory, above all a
    GPU's, is certain to be free only when a process ends.
    """

    invocation: str
    embedded: bool = True
    """Whether the model is small enough for concurrent runs, each training and sampling in one child."""
    redone: dict[str, Artifact] = field(default_factory=dict)
    """Key -> new artifact made for `--redo`, for the runs that share the step."""
    through: Through | None = None
    """The shared store to fetch from what this store lacks."""
    shared_first: bool = False
    """Whether an unfinished run prefers results of the shared store to local ones, so that machines that compute parts of one
    run with separate stores continue from the same realisations."""
    pinned: Callable[[Run, str, Pin], None] = lambda run, step, pin: None
    """Called for each step that a run pins."""
    check: Callable[[Run, str], None] = lambda run, step: None
    """Called before a step is computed; raises BadInput if this machine can't compute it or a step that has to follow."""
    opening: Callable[[], None] = lambda: None
    """Called once, before the first step is computed; never in a replay."""
    shared_scratch: Path | None = None
    """Folder of interrupted trainings, if not the temporary folder; see `sirev.execution.scratch`."""
    stopping: threading.Event = field(default_factory=threading.Event)
    turn: threading.Lock = field(default_factory=threading.Lock)
    """Held by the run that looks things up, released while a stage computes. Threads that read small files concurrently slow
    each other down: without it, a replay took half as long again."""

    def __post_init__(self) -> None:
        self._scratch: Scratch | None = None
        self._residents: dict[tuple[str, str], Resident] = {}
        self._held: dict[tuple[str, str], str] = {}
        self._lock = threading.Lock()
        self._opened = False

    def open(self) -> None:
        """Call `opening` at the first call; concurrent calls wait for it."""
        with self._lock:
            if not self._opened:
                self.opening()
                self._opened = True

    @property
    def beside(self) -> bool:
        """Whether a run grades and measures in the background; small runs are concurrent instead."""
        return not self._small

    @property
    def parallel(self) -> int:
        """Number of concurrent runs: one more than the cores, since runs wait for shared steps.

        At most four, because each holds torch and a model in memory.
        """
        return min(4, cores() + 1) if self._small else 1

    @property
    def _small(self) -> bool:
        return self.embedded and not gpu()

    @property
    def scratch(self) -> Path:
        """The invocation's scratch folder, created at first use; StageFailed once the crew is stopping."""
        with self._lock:
            if self._scratch is None:
                if self.stopping.is_set():
                    raise StageFailed("stopped")
                self._scratch = Scratch(self.shared_scratch)
            return self._scratch.path

    def resident(self, role: str, holding: str | None = None, thread: str | None = None) -> Resident:
        """The child for `role` (see `ROLES`) and the run of `thread`, by default the calling one.

        `holding` names what it will load. A child that holds something else is ended first, unless the models are small.
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
        """Start no new work, let trainings save their state and end, and end all other work, without waiting."""
        self.stopping.set()
        for resident in list(self._residents.values()):
            resident.end_work()

    def close(self) -> None:
        """Kill the children with their work, and delete the scratch folder."""
        self.stopping.set()
        for resident in list(self._residents.values()):
            resident.kill()  # before the lock: its holder may wait for one of them
        with self._lock:
            residents, scratch, self._scratch = list(self._residents.values()), self._scratch, None
        for resident in residents:
            resident.kill()
        end_workers()
        if scratch is not None:
            scratch.remove()
