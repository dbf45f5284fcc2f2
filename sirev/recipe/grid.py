"""A grid of studies: recipes x methods x seeds x null runs x settings, read from a YAML file."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sirev.errors import BadInput
from sirev.recipe.yaml_reading import read_mapping
from sirev.suggest import suggest
from sirev.training_kinds import METHODS

_LISTS = ("recipes", "methods", "seeds", "nulls", "overlays", "except")
_FIELDS = (*_LISTS, "null_count", "model", "set")
_OF_A_RUN = ("recipe", "method", "seed")
"""Fields that an exception may name, other than the keys of `set`."""
_MOST = 10_000
"""The most combinations of settings in a grid; more are taken for a mistake."""


@dataclass(frozen=True)
class Point:
    """A recipe of a grid with one combination of its settings."""

    recipe: str
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class StudyGrid:
    """The content of a grid file. `methods` None: those of each recipe; `settings`: key of a recipe -> its values."""

    path: Path
    recipes: tuple[str, ...]
    methods: tuple[str, ...] | None = None
    seeds: tuple[int, ...] = (0,)
    nulls: tuple[str, ...] = ()
    null_count: int | None = None
    overlays: tuple[str, ...] = ()
    model: str | None = None
    settings: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    exceptions: tuple[Mapping[str, tuple[Any, ...]], ...] = ()

    def points(self) -> Iterator[Point]:
        """Every recipe with every combination of settings."""
        for recipe in self.recipes:
            for values in itertools.product(*self.settings.values()):
                yield Point(recipe, dict(zip(self.settings, values, strict=True)))

    def has(self, point: Point, method: str, seed: int) -> bool:
        """Whether a run is in the grid: no exception matches it in all that the exception names."""
        told = {"recipe": point.recipe, "method": method, "seed": seed, **point.settings}
        return not any(all(told[key] in values for key, values in one.items()) for one in self.exceptions)


def read_grid(path: str | Path) -> StudyGrid:
    """The grid of a file; BadInput names file, key, value and what is allowed."""
    path = Path(path)
    if not path.is_file():
        raise BadInput(f"no grid file {path}")
    data = read_mapping(path)
    for key in data:
        if key not in _FIELDS:
            raise BadInput(f"{path}: {key}: no such field{suggest(str(key), list(_FIELDS))}")
    given = {key: _several(path, key, data[key]) for key in _LISTS if data.get(key) is not None}
    if not given.get("recipes"):
        raise BadInput(f"{path}: recipes: missing, and required: a list of recipes' names or files")
    settings = _settings(path, data.get("set"))
    model, null_count = data.get("model"), data.get("null_count")
    if model is not None and not isinstance(model, str):
        raise BadInput(f"{path}: model: {model!r} is not allowed: ORGANISATION/NAME or a folder")
    if null_count is not None and (isinstance(null_count, bool) or not isinstance(null_count, int)):
        raise BadInput(f"{path}: null_count: {null_count!r} is not allowed: a whole number")
    return StudyGrid(
        path,
        recipes=tuple(map(_place, _texts(path, "recipes", given["recipes"]))),
        methods=_methods(path, given["methods"]) if "methods" in given else None,
        seeds=_seeds(path, given.get("seeds", [0])),
        nulls=_texts(path, "nulls", given.get("nulls", [])),
        null_count=null_count,
        overlays=tuple(map(_place, _texts(path, "overlays", given.get("overlays", [])))),
        model=None if model is None else _place(model),
        settings=settings,
        exceptions=tuple(_exception(path, one, settings) for one in given.get("except", [])),
    )


def _several(path: Path, key: str, value: Any) -> list[Any]:
    """A list, or the one value that stands for it."""
    if isinstance(value, Mapping) and key != "except":
        raise BadInput(f"{path}: {key}: expected a list")
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [value]


def _texts(path: Path, key: str, values: Sequence[Any]) -> tuple[str, ...]:
    for value in values:
        if not isinstance(value, str):
            raise BadInput(f"{path}: {key}: {value!r} is not allowed: a name")
    return tuple(dict.fromkeys(values))


def _place(name: str) -> str:
    """A file or folder as an absolute path, since workers may run elsewhere; other names unchanged."""
    return os.path.abspath(name) if name.endswith((".yaml", ".yml")) or ("/" in name and os.path.exists(name)) else name


def _methods(path: Path, values: Sequence[Any]) -> tuple[str, ...]:
    for value in values:
        if value not in METHODS:
            raise BadInput(f"{path}: methods: unknown method {value!r}{suggest(str(value), list(METHODS))}")
    return tuple(dict.fromkeys(values))


def _seeds(path: Path, values: Sequence[Any]) -> tuple[int, ...]:
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise BadInput(f"{path}: seeds: {value!r} is not allowed: a whole number from 0")
    return tuple(dict.fromkeys(values))


def _settings(path: Path, given: Any) -> dict[str, tuple[Any, ...]]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise BadInput(f"{path}: set: expected keys of a recipe with their values, such as training.dpo.beta: [0.1, 0.3]")
    found = {str(key): tuple(value) if isinstance(value, list) else (value,) for key, value in given.items()}
    count = 1
    for key, values in found.items():
        if not values:
            raise BadInput(f"{path}: set: {key}: no value")
        count *= len(values)
    if count > _MOST:
        raise BadInput(f"{path}: set: {count:,} combinations, more than {_MOST:,}")
    return found


def _exception(path: Path, given: Any, settings: Mapping[str, Any]) -> dict[str, tuple[Any, ...]]:
    if not isinstance(given, Mapping) or not given:
        raise BadInput(f"{path}: except: expected mappings such as {{recipe: llama2_math, method: dpo}}, found {given!r}")
    known = [*_OF_A_RUN, *settings]
    for key in given:
        if key not in known:
            raise BadInput(f"{path}: except: {key}: no such key{suggest(str(key), known)}")
    return {str(key): tuple(value) if isinstance(value, list) else (value,) for key, value in given.items()}
