"""Runs as event files for TensorBoard: PROJECT/STUDY/RUN below TENSORBOARD_LOGGING_DIR, by default below `runs`."""

from __future__ import annotations

import json
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

from sirev.trackers.dispatch import TRACKERS, TrackedPoint, TrackedRun


class TensorboardRun:
    """A folder of event files, one per time that the run was opened."""

    def __init__(self, project: str, run: TrackedRun) -> None:
        below = Path(TRACKERS["tensorboard"].place[0])
        self._writer = SummaryWriter(str(below / project / run.group / f"{run.name}-{run.id[:8]}"))
        self._add_config("config", json.dumps(run.config, indent=2))

    def log(self, points: list[TrackedPoint]) -> None:
        """See `sirev.trackers.dispatch.OpenRun`."""
        for point in points:
            for name, value in point.numbers.items():
                self._writer.add_scalar(name, value, point.step)
            for name, text in point.words.items():
                self._writer.add_text(name, text, point.step)
        self._writer.flush()

    def add_facts(self, facts: dict[str, str]) -> None:
        """See `OpenRun`."""
        for name, text in facts.items():
            self._add_config(f"config/{name}", text)

    def add_page(self, page: Path) -> None:
        """See `OpenRun`. Does nothing, since TensorBoard holds no files."""

    def finish(self) -> None:
        """See `OpenRun`."""
        self._writer.close()

    def _add_config(self, name: str, text: str) -> None:
        self._writer.add_text(name, "".join(f"    {line}\n" for line in text.splitlines()))  # a code block in Markdown
