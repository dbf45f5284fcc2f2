"""Progress of new comparisons of runs: a bar, or plain lines without a terminal."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from sirev.cli.bars import Bars, say_if_read
from sirev.cli.units import time_left
from sirev.listing import count_text
from sirev.printing import text_column

_MODELS = "models"


class Comparing(Bars):
    """A `sirev.study.comparing.Watch` that shows progress on stderr."""

    def __init__(self) -> None:
        super().__init__()
        self._began = 0.0

    def __call__(self, runs: int, done: int, models: int) -> None:
        """See `sirev.study.comparing.Watch`."""
        now = time.monotonic()
        if done == 0:
            self.remove()
            self._began = now
            say_if_read(f"sirev: comparing {count_text(runs, 'run')} (the store has no such comparison yet) ...")
            if self.on_terminal:
                self.show(_MODELS, total=models)
        elif self.shown:
            self.show(_MODELS, completed=done)
        elif self.due(_MODELS, self._began, now):
            left = time_left((now - self._began) * (models - done) / done)
            self.line(_MODELS, f"sirev: {done} of {models} models compared, {left}", now)

    def columns(self) -> Sequence[Any]:
        """See `Bars`."""
        from rich.progress import BarColumn, MofNCompleteColumn, TimeRemainingColumn

        return BarColumn(bar_width=30), MofNCompleteColumn(), text_column("models"), TimeRemainingColumn()
