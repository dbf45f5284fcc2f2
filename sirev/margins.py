"""Changes that count as none unless a recipe says otherwise: what recipes, stages and comparisons take for it."""

from __future__ import annotations

MARGIN = 0.03
"""Of shares, as a difference."""
DIVERSITY_MARGIN = 0.1
"""Of diversity, as a share of M_1's."""
NEW_MARGIN = 0.05
"""Of pass@N on the improvement set, below what luck gives: where more is excluded, its problems were within M_1's reach."""
