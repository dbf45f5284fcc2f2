"""Reading of recipes' YAML, with bounds on its size."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from sirev.errors import BadInput
from sirev.inputs import DEPTH, refuse_wide_encoding, require_plain_file

VALUES = 100_000
"""The most values of a recipe, with aliases counted at each use. The largest that comes with sirev has 200."""

_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C loader is ten times as fast, if it was built


class Loader(_SafeLoader):  # type: ignore[misc]
    """A safe loader that reads 5e-4 as a number, which in YAML 1.1 is text: recipes are full of learning rates."""


Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


class NotPlainYaml(yaml.YAMLError):
    """YAML that is nested too deep, or holds too many values once its aliases are expanded."""


def parse_yaml(text: str) -> Any:
    """The value of a YAML text. Raises yaml.YAMLError or ValueError if it is not YAML, NotPlainYaml if it is too large."""
    _check_size(text)
    return yaml.load(text, Loader)


def _check_size(text: str) -> None:
    """Raise NotPlainYaml if a text is nested too deep, or has too many values with aliases expanded; builds no values."""
    sizes: dict[str | None, int | None] = {}  # anchor -> values at it; None while it is open
    open_: list[tuple[str | None, int]] = []  # anchor, and values that came before it
    count = 0
    for event in yaml.parse(text, Loader):
        line = f"line {event.start_mark.line + 1 if event.start_mark else 1}"
        if isinstance(event, yaml.AliasEvent):
            size = sizes.get(event.anchor, 0)
            if size is None:
                raise NotPlainYaml(f"{line}: the alias *{event.anchor} refers to itself")
            count += size
        elif isinstance(event, yaml.CollectionStartEvent):
            open_.append((event.anchor, count))
            if event.anchor:
                sizes[event.anchor] = None
            if len(open_) > DEPTH:
                raise NotPlainYaml(f"{line}: nested more than {DEPTH} levels deep")
            count += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = open_.pop()
            if anchor:
                sizes[anchor] = count - before
        elif isinstance(event, yaml.ScalarEvent):
            count += 1
            if event.anchor:
                sizes[event.anchor] = 1
        if count > VALUES:
            raise NotPlainYaml(f"{line}: more than {VALUES:,} values, its aliases written out")


def read_mapping(path: Path) -> dict[str, Any]:
    """The fields of a recipe's file; paths that begin with ./ or ../ are resolved from the file's folder.

    Raises BadInput naming the file if it can't be read, is not YAML, or holds no mapping.
    """
    require_plain_file(path)
    try:
        raw = path.read_bytes()
        refuse_wide_encoding(path, raw[:4])
        data = parse_yaml(raw.decode("utf-8-sig"))
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: can't be read: {error}") from None
    except NotPlainYaml as error:
        raise BadInput(f"{path}: {error}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: a date such as 2026-13-45
        raise BadInput(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(data, dict):
        raise BadInput(f"{path}: a recipe is a mapping of fields, this is {type(data).__name__}")
    return {key: _beside(path, value) for key, value in data.items()}


def _beside(path: Path, value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _beside(path, inner) for key, inner in value.items()}
    if isinstance(value, str) and value.startswith(("./", "../")):
        return str((path.parent / value).resolve())
    return value
