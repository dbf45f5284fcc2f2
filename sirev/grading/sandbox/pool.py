"""Workers side by side, each with one program in hand at a time."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from sirev.grading.sandbox import wire
from sirev.grading.sandbox.confine import Tier
from sirev.grading.sandbox.programs import KEPT_STDERR, Limits, Outcome, Program
from sirev.grading.sandbox.reading import outcome

WORKER = "sirev.grading.sandbox.worker:main"
_MODULE, _FUNCTION = WORKER.split(":")
BOOT = f"import sys; sys.path.append({str(Path(__file__).parents[3])!r}); import {_MODULE} as w; sys.path.pop(); w.{_FUNCTION}()"
ENVIRONMENT = {
    "PYTHONHASHSEED": "0",  # the order of sets is the same in every run
    "LC_ALL": "C.UTF-8",
    "MALLOC_ARENA_MAX": "2",  # or each thread takes 64 MB of addresses, of which the limit of memory counts every one
    **dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
}
"""All of a worker's environment: nothing of the user's is in it, no token above all."""

START = 60.0
"""Seconds that a worker may take to start, or to answer beyond a program's own limit, on a loaded machine."""


class NoWorker(Exception):
    """A worker did not start; the message says why, in one line."""


class TooLong(Exception):
    """A program is longer than any message."""


class Lost(Exception):
    """A worker ended, or wrote nonsense, with a program in hand."""


