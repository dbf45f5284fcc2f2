"""Runs in Weights & Biases, set up by its variables: WANDB_MODE=offline keeps runs in a folder, WANDB_ENTITY names a team."""

from __future__ import annotations

import os
from pathlib import Path

import wandb

from sirev.trackers.dispatch import TrackedPoint, TrackedRun


class WandbRun:
    """A run in wandb. Steps of wandb can only increase, so each value is logged along with its axis."""

    def __init__(self, project: str, run: TrackedRun) -> None:
        self._id = run.id
        self._defined: set[str] = set()
        self._opened = wandb.init(
            project=project,
            id=run.id,
            name=run.name,
            group=run.group,
            config=run.config,
            resume="allow",
            reinit="create_new",
            settings=wandb.Settings(
                console="off",
                x_disable_stats=True,
                host=os.environ.get("WANDB_HOST", ""),  # wandb would send this machine's
                x_disable_meta=True,  # likewise user, folders and command
                x_disable_machine_info=True,
                disable_git=True,
                disable_code=True,
            ),
        )

    def log(self, points: list[TrackedPoint]) -> None:
        """See `sirev.trackers.dispatch.OpenRun`."""
        for point in points:
            for name in point.values.keys() - self._defined:
                self._opened.define_metric(name, step_metric=point.axis)
            self._defined |= point.values.keys()
            self._opened.log({**point.values, point.axis: point.step})

    def add_facts(self, facts: dict[str, str]) -> None:
        """See `OpenRun`."""
        self._opened.config.update(facts, allow_val_change=True)

    def add_page(self, page: Path) -> None:
        """See `OpenRun`."""
        artifact = wandb.Artifact(f"page-{self._id}", type="report")
        artifact.add_file(str(page))
        self._opened.log_artifact(artifact)

    def finish(self) -> None:
        """See `OpenRun`."""
        self._opened.finish()
