"""The sections of a report: their tables, and their fields of a comparison."""

from __future__ import annotations

from collections.abc import Callable

from sirev.metrics.families import SHOWN
from sirev.reporting.sections.accuracy import accuracy, coverage
from sirev.reporting.sections.diversity import diversity
from sirev.reporting.sections.drift import drift_tables, support_table
from sirev.reporting.sections.nulls import nulls
from sirev.reporting.sections.ood import ood
from sirev.reporting.sections.pass_n import pass_n
from sirev.reporting.sections.run_rows import Study, runs_of
from sirev.reporting.sections.shown_families import family_tables
from sirev.reporting.sections.training import training
from sirev.reporting.sections.verdicts import verdicts
from sirev.reporting.tables import TextTable

Tables = Callable[[list[Study]], list[TextTable]]


def _with_families(name: str, own: Tables, fields: tuple[str, ...]) -> tuple[Tables, tuple[str, ...]]:
    """A section with its own tables and fields, followed by those of the families of metrics."""
    more = tuple(field for shown in SHOWN if shown.section == name for field in shown.fields)
    return lambda studies: [*own(studies), *family_tables(name, runs_of(studies))], (*fields, *more)


_OWN: dict[str, tuple[Tables, tuple[str, ...]]] = {
    "verdict": (verdicts, ("against_m1",)),
    "null": (nulls, ("against_m1", "improvement_set", "lost_set")),
    "accuracy": (accuracy, ()),
    "pass-n": (
        lambda studies: [*pass_n(studies), *support_table(studies)],
        ("pass_at_n", "improvement_set", "lost_set", "reach", "crossing", "support", "temperatures"),
    ),
    "diversity": (diversity, ()),
    "ood": (ood, ("ood",)),
    "coverage": (lambda studies: [*coverage(studies), *drift_tables(studies)], ("coverage", "drift")),
    "training": (training, ("training",)),
}
SECTIONS = {name: _with_families(name, *own) for name, own in _OWN.items()}
"""Section -> (function for its tables, its fields of an iteration in the JSON form)."""
ON_REQUEST = ("training",)
"""Sections that a report shows only if they, or all, are requested."""
ALL = "all"
"""The name that stands for all sections."""
