"""Running of checks: each with a timeout and its own child processes; a failure does not stop the others."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from sirev.errors import SirevError
from sirev.execution.measured_rates import MeasuredRate
from sirev.execution.model_sizes import Shape
from sirev.processes.resident import ChildFailed, Resident

CheckStatus = Literal["ok", "failed", "skipped"]


@dataclass
class Notes:
    """Observations of a check, faults among them, or why it was skipped."""

    found: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    skipped: str = ""
    rates: list[MeasuredRate] = field(default_factory=list)

    def expect(self, holds: bool, otherwise: str) -> None:
        """Note the fault `otherwise` unless `holds`."""
        if not holds:
            self.wrong.append(otherwise)


class Bench:
    """Resources of checks: a device, a folder, a model's shape, and child processes, one at a time."""

    def __init__(self, device: str, folder: Path, shape: Shape, threads: int, logs: Path | None = None) -> None:
        self.device = device
        """ "cuda" or "cpu"."""
        self.folder = folder
        self.shape = shape
        """The shape of the user's model, at which rates are measured."""
        self.logs = logs or folder
        """The folder of the children's logs."""
        self._threads = threads
        self._children: dict[str, Resident] = {}
        self._ends: list[Callable[[], None]] = []
        self._late = False
        self._lock = threading.Lock()

    @property
    def on_gpu(self) -> bool:
        """Whether the checked device is a GPU."""
        return self.device == "cuda"

    @property
    def patience(self) -> int:
        """Factor on the timeouts of checks: on a busy CPU any check may take minutes."""
        return 1 if self.on_gpu else 20

    @property
    def dtype(self) -> str:
        """The dtype of large models on this device."""
        return "bfloat16" if self.on_gpu else "float32"

    def child(self, name: str) -> Resident:
        """The child process of this name; all others are stopped, which frees their memory on the device."""
        with self._lock:
            if self._late:
                raise SirevError("it took too long")
            for other in [other for other in self._children if other != name]:
                self._children.pop(other).stop()
            if name not in self._children:
                self._children[name] = Resident(name, self.logs / f"{name}.log", self._threads)
            return self._children[name]

    def also_ends(self, end: Callable[[], None]) -> None:
        """Register `end`, which stops other work of the check, for the case that the check takes too long."""
        with self._lock:
            if not self._late:
                self._ends.append(end)
                return
        end()

    def clear(self) -> None:
        """Kill all children; the next check starts new ones."""
        self._end(late=False)

    def ring(self) -> None:
        """End the current check, which takes too long."""
        self._end(late=True)

    def _end(self, *, late: bool) -> None:
        with self._lock:
            self._late = late
            children, self._children = list(self._children.values()), {}
            ends, self._ends = self._ends, []
        for child in children:
            child.kill()
        for end in ends:
            end()

    @property
    def late(self) -> bool:
        """Whether the current check has timed out."""
        return self._late


@dataclass(frozen=True)
class Check:
    """A check, its timeout in seconds, and the checks that must succeed before it."""

    name: str
    look: Callable[[Bench], Notes]
    seconds: int
    after: tuple[str, ...] = ()


@dataclass(frozen=True)
class CheckResult:
    """Result of a check, on one line."""

    name: str
    status: CheckStatus
    told: str
    seconds: float
    rates: tuple[MeasuredRate, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {**vars(self), "seconds": round(self.seconds, 1), "rates": [vars(rate) for rate in self.rates]}


def run_checks(checks: Iterable[Check], bench: Bench) -> Iterator[CheckResult]:
    """Run checks in turn, and yield each result as soon as it is known."""
    well: set[str] = set()
    for check in checks:
        lacking = " and ".join(name for name in check.after if name not in well)
        result = CheckResult(check.name, "skipped", f"it needs {lacking}", 0.0) if lacking else _run(check, bench)
        if result.status == "ok":
            well.add(check.name)
        yield result
    bench.clear()


def _run(check: Check, bench: Bench) -> CheckResult:
    began = time.monotonic()
    seconds = check.seconds * bench.patience
    alarm = threading.Timer(seconds, bench.ring)
    alarm.daemon = True
    alarm.start()
    try:
        notes = check.look(bench)
    except Exception as error:  # any error of a check: the others still run
        reason = str(error) if isinstance(error, SirevError) else f"{type(error).__name__}: {error}"
        notes = Notes(wrong=[f"{reason} (log: {error.log})" if isinstance(error, ChildFailed) else reason])
    finally:
        alarm.cancel()
    if bench.late:
        notes = Notes(wrong=[f"it took more than {seconds} s"])
    took = time.monotonic() - began
    if notes.wrong:
        bench.clear()  # a GPU error persists in its process
        return CheckResult(check.name, "failed", _line([*notes.wrong, *notes.found]), took, tuple(notes.rates))
    if notes.skipped:
        return CheckResult(check.name, "skipped", _line([notes.skipped]), took)
    return CheckResult(check.name, "ok", _line(notes.found), took, tuple(notes.rates))


def _line(parts: Iterable[str]) -> str:
    return " ".join("; ".join(parts).split())[:600]
