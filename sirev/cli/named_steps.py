"""Steps with names from the command line."""

from __future__ import annotations

from sirev.errors import BadInput


def named_step(option: str, given: str, what: str) -> tuple[str, str]:
    """The step and the value of STEP=VALUE; BadInput if either is missing."""
    step, equals, value = given.partition("=")
    if not (step and equals and value):
        raise BadInput(f"{option} {given}: expected STEP={what}")
    return step, value
