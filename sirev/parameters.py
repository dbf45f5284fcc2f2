"""Parameters of stages: dataclasses whose fields declare whether they are part of the key."""

from __future__ import annotations

import dataclasses
from typing import Any

_NEVER = object()


def semantic(
    *, default: Any = dataclasses.MISSING, default_factory: Any = dataclasses.MISSING, absent_means: Any = _NEVER
) -> Any:
    """A parameter that changes the result and so is part of the key.

    `absent_means` lets a parameter be added later without changing old keys: the parameter is left out of the key
    if and only if it equals this value. It is what older code did, whatever today's default is; never edit it.
    """
    metadata = {"semantic": True, "absent_means": absent_means}
    return dataclasses.field(default=default, default_factory=default_factory, metadata=metadata)


def operational(*, default: Any = dataclasses.MISSING, default_factory: Any = dataclasses.MISSING) -> Any:
    """A parameter that does not change the result (batch sizes of inference, workers): never part of a key."""
    return dataclasses.field(default=default, default_factory=default_factory, metadata={"semantic": False})


def keyed_parameters(parameters: Any) -> dict[str, Any]:
    """The parameters that belong in the key, as plain JSON values; nested groups are reduced in the same way."""
    found = {}
    for field in dataclasses.fields(parameters):
        value = getattr(parameters, field.name)
        if field.metadata["semantic"] and value != field.metadata["absent_means"]:
            found[field.name] = keyed_parameters(value) if dataclasses.is_dataclass(value) else value
    return found
