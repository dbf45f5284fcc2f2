"""Presentation of a family of metrics in reports, as plain data that `sirev.reporting` renders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

LARGEST_K = "*"
"""In a path, stands for the largest number that any model has there. A header with "{}" shows that number."""


@dataclass(frozen=True)
class Column:
    """A column of a table: one statistic of each M_t."""

    header: str
    path: tuple[str, ...]
    """The statistic's path in an iteration of a comparison."""
    form: Literal["percent", "number"] = "percent"
    places: int = 1


@dataclass(frozen=True)
class Remark:
    """A note for each model whose share is above 0; "{}" in it is the share in %."""

    path: tuple[str, ...]
    sentence: str


@dataclass(frozen=True)
class ShownTable:
    """A table with a row per model, then its remarks and notes."""

    title: str
    columns: tuple[Column, ...]
    notes: tuple[str, ...] = ()
    remarks: tuple[Remark, ...] = ()


@dataclass(frozen=True)
class Panel:
    """A plot of a statistic over t, with a line per method."""

    axis: str
    path: tuple[str, ...]
    share: bool = True
    """Whether the statistic is a share, drawn in %."""


@dataclass(frozen=True)
class Figure:
    """Panels side by side; `sentence` begins the description of the first one, for readers who can't see it."""

    name: str
    title: str
    panels: tuple[Panel, ...]
    sentence: str


@dataclass(frozen=True)
class Variety:
    """A share of distinct answers, over all, right and wrong ones: a column in tables of diversity, a row in its figure."""

    header: str
    axis: str
    path: tuple[str, ...]
    """The statistic's path in a group of answers."""
    matched: bool = True
    """Whether it is also measured at equal numbers of answers."""


@dataclass(frozen=True)
class Shown:
    """A family in reports: its `section`, which lists its `fields` of an iteration and shows its tables."""

    section: str
    fields: tuple[str, ...] = ()
    tables: tuple[ShownTable, ...] = ()
    figures: tuple[Figure, ...] = ()
    varieties: tuple[Variety, ...] = ()
    units: Mapping[str, str] = field(default_factory=dict)
    """Part of a statistic's name -> its unit, where that is not a share."""
