"""Checks of the form of JSON objects in a store: their fields and types.

`verify` applies them to a store's own files, and imports to files from other stores.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any


def odd_fields(value: Any, kinds: Mapping[str, Any], may_have: Mapping[str, Any] = MappingProxyType({})) -> str | None:
    """The first fault in an object's fields, as text; None if it has `kinds`, at most `may_have` besides, with these types.

    Booleans are refused for every type.
    """
    if not isinstance(value, dict) or not kinds.keys() <= value.keys() <= kinds.keys() | may_have.keys():
        return f"should have {', '.join(kinds)} and nothing else"
    for name, found in value.items():
        if not isinstance(found, kinds.get(name) or may_have[name]) or isinstance(found, bool):
            return f"has an odd {name!r}: {found!r}"[:200]
    return None


def is_size(value: Any) -> bool:
    """Whether `value` is a size in bytes: an integer from 0 to 2^63 - 1."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 63
