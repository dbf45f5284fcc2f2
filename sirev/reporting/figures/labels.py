"""Placement of labels at line ends without overlaps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Annotation

LABEL_SHIFT = 10
"""Distance between a line's end and its label, in points."""
LABEL_GAP = 8.5
"""Least distance between two labels, in points."""


def move_apart(panel: Axes, labels: Sequence[Annotation]) -> None:
    """Shift labels up and down, so that neighbours are `LABEL_GAP` points apart and as close to their points as possible.

    Groups that touch are merged, stacked, and centred on the mean height of their points, within the panel.
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
    """Groups of labels that touch, from the bottom up: (height of the lowest label, members)."""
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
