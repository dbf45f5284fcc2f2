"""What `sirev iterate` shows while it runs: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections import Counter
from types import TracebackType
from typing import Any

from sirev.store.runs import Run
from sirev.study.runner import State

PLAIN_SECONDS = 15.0  # between two lines about the same long step where there is no terminal
EARLY = 0.05  # share of a step before which no time left is guessed
LONG = ("pretrain", "train", "sample")
"""Stages that get a line of their own where there is no terminal; the others take no time."""


class Progress:
    """Listens to the runs of one invocation. Rich is loaded only once there is something to wait for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._began = time.monotonic()
        self._hits: Counter[str] = Counter()
        self._computed: Counter[str] = Counter()
        self._since: dict[tuple[str, str], float] = {}
        self._said: dict[str, float] = {}
        self._first: dict[tuple[str, str], tuple[float, int]] = {}
        self._notes: list[str] = []
        self._warned: set[str] = set()
        self._bars: Any = None
        self._tasks: dict[str, Any] = {}

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._bars is not None:
            self._bars.stop()

    def step(self, run: Run, name: str, state: State) -> None:
        """See `sirev.study.runner.Listener`."""
        with self._lock:
            if state == "hit":
                self._hits[run.id] += 1
                self._refresh(run, name, "hit")
                return
            if state == "start":
                self._since[run.id, name] = time.monotonic()
            elif state == "done":
                self._computed[run.id] += 1
            words = {"start": "running", "done": "done"}[state]
            if sys.stderr.isatty():
                self._refresh(run, name, words, begin=True)
            elif name == "compare" and state == "done":
                self._line(run, "finished", f"{self._computed[run.id]} steps computed, {self._hits[run.id]} found in the store")
            elif name.startswith("pretrain") or (name.startswith(LONG) and state != "start"):
                self._line(run, name, words)

    def wait(self, run: Run, name: str, words: str) -> None:
        """See `sirev.study.runner.Listener`."""
        with self._lock:
            if sys.stderr.isatty():
                self._refresh(run, name, words, begin=True)
            else:
                self._line(run, name, words)

    def progress(self, run: Run, name: str, done: int, total: int, unit: str, rate: float | None) -> None:
        """See `sirev.study.runner.Listener`."""
        with self._lock:
            speed = f", {rate:,.0f} {unit if name.startswith('grade') else 'tokens'}/s" if rate else ""
            words = f"{done:,} of {total:,} {unit}{speed}"
            if self._bars is not None:
                task = self._tasks[run.id]
                self._bars.update(task, total=total, completed=done, step=name, state=words)
                return
            now = time.monotonic()
            # What was done before counts for nothing: an earlier attempt did it.
            self._first.setdefault((run.id, name), (now, done))
            if now - max(self._said.get(run.id, 0.0), self._since.get((run.id, name), now)) >= PLAIN_SECONDS:
                began, before = self._first[run.id, name]
                # At the very beginning the guess would frighten: an engine that batches has finished next to nothing.
                early = done - before < EARLY * (total - before)
                left = (now - began) * (total - done) / max(done - before, 1)
                self._line(run, name, words if early else f"{words}, {left:.0f} s left")

    def note(self, run: Run, text: str) -> None:
        """See `sirev.study.runner.Listener`."""
        with self._lock:
            self._notes.append(f"{_title(run)}: {text}")

    def warn(self, run: Run, text: str) -> None:
        """See `sirev.study.runner.Listener`. Once an invocation, however many steps and runs it concerns."""
        with self._lock:
            if text in self._warned:
                return
            self._warned.add(text)
            if self._bars is not None:
                self._bars.stop()
            _banner(text)
            if self._bars is not None:
                self._bars.start()

    def summary(self) -> None:
        """How many steps were found and computed, and what there is to know about the runs."""
        computed, hits = sum(self._computed.values()), sum(self._hits.values())
        seconds = time.monotonic() - self._began
        _say(f"{hits} steps found in the store, {computed} computed, {seconds:.1f} s")
        for note in self._notes:
            _say(f"note: {note}")

    def _line(self, run: Run, name: str, words: str) -> None:
        now = time.monotonic()
        self._said[run.id] = now
        took = f" in {now - self._since.get((run.id, name), now):.1f} s" if words == "done" else ""
        _say(f"{_title(run)}  {name}  {words}{took}")

    def _refresh(self, run: Run, name: str, words: str, begin: bool = False) -> None:
        if self._bars is None:
            if not begin:
                return
            self._bars = _bars()
            self._bars.start()
        if run.id not in self._tasks:
            self._tasks[run.id] = self._bars.add_task(_title(run), total=None, step="", state="", counts="")
        task = self._tasks[run.id]
        counts = f"{self._hits[run.id]} hit, {self._computed[run.id]} run"
        if words == "running":
            self._bars.reset(task, total=None)
        if name == "compare" and words in ("done", "hit"):
            self._bars.update(task, total=1, completed=1, step="finished", state="", counts=counts)
        else:
            self._bars.update(task, step=name, state=words, counts=counts)


def _say(line: str) -> None:
    with contextlib.suppress(OSError):  # nobody reads it any more: no reason to stop
        print(line, file=sys.stderr, flush=True)


def _banner(text: str) -> None:
    from rich import box
    from rich.console import Console
    from rich.panel import Panel

    Console(stderr=True).print(Panel(text, title="WARNING", style="bold red", box=box.HEAVY, width=100))


def _bars() -> Any:
    from rich.console import Console
    from rich.progress import BarColumn, ProgressColumn, Task, TextColumn
    from rich.progress import Progress as Bars
    from rich.text import Text

    class Clock(ProgressColumn):
        """How long the present step has taken, and how long it will take yet where that is known."""

        def render(self, task: Task) -> Text:
            if task.finished:
                return Text("")
            left = f", {task.time_remaining:.0f} s left" if task.time_remaining is not None else ""
            return Text(f"{task.elapsed or 0:.0f} s{left}")

    return Bars(
        TextColumn("[bold]{task.description}"),
        TextColumn("{task.fields[step]}"),
        BarColumn(bar_width=20),
        Clock(),
        TextColumn("{task.fields[state]}"),
        TextColumn("[dim]{task.fields[counts]}"),
        console=Console(stderr=True),
        refresh_per_second=5,
    )


def _title(run: Run) -> str:
    return run.recipe if run.settings.get("steps") else f"{run.method} seed {run.seed}"  # of completions made elsewhere: its name
