"""Errors that a user sees: one clear line each, with the exit status of the command line."""

from __future__ import annotations

from pathlib import Path

from sirev.addresses import without_credentials
from sirev.printing import visible


class SirevError(Exception):
    """A failure that is reported to the user in one line."""

    exit_status = 1

    def __str__(self) -> str:
        return visible(without_credentials(super().__str__()), lines=True)  # messages quote paths, data and addresses


class BadInput(SirevError):
    """Unusable input by the user. The message names the place, the value and what is allowed."""

    exit_status = 2


class StageFailed(SirevError):
    """A stage could not produce its artifact; the store is unchanged. `log` is a file with details, or None."""

    def __init__(self, reason: str, log: Path | None = None) -> None:
        super().__init__(with_log(reason, log))
        self.reason, self.log = reason, log


def with_log(reason: str, log: Path | None) -> str:
    """The reason, followed by the path of the log file, if any."""
    return reason if log is None else f"{reason}; log: {log}"
