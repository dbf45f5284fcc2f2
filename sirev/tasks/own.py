"""A user's own task as a Python class, named "package.module:Class" or "path/to/file.py:Class"."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

from sirev.errors import BadInput
from sirev.tasks.rows import Row, one_line, shown, text


class OwnTask(Protocol):
    """What a user's class offers; the grader is named in the recipe."""

    def problems(self, split: str) -> Iterable[Mapping[str, str]]:
        """The rows of "train" or "test": id, prompt, target, answer and, if there are any, level; all strings."""


def problems(name: str, split: str, options: Mapping[str, Any] | None = None) -> list[dict[str, str]]:
    """The checked rows of `split` of the named class, made with `options` as keyword arguments, in the class's own order.

    Raises BadInput in one line: no such module or class, the class failed, a row lacks a field or holds no string, two
    rows share an id.
    """
    task = load_own(name, options)
    try:
        given = list(task.problems(split))
    except Exception as error:  # a user's code may raise anything
        raise BadInput(f"{name}: problems({split!r}) failed: {_said(error)}") from None
    if not given:
        raise BadInput(f"{name}: problems({split!r}) gave no row")
    return _checked([_row(f"{name} {split}[{i}]", values) for i, values in enumerate(given)])


def load_own(name: str, options: Mapping[str, Any] | None = None) -> OwnTask:
    """An instance of the named class; BadInput if there is none or it has no method `problems`."""
    module_name, _, class_name = name.rpartition(":")
    if not module_name or not class_name:
        raise BadInput(f'{name}: a task class is named "package.module:Class" or "path/to/file.py:Class"')
    module = _module(name, module_name)
    if not isinstance(found := getattr(module, class_name, None), type):
        known = [key for key, value in vars(module).items() if isinstance(value, type) and value.__module__ == module.__name__]
        raise BadInput(f"{name}: {module_name} has no class {class_name!r} (there: {', '.join(known) or 'none'})")
    if not callable(getattr(found, "problems", None)):  # before it is called: making a Popen, say, runs a command
        raise BadInput(f"{name}: has no method problems(split)")
    try:
        task: OwnTask = found(**(options or {}))
    except Exception as error:
        raise BadInput(f"{name}: can't be made with options {shown(dict(options or {}))}: {_said(error)}") from None
    return task


def _module(name: str, module_name: str) -> ModuleType:
    # Python takes a file of the same second and size for the one that it compiled; a user's code is compiled each time.
    before, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        if module_name.endswith(".py"):
            return _module_of_file(Path(module_name))
        if (here := str(Path.cwd())) not in sys.path:
            sys.path.append(here)  # last, so that no installed package is shadowed by a folder of the user's
        return importlib.import_module(module_name)
    except Exception as error:
        raise BadInput(f"{name}: {module_name} can't be imported: {_said(error)}") from None
    finally:
        sys.dont_write_bytecode = before


def _module_of_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise FileNotFoundError("no such file")
    name = f"sirev_own_task_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up there
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _row(where: str, values: object) -> Row:
    if not isinstance(values, Mapping):
        raise BadInput(f"{where}: not a mapping but {shown(values)}")
    return Row(where, dict(values))


def _checked(rows: list[Row]) -> list[dict[str, str]]:
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
            raise BadInput(f"{row.where}: id {problem['id']!r} is there twice")
        found[problem["id"]] = problem
    return list(found.values())


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {one_line(error)}"
