"""A segment of a sweep as another process computes it, on this machine or on a node of a cluster."""

from __future__ import annotations

import os
import platform
import socket
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self

from sirev import __version__
from sirev.api.pushing import pushing
from sirev.api.sweep import GridSweep
from sirev.errors import BadInput, SirevError
from sirev.execution.failures import failure_line
from sirev.execution.listener import Listener
from sirev.execution.segments import Segment
from sirev.recipe.grid import StudyGrid
from sirev.store.store import Store, default_path


@dataclass(frozen=True)
class SentSweep:
    """A sweep, for a process that knows nothing of it.

    Without `push` all machines need the very same store; with it each has one of its own, `store` None for its default.
    """

    grid: StudyGrid
    store: str | None
    unsafe_code: bool
    remote: str | None
    push: bool
    scratch: Path | None

    @classmethod
    def of(cls, made: GridSweep) -> Self:
        """A sweep as it is sent."""
        store = None if made.push and made.store.path == default_path() else str(made.store.path.absolute())
        remote = made.remote if made.remote is None or "://" in made.remote else os.path.abspath(made.remote)
        return cls(made.grid, store, made.unsafe_code, remote, made.push, made.scratch)

    @property
    def common(self) -> str | None:
        """The place of the store that all machines need to have in common."""
        return self.remote if self.push else self.store

    def received(self) -> GridSweep:
        """The sweep, where it was sent to."""
        return GridSweep(
            self.grid,
            Store(self.store),
            unsafe_code=self.unsafe_code,
            remote=self.remote,
            push=self.push,
            scratch=self.scratch,
        )

    def compute(self, segment: Segment, wanted: MachineFacts) -> None:
        """Compute a segment of it, whose parents are computed, if this machine is as it has to be; BadInput if not.

        With `push` it has not succeeded until the shared store has all its results: there alone others can read them.
        """
        if lacking := machine_facts(self).lacks(wanted, self):
            raise BadInput(f"node {socket.gethostname()} {lacking}")
        made = self.received()
        runs = [made.runs[name].run for name in segment.steps_by_run()]
        found = partial(made.pinned, segment)
        with pushing(made.store, made.remote, made.push, runs, Listener(), found, required=True):
            made.compute(segment)


@dataclass(frozen=True)
class MachineFacts:
    """What a machine has to have in common with the one that begins a sweep."""

    python: str
    sirev: str
    store: str | None
    """The id of the store that results are read from; None where this machine does not see it."""
    trouble: str = ""
    """Why that can't be told, or why the machine can't write there."""

    def lacks(self, wanted: Self, sent: SentSweep) -> str | None:
        """What of a machine with these facts is not as wanted, in words that follow its name; None if nothing."""
        for what, ours, theirs in (("Python", wanted.python, self.python), ("sirev", wanted.sirev, self.sirev)):
            if ours != theirs:
                return f"has {what} {theirs}, the machine that began the sweep {ours}"
        if self.trouble:
            return f"can't use {sent.common}: {self.trouble}"
        if self.store != wanted.store:
            other = "name one that all machines see with --remote" if sent.push else "name a shared folder with --store"
            return f"does not see the store {sent.common}; {other}"
        return None


def own_facts(sent: SentSweep, option: str) -> MachineFacts:
    """The facts of the machine that begins a sweep; BadInput, named after an option, if it can't use the store itself."""
    facts = machine_facts(sent, try_writing=True)
    if why := facts.lacks(facts, sent):
        raise BadInput(f"{option}: this machine {why}")
    return facts


def machine_facts(sent: SentSweep, *, try_writing: bool = False) -> MachineFacts:
    """The facts of this machine; with `try_writing` the shared store of a sweep with `push` is written to."""
    found, trouble = None, ""
    try:
        if sent.push and sent.remote is not None:
            from sirev.store.sharing.remote import Remote  # fsspec; nobody else has a use for it

            shared = Remote(sent.remote)
            found = shared.id
            if found is not None and try_writing:
                Store(sent.store).create()
                shared.try_writing()
        elif sent.store is not None and Path(sent.store).is_dir():
            found = Store(sent.store).known_id
    except (SirevError, OSError) as error:
        trouble = failure_line(error)
    return MachineFacts(platform.python_version(), __version__, found, trouble)
