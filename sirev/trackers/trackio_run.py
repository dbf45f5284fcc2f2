"""Runs in trackio: on this machine, or in a Space or on a server set by trackio's environment variables."""

from __future__ import annotations

from pathlib import Path

import trackio
from trackio import context_vars

from sirev.trackers.dispatch import TrackedPoint, TrackedRun


class TrackioRun:
    """A run in trackio, which identifies runs by name."""

    def __init__(self, project: str, run: TrackedRun) -> None:
        self._project = project
        self._run = run
        self._config = dict(run.config)
        self._opened = self._open()

    def log(self, points: list[TrackedPoint]) -> None:
        """See `sirev.trackers.dispatch.OpenRun`."""
        for point in points:
            self._opened.log(point.values, step=point.step)

    def add_facts(self, facts: dict[str, str]) -> None:
        """See `OpenRun`. The run is opened again, since trackio takes a configuration only then."""
        self._config |= facts
        self._opened.finish()
        self._opened = self._open()

    def add_page(self, page: Path) -> None:
        """See `OpenRun`."""
        self._opened.log_artifact(page, name=f"page-{self._run.id}", type="report")

    def finish(self) -> None:
        """See `OpenRun`."""
        self._opened.finish()

    def _open(self) -> trackio.Run:
        context_vars.current_run.set(None)  # else trackio ends the run opened before
        return trackio.init(
            project=self._project,
            name=f"{self._run.name}-{self._run.id[:8]}",
            group=self._run.group,
            config=self._config,
            resume="allow",
            embed=False,
            auto_log_gpu=False,
            auto_log_cpu=False,
        )
