"""The user's own task as a Python class, named "package.module:Class" or "path/to/file.py:Class"."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, Protocol

from pydantic import Field

from sirev.errors import BadInput
from sirev.own_code import keyed_name, load, raised
from sirev.tasks.rows import Row, shown, text
from sirev.tasks.task import Asked, OwnTask, Problems


class OwnClass(OwnTask):
    """Your own task as a Python class: `module:Class` or `file.py:Class`."""

    name: Literal["python"]
    class_: str = Field(alias="class")
    options: dict[str, Any] = Field(default={})
    """Keyword arguments of the class; part of the key."""

    runs_code = True

    @staticmethod
    def read(asked: Asked) -> Problems:
        return problems(asked.code, OwnClass.upstream(asked.split), asked.options["options"])

    @property
    def code(self) -> str | None:
        return self.class_

    def problem_options(self) -> dict[str, Any]:
        return {"class": keyed_name(self.class_), "options": self.options}


TASK = OwnClass


class Problemset(Protocol):
    """Interface of a user's task class; the grader is named in the recipe."""

    def problems(self, split: str) -> Iterable[Mapping[str, str]]:
        """The rows of "train" or "test": id, prompt, target, answer and, optionally, level; all strings."""


def problems(name: str, split: str, options: Mapping[str, Any] | None = None) -> Problems:
    """The checked rows of `split` from the named class, made with `options` as keyword arguments, in the class's order.

    Raises BadInput: no such module or class, the class failed, a field is missing or no string, or two rows share an id.
    """
    task = _instance(name, options)
    try:
        given = list(task.problems(split))
    except Exception as error:  # user code may raise anything
        raise BadInput(f"{name}: problems({split!r}) failed: {raised(error)}") from None
    if not given:
        raise BadInput(f"{name}: problems({split!r}) gave no row")
    return _checked([_row(f"{name} {split}[{i}]", values) for i, values in enumerate(given)])


def _instance(name: str, options: Mapping[str, Any] | None) -> Problemset:
    """An instance of the named class; BadInput if there is no such class, it has no method `problems`, or it fails."""
    module, class_name = load(name, "task class")
    if not isinstance(found := getattr(module, class_name, None), type):
        known = [key for key, value in vars(module).items() if isinstance(value, type) and value.__module__ == module.__name__]
        raise BadInput(f"{name}: {name.rpartition(':')[0]} has no class {class_name!r} (there: {', '.join(known) or 'none'})")
    if not callable(getattr(found, "problems", None)):  # before the call, since making a Popen, for example, runs a command
        raise BadInput(f"{name}: has no method problems(split)")
    try:
        task: Problemset = found(**(options or {}))
    except Exception as error:
        raise BadInput(f"{name}: can't be made with options {shown(dict(options or {}))}: {raised(error)}") from None
    return task


def _row(where: str, values: object) -> Row:
    if not isinstance(values, Mapping):
        raise BadInput(f"{where}: not a mapping but {shown(values)}")
    return Row(where, dict(values))


def _checked(rows: list[Row]) -> Problems:
    found: dict[str, dict[str, str]] = {}
    for row in rows:
        problem = {
            "id": text(row, "id"),
            "prompt": text(row, "prompt"),
            "target": text(row, "target", empty=True),
            "answer": text(row, "answer", empty=True),
            "level": text(row, "level", empty=True) if "level" in row.values else "",
        }
        if problem["id"] in found:
            raise BadInput(f"{row.where}: id {problem['id']!r} occurs twice")
        found[problem["id"]] = problem
    return list(found.values())
