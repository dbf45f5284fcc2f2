"""What changed between two models on the same problems, and what one of them could do already."""

from __future__ import annotations

from collections.abc import Mapping

Right = Mapping[str, bool]
"""Problem id -> whether the greedy answer is right."""


def improvement_set(first: Right, later: Right) -> list[str]:
    """IS(t): problems that M_t gets right and M_1 got wrong, both greedy (arXiv 2407.05013, section 4.1)."""
    return sorted(x for x in first if later[x] and not first[x])


def lost_set(first: Right, later: Right) -> list[str]:
    """LS(t), its mirror: problems that M_1 got right and M_t gets wrong."""
    return sorted(x for x in first if first[x] and not later[x])


def group_disparity(easiest: float, hardest: float) -> float | None:
    """(accuracy on the easiest level - accuracy on the hardest) / accuracy on the easiest (arXiv 2407.05013).

    None where the easiest is 0. Always to be shown with both its parts.
    """
    return (easiest - hardest) / easiest if easiest else None
