"""Choice of the tracker, by `--track` or an environment variable."""

from __future__ import annotations

import os
from importlib.util import find_spec

from sirev.errors import BadInput
from sirev.extras import install_command
from sirev.suggest import suggest
from sirev.trackers.dispatch import TRACKERS, TrackerTarget

TRACK = "SIREV_TRACK"
"""Environment variable for the tracker, if `--track` is not given."""
_PROJECT = "sirev"
_LONGEST = 128
"""Largest number of characters of a project's name."""


def tracker_target(track: str | None) -> TrackerTarget | None:
    """The tracker and project of `--track` or SIREV_TRACK; None without either.

    BadInput for an unknown tracker, an invalid project, or a package that is not installed.
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
