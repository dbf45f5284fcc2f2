"""A pool of workers, each with at most one program at a time."""

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
    "MALLOC_ARENA_MAX": "2",  # else each thread takes 64 MB of addresses, all of which count towards the limit of memory
    **dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
}
"""The whole environment of a worker: nothing of the user's is in it, above all no token."""

START = 60.0
"""Seconds that a worker on a loaded machine may take to start, or to answer beyond a program's own limit."""


class NoWorker(Exception):
    """A worker did not start; the message gives the reason in one line."""


class TooLong(Exception):
    """A program exceeds the longest message."""


class Lost(Exception):
    """A worker ended, or sent an invalid message, while running a program."""


class Worker:
    """The harness's side of a worker. Raises NoWorker if this tier can't be entered here."""

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
            start_new_session=True,  # Ctrl-C must reach the grading process alone; the worker ends with its pipe
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
        """Send a program. Raises Lost if the worker is gone, TooLong if the program exceeds the longest message."""
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
        """The worker's report on its program, and the program's output as bytes. Raises Lost."""
        try:
            reply, output, stderr = (wire.receive_message(self.output) for _ in range(3))
            if reply is None or output is None or stderr is None or not isinstance(found := wire.parsed(reply), dict):
                raise Lost
        except (OSError, wire.Garbled):
            raise Lost from None
        return {**found, "stderr": stderr.decode(errors="replace")[:KEPT_STDERR]}, output

    def end(self) -> None:
        """End the worker at once, with all that it runs."""
        self._process.kill()  # its children end with it: by the parent-death signal, or with its namespace
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


def run(programs: Iterable[Program], limits: Limits, *, workers: int, tier: Tier) -> Iterator[tuple[int, Outcome]]:
    """(index, outcome) of each program, in order of completion; `workers` run at a time, in this tier.

    Programs are taken from the iterable as workers become free, so it may be longer than memory. Raises NoWorker where the tier
    can't be entered. Every process is gone when the iterator is exhausted, closed or broken off, and when this process is killed.
    """
    with Pool(tier, limits, workers) as pool:
        yield from pool.run(programs)


@dataclass
class Pool:
    """Up to `workers` workers of one tier, started as needed and ended with the `with` block."""

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
        for worker in self._all:  # also one that was neither idle nor busy when an interruption came
            worker.end()
        self._selector.close()

    @property
    def root_kept(self) -> bool:
        """Whether the workers still run as root, without root's rights; known after the first start."""
        return any(worker.hello.get("root_kept") for worker in self._all)

    def run(self, programs: Iterable[Program]) -> Iterator[tuple[int, Outcome]]:
        """(index, outcome) of each program, in order of completion.

        A program that ran out of wall-clock time, or whose worker died, runs once more, with no other program of this pool beside
        it; that outcome counts.
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
                # Start the next one first: the last one's report is read while it runs.
                self._fill(coming, self.workers)
                result = _read(program, self.limits, nonce, found)
                if result is None or self._ended_by_the_clock(result):
                    again.append((index, program))
                else:
                    yield index, result
        for index, program in again:
            yield index, self._alone(index, program)

    def _ended_by_the_clock(self, result: Outcome) -> bool:
        # Also one with enough CPU time for a "cpu timeout": beside others it may have been too slow for the clock alone.
        return result.ended in ("wall timeout", "cpu timeout") and result.wall >= self.limits.wall

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
        """A worker that has taken the program. One that died while idle is replaced."""
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
        """Workers with output, or killed for being past their deadline; may be empty just before the first deadline."""
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
        """A worker's report and its program's output; None if the worker was lost, which also removes it from the pool."""
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
