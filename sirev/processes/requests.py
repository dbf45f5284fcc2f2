"""Messages between a process and its children: dataclasses on both sides, JSON lines in ASCII in between.

A function for a child takes a request and a callback for events, and returns a result. Both sides parse messages by its
annotations.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import json
import types
import typing
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

Request = TypeVar("Request")
Event = TypeVar("Event")
Result = TypeVar("Result")
Emit = Callable[[Event], None]
Work = Callable[[Request, Emit[Event]], Result]
"""A function of a module, whose name identifies the work and whose annotations give the types of messages."""


class Resumable:
    """A request whose work saves its state and raises StageFailed when its process is asked to end.

    The same request then continues from that state. See `sirev.processes.termination` for the signals.
    """


@dataclass(frozen=True)
class Progress:
    """An event: progress of a request; `rate` is per second."""

    done: int
    total: int
    rate: float | None = None


@dataclass(frozen=True)
class Warned:
    """An event: a warning for the user."""

    text: str


class Messages(NamedTuple):
    """The types of a function's request, events and result."""

    request: Any
    event: Any
    result: Any


def address(work: Work[Any, Any, Any]) -> str:
    """The name of a function for another process, "module:name"."""
    return f"{work.__module__}:{work.__qualname__}"


def function_at(name: str) -> Work[Any, Any, Any]:
    """Import the function with this address."""
    module, _, function = name.partition(":")
    work: Work[Any, Any, Any] = getattr(importlib.import_module(module), function)
    return work


@cache
def messages_of(work: Work[Any, Any, Any]) -> Messages:
    """The types of messages in a function's annotations."""
    hints = typing.get_type_hints(work)
    request, emit = inspect.signature(work).parameters
    ((event,), _) = typing.get_args(hints[emit])
    return Messages(hints[request], event, hints["return"])


def as_json(message: Any) -> str:
    """A message as one line of JSON."""
    return json.dumps(message, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}


def typed(kind: Any, value: Any) -> Any:
    """Convert parsed JSON back to its type: dataclasses, paths, and lists, tuples and unions of them."""
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        return None if value is None else typed(_member(arguments, value), value)
    if (fields := _fields(kind)) is not None:
        return kind(**{name: typed(fields[name], field) for name, field in value.items()})
    if kind is Path:
        return Path(value)
    if origin is list:
        return [typed(arguments[0], item) for item in value]
    if origin is tuple:  # of any length
        return tuple(typed(arguments[0], item) for item in value)
    return value


@cache
def _fields(kind: Any) -> dict[str, Any] | None:
    """Field -> type of a dataclass; None for any other type."""
    if not dataclasses.is_dataclass(kind):
        return None
    hints = typing.get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}


def _member(members: tuple[Any, ...], value: Any) -> Any:
    """The member of a union for a value: of several, the dataclass with the same fields, or the one that is no dataclass."""
    members = tuple(member for member in members if member is not types.NoneType)
    if len(members) > 1:
        names = value.keys() if isinstance(value, dict) else None
        members = tuple(member for member in members if ((fields := _fields(member)) and fields.keys()) == names)
    (member,) = members
    return member
