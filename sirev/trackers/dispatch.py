"""Dispatch to trackers, for a child process. Importing this module imports none of them."""

from __future__ import annotations

import contextlib
import importlib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from sirev.processes.child import in_one_line
from sirev.processes.requests import Emit, Progress


@dataclass(frozen=True)
class TrackerKind:
    """A kind of tracker; sirev's extra for it has the tracker's name."""

    modules: tuple[str, ...]
    """Modules that it needs."""
    opens: str
    """The class of its runs, "module:name": an `OpenRun` whose constructor takes a project and a `TrackedRun`."""
    passes: tuple[str, ...]
    """Prefixes of environment variables that are passed to its process."""
    places: tuple[str, ...]
    """Environment variables for the place where its runs are kept."""
    local: str
    """The one of `places` that may name a file or folder."""
    project: str | None = None
    """Environment variable for the project."""
    folder: str | None = None
    """Folder of its runs if `local` is not set; None for the tracker's default."""
    local_if: tuple[str, tuple[str, ...]] | None = None
    """An environment variable, and its values for which `local` applies; None if it always does."""
    holds_files: bool = True
    delivers_late: bool = False
    """Whether delivery of values is certain only once their run is ended."""

    @property
    def place(self) -> list[str]:
        """The values of `places`, which say where its runs are kept; a folder's path is absolute."""
        found = {name: os.environ.get(name, "") for name in self.places}
        switch, values = self.local_if or ("", ("",))
        here = os.environ.get(switch, "") in values
        found[self.local] = _absolute(found[self.local] or self.folder or "") if here else ""
        return [*found.values()]


_RELATIVE = re.compile(r"(file:|sqlite:///|(?![a-z][a-z0-9+-]*:))([^/].*)")
"""A relative path: alone, or in a URI."""
_DATABRICKS = ("databricks", "databricks-uc", "uc")
"""MLflow's names of servers, which look like relative paths."""


def _absolute(place: str) -> str:
    """A place with relative paths made absolute."""
    relative = _RELATIVE.fullmatch(place) if place not in _DATABRICKS else None
    return place if relative is None else relative[1] + os.path.abspath(os.path.expanduser(relative[2]))


_CLOUD = ("AWS_", "AZURE_", "GOOGLE_")
TRACKERS = {
    "trackio": TrackerKind(
        ("trackio",),
        "sirev.trackers.trackio_run:TrackioRun",
        ("TRACKIO_",),
        ("TRACKIO_DIR", "TRACKIO_SPACE_ID", "TRACKIO_SERVER_URL"),
        local="TRACKIO_DIR",
        project="TRACKIO_PROJECT",
        delivers_late=True,
    ),
    "wandb": TrackerKind(
        ("wandb",),
        "sirev.trackers.wandb_run:WandbRun",
        ("WANDB_",),
        ("WANDB_BASE_URL", "WANDB_ENTITY", "WANDB_MODE", "WANDB_DIR"),
        local="WANDB_DIR",
        local_if=("WANDB_MODE", ("offline", "dryrun")),
        folder=".",
        project="WANDB_PROJECT",
        delivers_late=True,
    ),
    "tensorboard": TrackerKind(
        ("tensorboard", "torch"),
        "sirev.trackers.tensorboard_run:TensorboardRun",
        ("TENSORBOARD_",),
        ("TENSORBOARD_LOGGING_DIR",),
        local="TENSORBOARD_LOGGING_DIR",
        folder="runs",
        holds_files=False,
    ),
    "mlflow": TrackerKind(
        ("mlflow",),
        "sirev.trackers.mlflow_run:MlflowRun",
        ("MLFLOW_", "DATABRICKS_", *_CLOUD),
        ("MLFLOW_TRACKING_URI",),
        local="MLFLOW_TRACKING_URI",
        project="MLFLOW_EXPERIMENT_NAME",
        folder="mlruns",
    ),
}


@dataclass(frozen=True)
class TrackerTarget:
    """The place of tracked runs: a name in `TRACKERS` and a project."""

    tracker: str
    project: str

    @property
    def kind(self) -> TrackerKind:
        """The kind of tracker."""
        return TRACKERS[self.tracker]

    def __str__(self) -> str:
        return f"{self.tracker}:{self.project}"


@dataclass(frozen=True)
class TrackedRun:
    """A run in a tracker. `id`, of letters and digits, is equal wherever the same run of the same store is tracked."""

    id: str
    name: str
    group: str
    config: dict[str, Any]


@dataclass(frozen=True)
class TrackedPoint:
    """Values, numbers or words, at one step of an `axis`."""

    axis: str
    step: int
    values: dict[str, float | str]

    @property
    def numbers(self) -> dict[str, float]:
        """The values that are numbers."""
        return {name: value for name, value in self.values.items() if not isinstance(value, str)}

    @property
    def words(self) -> dict[str, str]:
        """The values that are words."""
        return {name: value for name, value in self.values.items() if isinstance(value, str)}


@dataclass(frozen=True)
class Sending:
    """Points to add to a tracked run, and `facts` to add to its configuration."""

    target: TrackerTarget
    run: TrackedRun
    points: list[TrackedPoint]
    facts: dict[str, str]


@dataclass(frozen=True)
class PageSending:
    """The page of a tracked run, for a tracker that holds files."""

    target: TrackerTarget
    run: TrackedRun
    page: Path


@dataclass(frozen=True)
class Finish:
    """Request to end all open runs."""


class OpenRun(Protocol):
    """A tracked run open for writing, one call at a time."""

    def log(self, points: list[TrackedPoint]) -> None:
        """Add values; they are delivered when this returns, unless the tracker `delivers_late`."""
        ...

    def add_facts(self, facts: dict[str, str]) -> None:
        """Add facts to the configuration."""
        ...

    def add_page(self, page: Path) -> None:
        """Store a page, if the tracker holds files."""
        ...

    def finish(self) -> None:
        """End the run; returns once everything is delivered."""
        ...


_open: dict[str, OpenRun] = {}
"""The runs open in this process, by id."""


def add_to_run(request: Sending, emit: Emit[Progress]) -> None:
    """Add facts and points to a tracked run."""
    run = _opened(request.target, request.run)
    if request.facts:
        run.add_facts(request.facts)
    if request.points:
        run.log(request.points)


def add_page_to_run(request: PageSending, emit: Emit[Progress]) -> str | None:
    """Add its page to a tracked run; returns the error if that fails, since a run without a page is still useful."""
    try:
        _opened(request.target, request.run).add_page(request.page)
    except Exception as error:  # the tracker's, its server's or its disk's
        return in_one_line(error)
    return None


def _opened(target: TrackerTarget, run: TrackedRun) -> OpenRun:
    """The open run of a tracked run, opened or continued at its first use."""
    if run.id not in _open:
        _open[run.id] = _class_of(target)(target.project, run)
    return _open[run.id]


def _class_of(target: TrackerTarget) -> Callable[[str, TrackedRun], OpenRun]:
    module, _, name = target.kind.opens.partition(":")
    found: Callable[[str, TrackedRun], OpenRun] = getattr(importlib.import_module(module), name)
    return found


def finish_runs(request: Finish, emit: Emit[Progress]) -> None:
    """End all open runs, and only then raise the error of one of them."""
    with contextlib.ExitStack() as ends:
        while _open:
            ends.callback(_open.popitem()[1].finish)
