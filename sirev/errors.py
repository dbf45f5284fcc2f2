"""The errors a user sees, each one clear line, with the exit status the command line gives it."""

from __future__ import annotations

from pathlib import Path

from sirev.addresses import without_credentials
from sirev.printing import visible


class SirevError(Exception):
    """Something failed that the user should read about in one line."""

    exit_status = 1

    def __str__(self) -> str:
        return visible(without_credentials(super().__str__()), lines=True)  # it quotes paths, data, addresses


class BadInput(SirevError):
    """The user's input can't be used: the message names the place, the value and what is allowed."""

    exit_status = 2


class StageFailed(SirevError):
    """A stage could not produce its artifact; the store is as it was before. `log` is a file that says more, or None."""

    def __init__(self, reason: str, log: Path | None = None) -> None:
        super().__init__(with_log(reason, log))
        self.reason, self.log = reason, log


def with_log(reason: str, log: Path | None) -> str:
    """A reason, and the file that says more."""
    return reason if log is None else f"{reason}; log: {log}"
