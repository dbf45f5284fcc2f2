"""States of runs: complete, running in a living process, or unfinished, with the reason."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Literal

from sirev.errors import SirevError
from sirev.execution.children import Crew
from sirev.execution.runner import os_reason
from sirev.store.leases import living
from sirev.store.runs import Run
from sirev.store.store import Store

RunState = Literal["complete", "stopped", "running", "interrupted", "failed"]
LONGEST_REASON = 500
"""Longest reason of a failure that is kept, in characters."""


class States:
    """The states of a store's runs, from their files and from the leases of living processes.

    The file of a run says "running" until the run ends. Without a living process, such a run has failed if its file has a
    reason, else it was interrupted. On a file system without locks, living processes are unknown: without a reason, the run
    counts as running.
    """

    def __init__(self, store: Store) -> None:
        self._living: Collection[str] | None = living(store.path)

    @property
    def certain(self) -> bool:
        """Whether living processes are known. If not, interrupted runs count as running."""
        return self._living is not None

    def of(self, run: Run) -> RunState:
        """The run's state."""
        if run.status != "running":
            return run.status
        if self._living is not None and run.id in self._living:
            return "running"
        if run.reason:
            return "failed"
        return "running" if self._living is None else "interrupted"


@contextlib.contextmanager
def failure_noted(store: Store, run: Run, crew: Crew) -> Iterator[None]:
    """Note the reason of a failure in the run's file. An interruption, which stops the whole crew, is not a failure.

    A run without a file gets none: a failure at its first step leaves the store unchanged.
    """
    try:
        yield
    except Exception as error:
        if not crew.stopping.is_set():
            with contextlib.suppress(OSError, SirevError):  # a full disk may be why the run failed
                _note(store, run.id, error)
        raise


def _note(store: Store, run_id: str, error: Exception) -> None:
    there = store.runs.get(run_id)
    if there is not None and there.status == "running":
        store.runs.save(replace(there, reason=_reason(run_id, error)))


def _reason(run_id: str, error: Exception) -> str:
    """The failure in one line, without the run's id."""
    if isinstance(error, OSError):
        said = os_reason(error)
    else:
        said = str(error) if isinstance(error, SirevError) else f"{type(error).__name__}: {error}"
    line = next(iter(said.strip().splitlines()), type(error).__name__).removeprefix(f"{run_id}: ")
    return line if len(line) <= LONGEST_REASON else f"{line[: LONGEST_REASON - 1]}…"
