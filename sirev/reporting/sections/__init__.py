"""The sections of a report: which numbers of a comparison each shows, and how."""

from __future__ import annotations

from collections.abc import Callable

from sirev.reporting.sections.accuracy import accuracy, coverage
from sirev.reporting.sections.diversity import diversity, ood
from sirev.reporting.sections.nulls import nulls
from sirev.reporting.sections.pass_n import pass_n
from sirev.reporting.sections.run_rows import Study
from sirev.reporting.sections.training import training
from sirev.reporting.sections.verdicts import verdicts
from sirev.reporting.tables import TextTable

SECTIONS: dict[str, tuple[Callable[[list[Study]], list[TextTable]], tuple[str, ...]]] = {
    "verdict": (verdicts, ("against_m1",)),
    "null": (nulls, ("against_m1", "improvement_set", "lost_set")),
    "accuracy": (
        accuracy,
        (
            "pass_at_1",
            "levels",
            "greedy",
            "mean_accuracy",
            "majority",
            "entropy",
            "tokens",
            "truncated",
            "unanswered",
            "in_process",
        ),
    ),
    "pass-n": (pass_n, ("pass_at_n", "improvement_set", "lost_set", "reach", "crossing", "temperatures")),
    "diversity": (diversity, ("diversity", "split")),
    "ood": (ood, ("ood",)),
    "coverage": (coverage, ("coverage",)),
    "training": (training, ("training",)),
}
"""Section -> (its tables, its fields of an iteration in the JSON)."""
ON_REQUEST = ("training",)
"""Sections that a report shows only when they, or all, are asked for."""
ALL = "all"
"""In the place of a section: every one of them."""
