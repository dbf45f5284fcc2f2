"""A recipe that is being assembled, before validation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sirev.addresses import without_credentials

Keys = tuple[str, ...]

SUITE_KEYS = ("evaluation", "ood")
"""Keys of the suites: a null removes one suite, or all; so does an empty mapping for all."""
_KEPT = ("dtype", "context")
"""Settings of an engine that stay when another engine replaces it."""
SHORT = ("model", "engine", "grader")
"""Sections that may be written as their name alone: `model: mistralai/Mistral-7B-v0.1`; a grader as `file.py:function`."""
NO_SECTION = ("evaluation", "embedding", "model")
"""A field named like a section of `SHORT` that holds only a name."""


class Source:
    """A recipe that is being assembled: its data, and the file or override that each key came from."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.data: dict[str, Any] = {}
        self._origins: dict[Keys, str] = {}
        self._order: list[str] = []

    def merge(self, data: Mapping[str, Any], origin: str, keys: Keys = ()) -> None:
        """Lay `data` over the present data: mappings key by key, other values as a whole."""
        origin = without_credentials(origin)  # it may be an override
        self._order.append(origin)
        place = self.data
        for key in keys:
            place = place[key]
        for key, value in data.items():
            here = (*keys, str(key))
            self._origins[here] = origin
            if here[:-1] == SUITE_KEYS and value is None:
                place.pop(key, None)
                continue
            if here == SUITE_KEYS and (value is None or value == {}):
                place[key] = {}
                continue
            if here[-1] in SHORT and here != NO_SECTION and isinstance(value, str):
                # Another model has no use for this one's revision, another engine none for its memory.
                before = place.get(key)
                kept = {field: v for field, v in before.items() if field in _KEPT} if isinstance(before, dict) else {}
                own = {"name": "python", "function": value} if key == "grader" and ":" in value else None
                value = own or {"name": value, **(kept if key == "engine" else {})}
                place.pop(key, None)
            if isinstance(value, dict) and isinstance(place.get(key), dict):
                self.merge(value, origin, here)
            else:
                place[key] = {} if isinstance(value, dict) else value
                if isinstance(value, dict):
                    self.merge(value, origin, here)

    def place(self, keys: Sequence[str]) -> str:
        """The file or override that gave a key, or in which it belongs."""
        for end in range(len(keys), 0, -1):
            if origin := self._origins.get(tuple(keys[:end])):
                return origin
        return str(self.path)

    def is_later(self, keys: Keys, other: Keys) -> bool:
        """Whether a key was given by a later file or override than the other key."""
        order = self.origins()
        places = [self.place(keys), self.place(other)]
        first, second = (order.index(place) if place in order else -1 for place in places)
        return first > second

    def origins(self) -> list[str]:
        """The files and overrides of the recipe, in the order of their merging."""
        return list(dict.fromkeys(self._order))

    def value(self, keys: Sequence[str]) -> Any:
        """The value under a key; None if there is none."""
        found: Any = self.data
        for key in keys:
            found = found.get(key) if isinstance(found, dict) else None
        return found
