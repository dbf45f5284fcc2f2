"""The names of null runs, in which no method is at work; they stand in the place of a method's."""

from __future__ import annotations

NULL = "null-"
"""How such a name begins."""
RESAMPLE, RETRAIN = f"{NULL}resample", f"{NULL}retrain"
GOLD = f"{NULL}gold-"
"""Before the name of the method whose training it stands for."""


def is_null(method: str) -> bool:
    """Whether a run of this name is a null run."""
    return method.startswith(NULL)


def nulls_of(method: str) -> tuple[str, ...]:
    """The null runs that a method is held against."""
    return (RESAMPLE, RETRAIN, f"{GOLD}{method}")
