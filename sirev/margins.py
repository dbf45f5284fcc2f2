"""Changes that count as none unless a recipe says otherwise: what recipes, stages and comparisons take for it."""

from __future__ import annotations

MARGIN = 0.03
"""Of shares, as a difference."""
DIVERSITY_MARGIN = 0.1
"""Of diversity, as a share of M_1's."""
NEW_MARGIN = 0.05
"""Of pass@N on the improvement set, below what luck gives: where more is excluded, its problems were within M_1's reach."""
UNSOLVED_SHARE, LEAST_MARGIN = 0.25, 0.01
"""Near the ceiling the margin of pass@N is this share of what M_1 leaves unsolved, but no less than the second number."""


def near_ceiling(margin: float, base: float) -> float:
    """The margin of a share that is `base` for M_1: at most `margin`, less where M_1 leaves little unsolved.

    98.7 -> 96.7 % multiplies the unsolved problems by 2.5, so a margin of 3 points would hide what it is to find.
    """
    return min(margin, max(LEAST_MARGIN, UNSOLVED_SHARE * (1 - base)))
