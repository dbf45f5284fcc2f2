"""Computation of a sweep's segment in another process, on this machine or on a node of a cluster."""

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
    """A sweep in a form that can be sent to another process.

    Without `push`, all machines need the same store; with it, each has its own: `store`, or its default for None.
    """

    grid: StudyGrid
    store: str | None
    unsafe_code: bool
    remote: str | None
    push: bool
    scratch: Path | None

    @classmethod
    def of(cls, made: GridSweep) -> Self:
        """The form of a sweep to send."""
        store = None if made.push and made.store.path == default_path() else str(made.store.path.absolute())
        remote = made.remote if made.remote is None or "://" in made.remote else os.path.abspath(made.remote)
        return cls(made.grid, store, made.unsafe_code, remote, made.push, made.scratch)

    @property
    def common(self) -> str | None:
        """The path or URL of the store that all machines must share."""
        return self.remote if self.push else self.store

    def received(self) -> GridSweep:
        """The sweep, in the receiving process."""
        return GridSweep(
            self.grid,
            Store(self.store),
            unsafe_code=self.unsafe_code,
            remote=self.remote,
            push=self.push,
            scratch=self.scratch,
        )

    def compute(self, segment: Segment, wanted: MachineFacts) -> None:
        """Compute a segment whose parents are computed; BadInput if this machine's facts are not `wanted`.

        With `push`, it succeeds only once the shared store has all its results, since others can only read them there.
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
    """Facts that must be the same on a machine as on the one that begins a sweep."""

    python: str
    sirev: str
    store: str | None
    """The id of the store with the results; None if this machine does not see it."""
    trouble: str = ""
    """Why the id is unknown, or why the machine can't write there."""

    def lacks(self, wanted: Self, sent: SentSweep) -> str | None:
        """The first difference of these facts from `wanted`, in words that follow the machine's name; None if there is none."""
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
    """The facts of the machine that begins a sweep; BadInput, naming `option`, if it can't use the store itself."""
    facts = machine_facts(sent, try_writing=True)
    if why := facts.lacks(facts, sent):
        raise BadInput(f"{option}: this machine {why}")
    return facts


def machine_facts(sent: SentSweep, *, try_writing: bool = False) -> MachineFacts:
    """The facts of this machine; `try_writing` tests writing to the shared store of a sweep with `push`."""
    found, trouble = None, ""
    try:
        if sent.push and sent.remote is not None:
            from sirev.store.sharing.remote import Remote  # fsspec, only needed here

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
