"""Presentation of a family of metrics in reports, as plain data that `sirev.reporting` draws."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

LARGEST_K = "*"
"""In a path, in the place of a number as text: the largest that any model has. A header says it where it has "{}"."""


@dataclass(frozen=True)
class Column:
    """A column of a table: a statistic of each M_t."""

    header: str
    path: tuple[str, ...]
    """Where an iteration of a comparison has it."""
    form: Literal["percent", "number"] = "percent"
    places: int = 1


@dataclass(frozen=True)
class Remark:
    """A note about each model that has more than none of a share; "{}" in it is the share in %."""

    path: tuple[str, ...]
    sentence: str


@dataclass(frozen=True)
class ShownTable:
    """A table with a row per model; remarks and notes go below it."""

    title: str
    columns: tuple[Column, ...]
    notes: tuple[str, ...] = ()
    remarks: tuple[Remark, ...] = ()


@dataclass(frozen=True)
class Panel:
    """A statistic over t, a line per method."""

    axis: str
    path: tuple[str, ...]
    share: bool = True
    """Shares are drawn in %."""


@dataclass(frozen=True)
class Figure:
    """Panels side by side; `sentence` says what they show of the first, for those who can't see it."""

    name: str
    title: str
    panels: tuple[Panel, ...]
    sentence: str


@dataclass(frozen=True)
class Variety:
    """A share of different answers, over all, right and wrong ones: a column of the tables of diversity, a row of its figure."""

    header: str
    axis: str
    path: tuple[str, ...]
    """Where a group of answers has it."""
    matched: bool = True
    """Whether it is measured at equal numbers of answers too."""


@dataclass(frozen=True)
class Shown:
    """A family in reports: `fields` of an iteration belong to the section, and its tables are there."""

    section: str
    fields: tuple[str, ...] = ()
    tables: tuple[ShownTable, ...] = ()
    figures: tuple[Figure, ...] = ()
    varieties: tuple[Variety, ...] = ()
    units: Mapping[str, str] = field(default_factory=dict)
    """Part of a statistic's name -> its unit, where that is not a share."""
