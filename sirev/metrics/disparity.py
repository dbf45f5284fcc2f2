"""Disparity of accuracy between levels."""

from __future__ import annotations

from typing import Any


def group_disparity(easiest: Any, hardest: Any) -> Any:
    """(accuracy on the easiest level - accuracy on the hardest) / accuracy on the easiest (arXiv 2407.05013).

    Takes numbers or numpy arrays; the result is not finite where the easiest is 0. Always show it with both accuracies.
    """
    return (easiest - hardest) / easiest


def disparity_change(easiest: Any, hardest: Any, first_easiest: Any, first_hardest: Any) -> Any:
    """The group disparity of a later model minus that of the first, from the four accuracies; a loss is positive."""
    return group_disparity(easiest, hardest) - group_disparity(first_easiest, first_hardest)
