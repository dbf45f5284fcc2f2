"""What a stage is: a named, versioned function from parameters and artifacts to one artifact."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass
from pathlib import Path
from typing import Any, Protocol

from sirev.store.artifacts import Artifact, Output

_NEVER = object()


def semantic(
    *, default: Any = dataclasses.MISSING, default_factory: Any = dataclasses.MISSING, absent_means: Any = _NEVER
) -> Any:
    """A parameter that changes the result, so it is part of the key.

    `absent_means` lets a parameter be added later without changing old keys: the parameter is left out of the key
    if and only if it equals this value. It is what older code did, whatever today's default is; never edit it.
    """
    metadata = {"semantic": True, "absent_means": absent_means}
    return dataclasses.field(default=default, default_factory=default_factory, metadata=metadata)


def operational(*, default: Any = dataclasses.MISSING, default_factory: Any = dataclasses.MISSING) -> Any:
    """A parameter that does not change the result (batch sizes of inference, workers): never part of a key."""
    return dataclasses.field(default=default, default_factory=default_factory, metadata={"semantic": False})


def keyed_parameters(parameters: Any) -> dict[str, Any]:
    """The parameters that belong in the key, as plain JSON values; groups of parameters likewise, field by field."""
    found = {}
    for field in dataclasses.fields(parameters):
        value = getattr(parameters, field.name)
        if field.metadata["semantic"] and value != field.metadata["absent_means"]:
            found[field.name] = keyed_parameters(value) if dataclasses.is_dataclass(value) else value
    return found


class Context(Protocol):
    """What a running stage may use besides its parameters and inputs."""

    scratch: Path
    """A folder of its own on this machine, empty at the start and gone afterwards."""

    @property
    def attempts(self) -> Path:
        """A folder on this machine that outlives an interruption, shared by all attempts at this action."""
        ...

    def local_model(self, digest: str) -> Path:
        """Where the base model whose files have this digest lies; BadInput if it is not here any more."""
        ...

    def call(self, role: str, function: str, arguments: Mapping[str, Any], on_event: Callable[[Any], None]) -> Any:
        """Run a dotted function in the resident child that plays `role` ("source", "trainer", "engine", "grader")."""
        ...

    def progress(self, done: int, total: int, unit: str, rate: float | None = None) -> None:
        """Say how far the stage is; `rate` is in tokens a second, or in `unit` a second where those are answers."""
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
