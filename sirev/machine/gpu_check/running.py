"""The running of checks: each with an alarm, in children of its own; one that fails keeps no other from running."""

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
    """What a check saw, what of it is not as it should be, or why there was nothing to see."""

    found: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    skipped: str = ""
    rates: list[MeasuredRate] = field(default_factory=list)

    def expect(self, holds: bool, otherwise: str) -> None:
        """Note what is wrong unless something holds."""
        if not holds:
            self.wrong.append(otherwise)


class Bench:
    """What checks work with: a device, a folder, a model's shape, and children of which one at a time is alive."""

    def __init__(self, device: str, folder: Path, shape: Shape, threads: int, logs: Path | None = None) -> None:
        self.device = device
        """ "cuda" or "cpu"."""
        self.folder = folder
        self.shape = shape
        """Of the models that the user is to train and sample: what is measured is measured at it."""
        self.logs = logs or folder
        """The folder of what children say."""
        self._threads = threads
        self._children: dict[str, Resident] = {}
        self._ends: list[Callable[[], None]] = []
        self._late = False
        self._lock = threading.Lock()

    @property
    def on_gpu(self) -> bool:
        """Whether the checks are of a GPU."""
        return self.device == "cuda"

    @property
    def patience(self) -> int:
        """How many times a check's seconds it may take: a CPU that others work on as well may need minutes for any."""
        return 1 if self.on_gpu else 20

    @property
    def dtype(self) -> str:
        """What recipes of large models compute with on such a device."""
        return "bfloat16" if self.on_gpu else "float32"

    def child(self, name: str) -> Resident:
        """The child of this name; all others end, and with them what they hold of the device's memory."""
        with self._lock:
            if self._late:
                raise SirevError("it took too long")
            for other in [other for other in self._children if other != name]:
                self._children.pop(other).stop()
            if name not in self._children:
                self._children[name] = Resident(name, self.logs / f"{name}.log", self._threads)
            return self._children[name]

    def also_ends(self, end: Callable[[], None]) -> None:
        """Have `end` called where a check takes too long, which ends what the check has started by itself."""
        with self._lock:
            if not self._late:
                self._ends.append(end)
                return
        end()

    def clear(self) -> None:
        """End all children: the next check begins with new ones."""
        self._end(late=False)

    def ring(self) -> None:
        """End whatever the present check is doing: it takes too long."""
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
        """Whether the alarm rang."""
        return self._late


@dataclass(frozen=True)
class Check:
    """A check, how long it may take, and the checks without whose success it makes no sense."""

    name: str
    look: Callable[[Bench], Notes]
    seconds: int
    after: tuple[str, ...] = ()


@dataclass(frozen=True)
class CheckResult:
    """How a check went, in one line."""

    name: str
    status: CheckStatus
    told: str
    seconds: float
    rates: tuple[MeasuredRate, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The JSON form."""
        return {**vars(self), "seconds": round(self.seconds, 1), "rates": [vars(rate) for rate in self.rates]}


def run_checks(checks: Iterable[Check], bench: Bench) -> Iterator[CheckResult]:
    """Run checks one after the other, and say of each how it went as soon as it ends."""
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
    except Exception as error:  # of a check, whatever it is: the others go on
        reason = str(error) if isinstance(error, SirevError) else f"{type(error).__name__}: {error}"
        notes = Notes(wrong=[f"{reason} (log: {error.log})" if isinstance(error, ChildFailed) else reason])
    finally:
        alarm.cancel()
    if bench.late:
        notes = Notes(wrong=[f"it took more than {seconds} s"])
    took = time.monotonic() - began
    if notes.wrong:
        bench.clear()  # a GPU's error stays with the process that had it
        return CheckResult(check.name, "failed", _line([*notes.wrong, *notes.found]), took, tuple(notes.rates))
    if notes.skipped:
        return CheckResult(check.name, "skipped", _line([notes.skipped]), took)
    return CheckResult(check.name, "ok", _line(notes.found), took, tuple(notes.rates))


def _line(parts: Iterable[str]) -> str:
    return " ".join("; ".join(parts).split())[:600]
