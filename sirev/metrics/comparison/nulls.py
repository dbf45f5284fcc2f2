"""Names of null runs, in which no method is at work; they take the place of a method's name."""

from __future__ import annotations

NULL = "null-"
"""Prefix of all such names."""
RESAMPLE, RETRAIN = f"{NULL}resample", f"{NULL}retrain"
GOLD = f"{NULL}gold-"
"""Prefix of the name of the method whose training the run replaces."""


def is_null(method: str) -> bool:
    """Whether a run of this name is a null run."""
    return method.startswith(NULL)


def nulls_of(method: str) -> tuple[str, ...]:
    """The null runs that a method is compared with."""
    return (RESAMPLE, RETRAIN, f"{GOLD}{method}")