class Worker:
    """The harness's side of a worker. Raises NoWorker if it can't take this tier here."""

    def __init__(self, tier: Tier, limits: Limits) -> None:
        self._limits = limits
        told = map(str, (os.getpid(), tier, limits.cpu, limits.memory, limits.wall))
        self._process = subprocess.Popen(
            [sys.executable, "-s", "-P", "-B", "-c", BOOT, *told],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=ENVIRONMENT,
            cwd="/",
            close_fds=True,
            start_new_session=True,  # Ctrl-C is for whoever grades; the worker ends with its pipe
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._to, self.output = self._process.stdin.fileno(), self._process.stdout.fileno()
        self.item: tuple[int, Program, str] | None = None
        """Index, program and nonce of what it has in hand."""
        self.deadline = 0.0
        try:
            self.hello = self._hello()
        except BaseException:
            self.end()
            raise

    def _hello(self) -> dict[str, Any]:
        with selectors.DefaultSelector() as selector:
            selector.register(self.output, selectors.EVENT_READ)
            ready = selector.select(START)
        try:
            message = wire.receive_message(self.output) if ready else None
            hello = wire.parsed(message) if message else None
        except wire.Garbled:
            hello = None
        if not isinstance(hello, dict):
            raise NoWorker("the worker ended before it began" if ready else f"the worker did not start in {START:.0f} s")
        if "refused" in hello:
            raise NoWorker(str(hello["refused"]))
        return hello

    def give(self, index: int, program: Program) -> None:
        """Hand a program over. Raises Lost if the worker is gone, TooLong if the program is too long to be sent."""
        nonce = secrets.token_hex(16)
        request = {
            "parts": program.parts,
            "questions": [(question.kind, question.source, question.wrapped) for question in program.questions],
            "nonce": nonce,
            "prelude": program.prelude,
        }
        content = json.dumps(request).encode()
        if len(content) > wire.LONGEST:
            raise TooLong
        self.item = index, program, nonce
        self.deadline = time.monotonic() + self._limits.wall + START
        try:
            wire.send(self._to, content)
        except OSError:
            raise Lost from None

    def take(self) -> tuple[dict[str, Any], bytes]:
        """What it reports of the program in hand, as it came. Raises Lost."""
        try:
            reply, output, stderr = (wire.receive_message(self.output) for _ in range(3))
            if reply is None or output is None or stderr is None or not isinstance(found := wire.parsed(reply), dict):
                raise Lost
        except (OSError, wire.Garbled):
            raise Lost from None
        return {**found, "stderr": stderr.decode(errors="replace")[:KEPT_STDERR]}, output

    def end(self) -> None:
        """End it at once, and whatever it runs."""
        self._process.kill()  # what it started ends with it: by the parent-death signal, or with its namespace
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


def run(programs: Iterable[Program], limits: Limits, *, workers: int, tier: Tier) -> Iterator[tuple[int, Outcome]]:
    """(index, outcome) of each program, in the order in which they end; `workers` run at a time, in this tier.

    Programs are taken from the iterable as workers become free, so it may be longer than memory. Raises NoWorker where the
    tier can't be had. Every process is gone when the iterator is exhausted, closed or broken off, and when this process is
    killed.
    """
    with Pool(tier, limits, workers) as pool:
        yield from pool.run(programs)


@dataclass
class Pool:
    """So many workers of one tier, started as they are needed and ended with the `with` block."""

    tier: Tier
    limits: Limits
    workers: int

    def __post_init__(self) -> None:
        self._all: set[Worker] = set()
        self._idle: list[Worker] = []
        self._busy: dict[int, Worker] = {}
        self._selector = selectors.DefaultSelector()
        self._unsent: list[int] = []

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for worker in self._all:  # also one that an interruption caught between being idle and being busy
            worker.end()
        self._selector.close()

    @property
    def root_kept(self) -> bool:
        """Whether its workers are root still, though without root's rights; known once one has started."""
        return any(worker.hello.get("root_kept") for worker in self._all)

    def run(self, programs: Iterable[Program]) -> Iterator[tuple[int, Outcome]]:
        """(index, outcome) of each program, as they end.

        What ran out of time by the clock, or was in a worker's hand when that died, runs once more, alone on the
        machine as far as this pool goes, and that outcome counts.
        """
        again: list[tuple[int, Program]] = []
        coming = iter(enumerate(programs))
        self._fill(coming, self.workers)
        while self._busy or self._unsent:
            while self._unsent:
                yield self._unsent.pop(), Outcome("no verdict", "the program is too long", (), "", 0.0, 0.0)
            for worker in self._ready() if self._busy else ():
                item = worker.item
                assert item is not None
                index, program, nonce = item
                found = self._taken(worker)
                # The next one first: while it runs there is time to look at what the last one left.
                self._fill(coming, self.workers)
                result = _read(program, self.limits, nonce, found)
                if result is None or result.ended == "wall timeout":
                    again.append((index, program))
                else:
                    yield index, result
        for index, program in again:
            yield index, self._alone(index, program)

    def _alone(self, index: int, program: Program) -> Outcome:
        self._fill(iter([(index, program)]), 1)
        (worker,) = self._busy.values()
        while not (ready := self._ready()):
            pass
        assert ready == [worker]
        assert worker.item is not None
        nonce = worker.item[2]
        result = _read(program, self.limits, nonce, self._taken(worker))
        return result or Outcome("killed", "with its worker, twice", (), "", 0.0, 0.0)

    def _fill(self, coming: Iterator[tuple[int, Program]], most: int) -> None:
        while len(self._busy) < most and (following := next(coming, None)) is not None:
            try:
                worker = self._handed(*following)
            except TooLong:
                self._unsent.append(following[0])
            else:
                self._busy[worker.output] = worker
                self._selector.register(worker.output, selectors.EVENT_READ)

    def _handed(self, index: int, program: Program) -> Worker:
        """A worker that has taken the program. One that died while it was idle is replaced."""
        for _ in range(3):
            worker = self._idle.pop() if self._idle else Worker(self.tier, self.limits)
            self._all.add(worker)
            try:
                worker.give(index, program)
            except TooLong:
                self._idle.append(worker)
                raise
            except Lost:
                self._end(worker)
            else:
                return worker
        raise NoWorker("workers end before they get a program")

    def _end(self, worker: Worker) -> None:
        worker.end()
        self._all.discard(worker)

    def _ready(self) -> list[Worker]:
        """Workers that have something to say, or are silent for too long; at least one unless a while has passed."""
        first = min(worker.deadline for worker in self._busy.values())
        events = self._selector.select(max(0.0, first - time.monotonic()))
        if events:
            return [self._busy[key.fd] for key, _ in events]
        now = time.monotonic()
        late = [worker for worker in self._busy.values() if worker.deadline <= now]
        for worker in late:
            os.kill(worker._process.pid, signal.SIGKILL)
        return late

    def _taken(self, worker: Worker) -> tuple[dict[str, Any], bytes] | None:
        """What a worker reports; None if it is lost, and then another takes its place."""
        self._selector.unregister(worker.output)
        del self._busy[worker.output]
        try:
            found = worker.take()
        except Lost:
            self._end(worker)
            return None
        self._idle.append(worker)
        return found


def _read(program: Program, limits: Limits, nonce: str, found: tuple[dict[str, Any], bytes] | None) -> Outcome | None:
    if found is None:
        return None
    try:
        return outcome(program, limits, nonce, *found)
    except wire.Garbled:
        return None
