"""Disparity of accuracy between levels."""

from __future__ import annotations

from typing import Any


def group_disparity(easiest: Any, hardest: Any) -> Any:
    """(accuracy on the easiest level - accuracy on the hardest) / accuracy on the easiest (arXiv 2407.05013).

    Numbers or arrays of numpy; no finite number where the easiest is 0. Always to be shown with both its parts.
    """
    return (easiest - hardest) / easiest


def disparity_change(easiest: Any, hardest: Any, first_easiest: Any, first_hardest: Any) -> Any:
    """The group disparity of a later model less that of the first, from the four accuracies; a loss is positive."""
    return group_disparity(easiest, hardest) - group_disparity(first_easiest, first_hardest)
