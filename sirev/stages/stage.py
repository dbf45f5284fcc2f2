"""A stage: a named, versioned function from parameters and artifacts to one artifact."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Any, Protocol

from sirev.parameters import keyed_parameters
from sirev.processes.requests import Emit, Event, Request, Result, Work
from sirev.store.artifacts import Artifact, Output
from sirev.trainers.dispatch import LogEntry


class Context(Protocol):
    """Services for a running stage, besides its parameters and inputs."""

    scratch: Path
    """A temporary folder on this machine, empty at the start and deleted afterwards."""

    @property
    def attempts(self) -> Path:
        """A folder that outlives an interruption, shared by all attempts at this action."""
        ...

    def local_model(self, digest: str) -> Path:
        """The folder of the local base model whose files have this digest; BadInput if it is gone or has changed."""
        ...

    def call(
        self,
        role: str,
        work: Work[Request, Event, Result],
        request: Request,
        on_event: Emit[Event],
        holding: str | None = None,
    ) -> Result:
        """Run a function in the resident child for `role` ("source", "trainer", "engine", "grader").

        `holding` names what it will load and keep: a child that holds something else is ended first.
        """
        ...

    def progress(self, done: int, total: int, unit: str, rate: float | None = None) -> None:
        """Report progress; `rate` is in tokens per second, or in answers per second for grades."""
        ...

    def log(self, step: int, entry: LogEntry) -> None:
        """Report the log entry of an optimizer step."""
        ...

    def warn(self, text: str) -> None:
        """Warn the user at once."""
        ...

    def stored(self, action: dict[str, Any]) -> Artifact | None:
        """A part of this stage's result that an earlier attempt stored, None if there is none."""
        ...

    def keep(self, action: dict[str, Any], output: Output) -> Artifact:
        """Store a part of this stage's result, so that an interruption does not lose it."""
        ...


@dataclass(frozen=True)
class Stage:
    """A stage: `run(parameters, inputs, context)` does the work; `version` changes if equal inputs may give another result.

    All properties common to the steps of a stage are here, and in no other table.
    """

    name: str
    version: int
    parameters: type
    run: Callable[[Any, Mapping[str, Artifact], Context], Output]
    _: KW_ONLY
    place: int
    """Position in the order of stages within one t; the numbers have gaps for later stages."""
    deterministic: bool = False
    """Whether equal inputs give equal results on every machine."""
    makes_model: bool = False
    """Whether it makes weights: large files, which most readers of a run never need."""
    long: bool = False
    """Whether its steps may take long: each gets a line where there is no terminal, and the time left needs its rate."""
    beside: bool = False
    """Whether its steps, which need no GPU, run in the background: only the step that reads a result waits for it."""
    optional: bool = False
    """Whether a run goes on without its steps, with a note, where this machine can't compute them."""
    needs: tuple[str, ...] = ()
    """Requirements that its steps may have of the machine; see `sirev.machine.findings.Need`."""

    @property
    def needs_gpu(self) -> bool:
        """Whether it computes on a GPU where there is one, with results that may differ from run to run."""
        return "gpu" in self.needs

    def action(self, parameters: Any, inputs: Mapping[str, str]) -> dict[str, Any]:
        """The action of this stage with parameters and semantic input digests, as hashed into the key."""
        return {
            "stage": self.name,
            "version": self.version,
            "parameters": keyed_parameters(parameters),
            "inputs": dict(inputs),
        }
