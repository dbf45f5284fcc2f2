"""Progress of `sirev iterate`: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from sirev.cli.bars import Bars, say_if_read
from sirev.cli.units import time_left
from sirev.execution.listener import Listener, State
from sirev.listing import count_text
from sirev.printing import console, text_column, visible
from sirev.stages import STAGES
from sirev.store.runs import Run, step_title
from sirev.study.step_names import COMPARISON, stage_of

if TYPE_CHECKING:
    from sirev.execution.outlook import Outlook

_EARLY = 0.05  # share of a step before which the time left is not estimated
WHOLE = "all"
"""The row for all runs together."""


class Progress(Bars, Listener):
    """A listener that shows the progress of one invocation's runs; use a new one per call."""

    transient = False
    refreshed = 5
    expanded = True

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._began = time.monotonic()
        self._hits: defaultdict[str, list[str | None]] = defaultdict(list)
        """Run -> the work of its steps that were found; None of a step that nobody expected."""
        self._computed: Counter[str] = Counter()
        self._made: set[str] = set()
        """Work that was done here."""
        self._since: dict[tuple[str, str], float] = {}
        self._first: dict[tuple[str, str], tuple[float, int]] = {}
        self._rows: dict[str, list[str | None]] = {}
        """Run -> the step of each of its rows, or None for a free row; steps that are computed in parallel have separate rows."""
        self._notes: dict[str, None] = {}
        self._warned: set[str] = set()
        self._outlook: Outlook | None = None

    def begin(self, outlook: Outlook) -> None:
        """See `sirev.execution.listener.Listener`."""
        with self._lock:
            self._outlook = outlook
            runs = count_text(len(outlook.runs), "run")
            left = outlook.seconds_left(time.monotonic())
            about = "" if left is None else f", {time_left(left)}"
            total, hits = outlook.total, outlook.hits
            say_if_read(f"{runs}, {total:,} steps: {hits:,} cached, {total - hits:,} to go{about}")

    def step(self, run: Run, name: str, state: State) -> None:
        """See `sirev.execution.listener.Listener`."""
        with self._lock:
            self._count(run, name, state)
            if state == "hit":
                self._refresh(run, name, "cached")
                return
            words = {"start": "running", "done": "done"}[state]
            if self.on_terminal:
                self._refresh(run, name, words, begin=True)
            elif name == COMPARISON and state == "done":
                self._line(run, "finished", self._counts([run.id], "{computed} steps computed, {cached} cached{shared}"))
            elif stage_of(name) == "pretrain" or (_is_long(name) and state != "start"):
                self._line(run, step_title(name), words, self._since.get((run.id, name)))
            if state == "done" and not self.on_terminal:
                self._whole_line()

    def wait(self, run: Run, name: str, words: str) -> None:
        """See `sirev.execution.listener.Listener`."""
        with self._lock:
            if self.on_terminal:
                self._refresh(run, name, words, begin=True)
            elif "another run" not in words:  # runs of one invocation always wait for shared steps
                self._line(run, step_title(name), words)

    def asking(self, text: str) -> None:
        """See `sirev.execution.listener.Listener`."""
        say_if_read(f"sirev: {text} ...")

    def progress(self, run: Run, name: str, done: int, total: int, unit: str, rate: float | None) -> None:
        """See `sirev.execution.listener.Listener`."""
        with self._lock:
            now = time.monotonic()
            if self._outlook is not None:
                self._outlook.progress(run.id, name, done, total, now)
            # Work that was done before is an earlier attempt's.
            began, before = self._first.setdefault((run.id, name), (now, done))
            # An early estimate would be far too high: an engine that batches has finished next to nothing.
            early = done - before < _EARLY * (total - before)
            left = "" if early else f", {time_left((now - began) * (total - done) / max(done - before, 1))}"
            words = f"{done:,} of {total:,} {unit}"
            if self.shown:
                self._show(run, name, total=total, completed=done, state=words + left)
                self._update_whole(now)
                return
            if self.due(_said(run, step_title(name)), self._since.get((run.id, name), now), now):
                speed = f", {rate:,.0f} {unit if stage_of(name) == 'grade' else 'tokens'}/s" if rate else ""
                self._line(run, step_title(name), f"{words}{speed}{left}")
                self._whole_line()

    def note(self, run: Run, text: str) -> None:
        """See `sirev.execution.listener.Listener`."""
        with self._lock:
            self._notes[f"{_title(run)}: {text}"] = None

    def warn(self, run: Run, text: str) -> None:
        """See `sirev.execution.listener.Listener`. Shown once per invocation, for any number of steps and runs."""
        with self._lock:
            if text in self._warned:
                return
            self._warned.add(text)
            with self.aside():
                _banner(text)

    def summary(self) -> None:
        """Print the numbers of cached, computed and shared steps, and the notes about the runs."""
        seconds = time.monotonic() - self._began
        counts = self._counts({*self._hits, *self._computed}, "{cached} steps cached, {computed} computed{shared}")
        say_if_read(f"{counts}, {seconds:.1f} s")
        self.say_notes()

    def say_notes(self) -> None:
        """Print the notes about the runs, each once."""
        for note in self._notes:
            say_if_read(f"note: {note}")

    def columns(self) -> Sequence[Any]:
        """See `Bars`."""
        from rich.progress import BarColumn, ProgressColumn, Task
        from rich.table import Column
        from rich.text import Text

        class Share(BarColumn):
            """A bar if the total is known; else an empty cell, not a full bar."""

            def render(self, task: Task) -> Any:
                return super().render(task) if task.total else Text("")

        class State(ProgressColumn):
            """A run's state, with its seconds if there is no other progress."""

            def render(self, task: Task) -> Text:
                state = str(task.fields["state"])
                return Text(f"{state}, {task.elapsed or 0:.0f} s" if state == "running" else visible(state))

        # Columns of fixed width: names of steps change, and bars must not jump.
        return (
            text_column("{task.description}", "bold", no_wrap=None),
            text_column("{task.fields[step]}", width=20, overflow="ellipsis"),
            Share(bar_width=10, table_column=Column(width=10)),
            State(table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1)),
        )

    def _counts(self, runs: Collection[str], form: str) -> str:
        """The steps of some runs in words: computed, found as another run had just computed them, or cached before."""
        hits = [work for run in runs for work in self._hits[run]]
        shared = sum(work in self._made for work in hits)
        words = f", {shared} shared with another run" if shared else ""
        return form.format(computed=sum(self._computed[run] for run in runs), cached=len(hits) - shared, shared=words)

    def _count(self, run: Run, name: str, state: State) -> None:
        now = time.monotonic()
        work = self._outlook.runs.get(run.id, {}).get(name) if self._outlook is not None else None
        if state == "start":
            self._since[run.id, name] = now
        elif state == "hit":
            self._hits[run.id].append(work)
        else:
            self._computed[run.id] += 1
            self._made |= {work} if work is not None else set()
        if self._outlook is None:
            return
        if state == "start":
            self._outlook.start(run.id, name, now)
        else:
            self._outlook.finish(run.id, name, now, computed=state == "done")
            if name == COMPARISON:
                self._outlook.end(run.id)

    def _line(self, run: Run, name: str, words: str, since: float | None = None) -> None:
        now = time.monotonic()
        took = f" in {now - since:.1f} s" if words == "done" and since is not None else ""
        self.line(_said(run, name), f"{_title(run)}  {name}  {words}{took}", now)

    def _whole_line(self) -> None:
        """Print the progress of all runs, if a line is due."""
        now = time.monotonic()
        if self._outlook is not None and self.due(WHOLE, self._began, now):
            self.line(WHOLE, self._whole(now), now)

    def _whole(self, now: float) -> str:
        assert self._outlook is not None
        left = self._outlook.seconds_left(now)
        about = "" if left is None else f", {time_left(left)}"
        return f"{self._outlook.done:,} of {self._outlook.total:,} steps{about}"

    def _refresh(self, run: Run, name: str, words: str, begin: bool = False) -> None:
        if not self.shown:
            if not begin:
                return
            if self._outlook is not None:
                self.show(WHOLE, step="", state="")
        if name == COMPARISON and words in ("done", "cached"):
            counts = self._counts([run.id], "{computed} computed, {cached} cached{shared}")
            self.show(run.id, description=_title(run), total=1, completed=1, step="finished", state=counts)
        else:
            self._show(run, name, again=words == "running", state=words)
            if words in ("done", "cached"):
                self._free(run, name)
        self._update_whole(time.monotonic())

    def _show(self, run: Run, name: str, *, again: bool = False, **fields: Any) -> None:
        """Show a step in its row, or in the first free row of its run."""
        rows = self._rows.setdefault(run.id, [None])
        if name not in rows:
            if None not in rows:
                rows.append(None)
            rows[rows.index(None)] = name
        place = rows.index(name)
        title = "" if place else _title(run)
        self.show(_row(run, place), again=again, description=title, step=step_title(name), visible=True, **fields)

    def _free(self, run: Run, name: str) -> None:
        """Free a step's row for the next one; only the first row stays visible."""
        place = self._rows[run.id].index(name)
        self._rows[run.id][place] = None
        if place:
            self.show(_row(run, place), visible=False)

    def _update_whole(self, now: float) -> None:
        if self._outlook is not None and self.has(WHOLE):
            steps, _, left = self._whole(now).partition(", ")
            done, total = self._outlook.done, self._outlook.total
            self.show(WHOLE, total=total, completed=done, step=steps, state=left)


def _banner(text: str) -> None:
    from rich import box
    from rich.panel import Panel

    console(stderr=True).print(Panel(visible(text), title="WARNING", style="bold red", box=box.HEAVY, width=100))


def _is_long(step: str) -> bool:
    stage = STAGES.get(stage_of(step))
    return stage is not None and stage.long


def _row(run: Run, place: int) -> str:
    return f"{run.id} {place}" if place else run.id


def _said(run: Run, what: str) -> str:
    """The name of a run's lines about `what`."""
    return f"{run.id} {what}"


def _title(run: Run) -> str:
    return run.recipe if run.settings.get("steps") else f"{run.method} seed {run.seed}"  # imported completions: their name
