"""Default margins: the largest changes that count as none. Recipes, stages and comparisons share them."""

from __future__ import annotations

MARGIN = 0.03
"""Margin of shares, as a difference."""
DIVERSITY_MARGIN = 0.1
"""Margin of diversity, as a share of M_1's."""
NEW_MARGIN = 0.05
"""Margin of pass@N on the improvement set, below luck's: if a larger gap is excluded, its problems were within M_1's reach."""
UNSOLVED_SHARE, LEAST_MARGIN = 0.25, 0.01
"""Near the ceiling the margin of pass@N is this share of the problems that M_1 leaves unsolved, but at least `LEAST_MARGIN`."""


def near_ceiling(margin: float, base: float) -> float:
    """The margin of a share that is `base` for M_1: at most `margin`, less if M_1 leaves few problems unsolved.

    98.7% -> 96.7% multiplies the unsolved problems by 2.5, so a margin of 3 points would hide a real loss.
    """
    return min(margin, max(LEAST_MARGIN, UNSOLVED_SHARE * (1 - base)))
