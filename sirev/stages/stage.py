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
    """What a running stage may use besides its parameters and inputs."""

    scratch: Path
    """A folder of its own on this machine, empty at the start and gone afterwards."""

    @property
    def attempts(self) -> Path:
        """A folder that outlives an interruption, shared by all attempts at this action."""
        ...

    def local_model(self, digest: str) -> Path:
        """Where the base model whose files have this digest lies; BadInput if it is not here any more."""
        ...

    def call(
        self,
        role: str,
        work: Work[Request, Event, Result],
        request: Request,
        on_event: Emit[Event],
        holding: str | None = None,
    ) -> Result:
        """Run a function in the resident child that plays `role` ("source", "trainer", "engine", "grader").

        `holding` names what it will load, if that is to stay loaded: a child that holds something else is ended first.
        """
        ...

    def progress(self, done: int, total: int, unit: str, rate: float | None = None) -> None:
        """Say how far the stage is; `rate` is in tokens a second, or in `unit` a second where those are answers."""
        ...

    def log(self, step: int, entry: LogEntry) -> None:
        """Say what a training notes of an optimizer step."""
        ...

    def warn(self, text: str) -> None:
        """Say at once, and plainly, what the user must know before the stage goes on."""
        ...

    def stored(self, action: dict[str, Any]) -> Artifact | None:
        """A part of this stage's work that an earlier, interrupted attempt left behind."""
        ...

    def keep(self, action: dict[str, Any], output: Output) -> Artifact:
        """Store a part of this stage's work, so that an interruption does not lose it."""
        ...


@dataclass(frozen=True)
class Stage:
    """`run(parameters, inputs, context)` does the work; `version` changes whenever equal input may give another result.

    What is true of all steps of a stage stands here, and no table of stages elsewhere repeats it.
    """

    name: str
    version: int
    parameters: type
    run: Callable[[Any, Mapping[str, Artifact], Context], Output]
    _: KW_ONLY
    place: int
    """Its place among the stages, at one t or at none; the numbers have gaps for stages to come."""
    deterministic: bool = False
    """It makes the same of the same on every machine."""
    makes_model: bool = False
    """It makes weights: large files, which most readers of a run never need."""
    long: bool = False
    """Its steps may take long: each gets a line where there is no terminal, and without its rate no time left is said."""
    beside: bool = False
    """Its steps need no GPU and the run goes on meanwhile: only the step that reads their results waits for them."""
    optional: bool = False
    """A run goes on without its steps, and says so, where this machine can't compute them."""
    needs: tuple[str, ...] = ()
    """Needs of a machine that its steps may have; see `sirev.machine.findings.Need`."""

    @property
    def needs_gpu(self) -> bool:
        """It computes on a GPU where there is one, and there the same may come out otherwise the next time."""
        return "gpu" in self.needs

    def action(self, parameters: Any, inputs: Mapping[str, str]) -> dict[str, Any]:
        """This stage applied to parameters and input digests (semantic ones), as it is hashed into the key."""
        return {
            "stage": self.name,
            "version": self.version,
            "parameters": keyed_parameters(parameters),
            "inputs": dict(inputs),
        }
