"""Steps under the names that a user gives them on the command line."""

from __future__ import annotations

from sirev.errors import BadInput


def named_step(option: str, given: str, what: str) -> tuple[str, str]:
    """The step of STEP=WHAT and what was given for it; BadInput where either is missing."""
    step, equals, value = given.partition("=")
    if not (step and equals and value):
        raise BadInput(f"{option} {given}: expected STEP={what}")
    return step, value
