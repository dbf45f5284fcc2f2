"""Runs in MLflow: at MLFLOW_TRACKING_URI, by default in the folder `mlruns`."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import Any

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag

from sirev.trackers.dispatch import TRACKERS, TrackedPoint, TrackedRun

_TAG = "sirev.id"
"""The tag that identifies a run."""
_AT_ONCE = {"metrics": 1000, "params": 100, "tags": 100}
"""MLflow's largest batch per kind of entry."""
_LONGEST = 5000
"""Largest number of characters of a value."""
_REFUSED = re.compile(r"[^0-9A-Za-z_\-. :/]")
"""Characters that are not allowed in a name."""


class MlflowRun:
    """A run in MLflow. The project is an experiment; the study and everything that can change are tags."""

    def __init__(self, project: str, run: TrackedRun) -> None:
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")  # its file store does not work without this
        self._client = MlflowClient(TRACKERS["mlflow"].place[0])
        there = self._client.get_experiment_by_name(project)
        experiment = there.experiment_id if there is not None else self._client.create_experiment(project)
        found = self._client.search_runs([experiment], f"tags.`{_TAG}` = '{run.id}'", max_results=1)
        if found:
            opened = found[0]
            self._client.update_run(opened.info.run_id, status="RUNNING")
        else:
            opened = self._client.create_run(experiment, run_name=run.name, tags={_TAG: run.id, "study": run.group})
        self._id = opened.info.run_id
        config = {_name(name): str(value)[:_LONGEST] for name, value in run.config.items()}
        # Existing parameters can't change, and an interruption may have left others out.
        self._add(params=[Param(name, value) for name, value in config.items() if name not in opened.data.params])

    def log(self, points: list[TrackedPoint]) -> None:
        """See `sirev.trackers.dispatch.OpenRun`. Words are tags, since MLflow has no curves of them: the last one stays."""
        now = int(time.time() * 1000)
        self._add(
            metrics=[Metric(_name(name), value, now, point.step) for point in points for name, value in point.numbers.items()],
            tags=[RunTag(_name(name), text) for point in points for name, text in point.words.items()],
        )

    def add_facts(self, facts: dict[str, str]) -> None:
        """See `OpenRun`."""
        self._add(tags=[RunTag(_name(name), text) for name, text in facts.items()])

    def add_page(self, page: Path) -> None:
        """See `OpenRun`."""
        self._client.log_artifact(self._id, str(page))

    def finish(self) -> None:
        """See `OpenRun`."""
        self._client.set_terminated(self._id)

    def _add(self, **entries: list[Any]) -> None:
        for kind, found in entries.items():
            size = _AT_ONCE[kind]
            for start in range(0, len(found), size):
                self._client.log_batch(self._id, **{kind: found[start : start + size]})


def _name(name: str) -> str:
    return _REFUSED.sub("_", name)
