"""Which tracker is meant: by `--track`, or by the shell."""

from __future__ import annotations

import os
from importlib.util import find_spec

from sirev.errors import BadInput
from sirev.extras import install_command
from sirev.suggest import suggest
from sirev.trackers.dispatch import TRACKERS, TrackerTarget

TRACK = "SIREV_TRACK"
"""The variable that names the tracker, where `--track` does not."""
_PROJECT = "sirev"
_LONGEST = 128
"""Characters of a project's name."""


def tracker_target(track: str | None) -> TrackerTarget | None:
    """The tracker and project that are named, by `--track` or SIREV_TRACK; None where none is.

    BadInput for a tracker that sirev does not know, or whose package is not installed.
    """
    given, what = (track, "--track") if track else (os.environ.get(TRACK), TRACK)
    if not given:
        return None
    name, colon, project = given.partition(":")
    if name not in TRACKERS:
        raise BadInput(f"{what} {given}: unknown tracker {name!r}{suggest(name, list(TRACKERS))}")
    kind = TRACKERS[name]
    if not colon:
        project = os.environ.get(kind.project or "") or _PROJECT
    if not project.strip() or not project.isprintable() or len(project) > _LONGEST:
        raise BadInput(f"{what} {given!r}: expected {name}:PROJECT, with a project of 1 to {_LONGEST} characters")
    if lacking := [module for module in kind.modules if find_spec(module) is None]:
        raise BadInput(f"{what} {given}: the package {lacking[0]} is not installed; install it with: {install_command(name)}")
    return TrackerTarget(name, project)
