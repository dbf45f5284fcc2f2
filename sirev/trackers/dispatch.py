"""The one door to trackers, for a child process: what is sent to which. Importing this imports none of them."""

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
    """A tracker that sirev knows; its extra is called as the tracker is."""

    modules: tuple[str, ...]
    """What the packages are imported as that it needs."""
    opens: str
    """The class of its runs, an `OpenRun` of a project and a `TrackedRun`."""
    passes: tuple[str, ...]
    """How the names of the variables begin that its process gets of the shell."""
    places: tuple[str, ...]
    """The variables that say where its runs are kept."""
    local: str
    """The one of `places` that names a file or folder, if it does."""
    project: str | None = None
    """The variable by which its users name a project."""
    folder: str | None = None
    """Where its runs are kept if `local` does not say; None for a place of the tracker's own."""
    local_if: tuple[str, tuple[str, ...]] | None = None
    """A variable, and its values with which `local` says where runs are kept; None if it always does."""
    holds_files: bool = True
    delivers_late: bool = False
    """Whether values are with it for certain only once their run is ended."""

    @property
    def place(self) -> list[str]:
        """Where its runs are kept, as its variables say; a folder's path is absolute."""
        found = {name: os.environ.get(name, "") for name in self.places}
        switch, values = self.local_if or ("", ("",))
        here = os.environ.get(switch, "") in values
        found[self.local] = _absolute(found[self.local] or self.folder or "") if here else ""
        return [*found.values()]


_RELATIVE = re.compile(r"(file:|sqlite:///|(?![a-z][a-z0-9+-]*:))([^/].*)")
"""A relative path: alone, or in a URI."""
_DATABRICKS = ("databricks", "databricks-uc", "uc")
"""MLflow's words for servers, which look like relative paths."""


def _absolute(place: str) -> str:
    """A place as it is called in every folder."""
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
    """Where runs are tracked: a name of `TRACKERS`, and a project of it."""

    tracker: str
    project: str

    @property
    def kind(self) -> TrackerKind:
        """The tracker."""
        return TRACKERS[self.tracker]

    def __str__(self) -> str:
        return f"{self.tracker}:{self.project}"


@dataclass(frozen=True)
class TrackedRun:
    """A run as a tracker has it. `id` is equal wherever the same run of the same store is tracked, and of letters and digits."""

    id: str
    name: str
    group: str
    config: dict[str, Any]


@dataclass(frozen=True)
class TrackedPoint:
    """Values at one step of an `axis`, numbers or words."""

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
    """What is to be added to a tracked run. `facts` add to its configuration."""

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
    """The end of all runs that are open."""


class OpenRun(Protocol):
    """A tracked run that is written to, one call at a time."""

    def log(self, points: list[TrackedPoint]) -> None:
        """Add values; they are with the tracker when it returns, unless that `delivers_late`."""
        ...

    def add_facts(self, facts: dict[str, str]) -> None:
        """Add to the configuration what became known only now."""
        ...

    def add_page(self, page: Path) -> None:
        """Keep a page, where the tracker holds files."""
        ...

    def finish(self) -> None:
        """End the run, and return once all that was added is with the tracker."""
        ...


_open: dict[str, OpenRun] = {}
"""The runs that are open in this process, by their ids."""


def add_to_run(request: Sending, emit: Emit[Progress]) -> None:
    """Add to a tracked run."""
    run = _opened(request.target, request.run)
    if request.facts:
        run.add_facts(request.facts)
    if request.points:
        run.log(request.points)


def add_page_to_run(request: PageSending, emit: Emit[Progress]) -> str | None:
    """Add its page to a tracked run, and return what kept it from that: a run without a page is as good as any."""
    try:
        _opened(request.target, request.run).add_page(request.page)
    except Exception as error:  # the tracker's, its server's or its disk's
        return in_one_line(error)
    return None


def _opened(target: TrackerTarget, run: TrackedRun) -> OpenRun:
    """A tracked run; opened, or taken up again, with its first addition."""
    if run.id not in _open:
        _open[run.id] = _class_of(target)(target.project, run)
    return _open[run.id]


def _class_of(target: TrackerTarget) -> Callable[[str, TrackedRun], OpenRun]:
    module, _, name = target.kind.opens.partition(":")
    found: Callable[[str, TrackedRun], OpenRun] = getattr(importlib.import_module(module), name)
    return found


def finish_runs(request: Finish, emit: Emit[Progress]) -> None:
    """End all open runs, and only then raise what one of them raised."""
    with contextlib.ExitStack() as ends:
        while _open:
            ends.callback(_open.popitem()[1].finish)
