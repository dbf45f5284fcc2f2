"""Reading of YAML as recipes mean it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from sirev.errors import BadInput

_SafeLoader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C one is ten times as fast, where it was built


class Loader(_SafeLoader):  # type: ignore[misc]
    """YAML 1.1 reads 5e-4 as text; recipes are full of learning rates."""


Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def read_mapping(path: Path) -> dict[str, Any]:
    """The fields of a recipe's file; paths in it that begin with ./ or ../ start from its own folder.

    Raises BadInput naming the file if it can't be read, is not YAML, or holds no mapping.
    """
    try:
        data = yaml.load(path.read_text(encoding="utf-8"), Loader)
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: can't be read: {error}") from None
    except yaml.YAMLError as error:
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
