"""Progress on stderr: bars on a terminal, occasional lines elsewhere."""

from __future__ import annotations

import contextlib
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, Self

from sirev.printing import console, say


class Bars(ABC):
    """Named bars, and lines under the same names. Rich is imported with the first bar."""

    transient = True
    """Whether the bars disappear at the end."""
    refreshed: float = 10
    """Refreshes per second."""
    expanded = False
    """Whether the bars take the whole width."""
    lines_every = 15.0
    """Seconds between two lines under the same name."""

    def __init__(self) -> None:
        self._shown: Any = None
        self._tasks: dict[str, Any] = {}
        self._said: dict[str, float] = {}

    @abstractmethod
    def columns(self) -> Sequence[Any]:
        """The rich columns of the bars."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.remove()

    @property
    def on_terminal(self) -> bool:
        """Whether stderr is a terminal."""
        return sys.stderr.isatty()

    @property
    def shown(self) -> bool:
        """Whether any bar has been drawn."""
        return self._shown is not None

    def show(self, name: str, *, again: bool = False, **fields: Any) -> None:
        """Draw or update a bar: its `total`, `completed`, `description` and custom fields. `again` restarts it."""
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
        """Whether there is a bar with this name."""
        return name in self._tasks

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """A context in which the bars are off the screen, for other output."""
        if self._shown is not None:
            self._shown.live.transient = True  # else rich would leave them above the other output
            self._shown.stop()
            self._shown.live.transient = self.transient
        yield
        if self._shown is not None:
            self._shown.start()

    def line(self, name: str, text: str, now: float) -> None:
        """Write a line under a name, at the time `now`."""
        self._said[name] = now
        say_if_read(text)

    def due(self, name: str, since: float, now: float) -> bool:
        """Whether `lines_every` seconds have passed since the name's last line, or since its beginning `since`."""
        return now - max(self._said.get(name, since), since) >= self.lines_every

    def remove(self) -> None:
        """End the bars."""
        if self._shown is not None:
            with contextlib.suppress(OSError):  # the terminal may be gone
                self._shown.stop()
        self._shown, self._tasks = None, {}


def say_if_read(text: str) -> None:
    """Print a line to stderr, and ignore errors, such as a closed terminal."""
    with contextlib.suppress(OSError):
        say(text)
