"""The state of a run as people ask for it: done, being computed by a living process, or left unfinished, and why."""

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
"""Characters of a failure's reason that are kept."""


class States:
    """Says of each run of a store what state it is in, from its file and from the leases of living processes.

    A run's file says "running" until the run ends, so that a run that nobody computes any more failed, if its file says why,
    or was interrupted. On a file system without locks nobody knows who is alive: such a run counts as running.
    """

    def __init__(self, store: Store) -> None:
        self._living: Collection[str] | None = living(store.path)

    @property
    def certain(self) -> bool:
        """Whether it can be told which runs are being computed."""
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
    """Note in the run's file why its computation failed; an interruption, which stops the whole crew, is no failure.

    A run that has no file yet gets none: what failed at its first step leaves the store as it was.
    """
    try:
        yield
    except Exception as error:
        if not crew.stopping.is_set():
            with contextlib.suppress(OSError, SirevError):  # the disk may be full, which is why the run failed
                _note(store, run.id, error)
        raise


def _note(store: Store, run_id: str, error: Exception) -> None:
    there = store.runs.get(run_id)
    if there is not None and there.status == "running":
        store.runs.save(replace(there, reason=_reason(run_id, error)))


def _reason(run_id: str, error: Exception) -> str:
    """One line that says what failed, without the run's id."""
    if isinstance(error, OSError):
        said = os_reason(error)
    else:
        said = str(error) if isinstance(error, SirevError) else f"{type(error).__name__}: {error}"
    line = next(iter(said.strip().splitlines()), type(error).__name__).removeprefix(f"{run_id}: ")
    return line if len(line) <= LONGEST_REASON else f"{line[: LONGEST_REASON - 1]}…"
