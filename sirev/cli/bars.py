"""Progress on stderr: bars on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import contextlib
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, Self

from sirev.printing import console, say


class Bars(ABC):
    """Bars by name, and lines about the same names. Rich is loaded with the first bar."""

    transient = True
    """Whether the bars leave nothing behind."""
    refreshed: float = 10
    """Drawings a second."""
    expanded = False
    """Whether they take the whole width."""
    lines_every = 15.0
    """Seconds between two lines about the same."""

    def __init__(self) -> None:
        self._shown: Any = None
        self._tasks: dict[str, Any] = {}
        self._said: dict[str, float] = {}

    @abstractmethod
    def columns(self) -> Sequence[Any]:
        """The columns, of rich's."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.remove()

    @property
    def on_terminal(self) -> bool:
        """Whether there is a terminal to draw on."""
        return sys.stderr.isatty()

    @property
    def shown(self) -> bool:
        """Whether a bar is there."""
        return self._shown is not None

    def show(self, name: str, *, again: bool = False, **fields: Any) -> None:
        """Draw a bar, or change it: its `total`, `completed`, `description` and fields of its own. `again`: it starts anew."""
        if self._shown is None:
            from rich.progress import Progress

            self._shown = Progress(
                *self.columns(),
                console=console(stderr=True),
                transient=self.transient,
                refresh_per_second=self.refreshed,
                expand=self.expanded,
            )
            self._shown.start()
        if name not in self._tasks:
            self._tasks[name] = self._shown.add_task(**{"description": name, "total": None, **fields})
        elif again:
            self._shown.reset(self._tasks[name], **fields)
        else:
            self._shown.update(self._tasks[name], **fields)

    def has(self, name: str) -> bool:
        """Whether there is a bar of this name."""
        return name in self._tasks

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """Take the bars off the screen while something else is written there."""
        if self._shown is not None:
            self._shown.live.transient = True  # else rich would leave them above what is written
            self._shown.stop()
            self._shown.live.transient = self.transient
        yield
        if self._shown is not None:
            self._shown.start()

    def line(self, name: str, text: str, now: float) -> None:
        """Write a line about something."""
        self._said[name] = now
        say_if_read(text)

    def due(self, name: str, since: float, now: float) -> bool:
        """Whether the last line about something, or its beginning, is so long ago that another is due."""
        return now - max(self._said.get(name, since), since) >= self.lines_every

    def remove(self) -> None:
        """End the bars."""
        if self._shown is not None:
            with contextlib.suppress(OSError):  # the terminal is gone, which is no reason to end otherwise
                self._shown.stop()
        self._shown, self._tasks = None, {}


def say_if_read(text: str) -> None:
    """Say something on stderr; that nobody reads it any more is no reason to stop."""
    with contextlib.suppress(OSError):
        say(text)
