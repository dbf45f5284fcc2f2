"""Labels at line ends, moved apart where they would cover each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Annotation

LABEL_SHIFT = 10
"""Points between a line's end and its label."""
LABEL_GAP = 8.5
"""Least distance between two labels, in points."""


def move_apart(panel: Axes, labels: Sequence[Annotation]) -> None:
    """Shift labels up and down so that neighbours are `LABEL_GAP` points apart, each as near to its point as it can be.

    Groups that touch are merged, set under one another, and centred on the mean of what their members want.
    """
    to_points = 72 / panel.figure.dpi
    low, high = (float(end) * to_points for end in panel.transAxes.transform([(0, 0), (0, 1)])[:, 1])
    for side in ("left", "right"):
        own = [label for label in labels if label.get_horizontalalignment() == ("left" if side == "right" else "right")]
        heights = [float(panel.transData.transform(label.xy)[1]) * to_points for label in own]
        for bottom, members in _groups(sorted(zip(heights, range(len(own)), strict=True)), low, high):
            ends = {i: float(panel.transData.transform(own[i].xy)[0]) * to_points for _, i in members}
            x = (max if side == "right" else min)(ends.values())
            for place, (at, i) in enumerate(members):
                own[i].xyann = ((LABEL_SHIFT if side == "right" else -LABEL_SHIFT) + x - ends[i], bottom + place * LABEL_GAP - at)


def _groups(wanted: list[tuple[float, int]], low: float, high: float) -> list[tuple[float, list[tuple[float, int]]]]:
    """Labels that must stand together, from the bottom up, and the height of each group's lowest label."""
    groups: list[tuple[float, list[tuple[float, int]]]] = []
    for one in wanted:
        members = [one]
        bottom = _bottom(members, low, high)
        while groups and groups[-1][0] + len(groups[-1][1]) * LABEL_GAP > bottom:
            members = groups.pop()[1] + members
            bottom = _bottom(members, low, high)
        groups.append((bottom, members))
    return groups


def _bottom(members: list[tuple[float, int]], low: float, high: float) -> float:
    span = (len(members) - 1) * LABEL_GAP
    centred = sum(at for at, _ in members) / len(members) - span / 2
    return max(low, min(centred, high - span))
