"""The form of a JSON object in a store: which fields it has, and of what kinds.

The same is asked of a store's own files, by `verify`, and of what comes from elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any


def odd_fields(value: Any, kinds: Mapping[str, Any], may_have: Mapping[str, Any] = MappingProxyType({})) -> str | None:
    """How an object is not of these fields, each of its kind, in words; None if it is. A boolean is no number."""
    if not isinstance(value, dict) or not kinds.keys() <= value.keys() <= kinds.keys() | may_have.keys():
        return f"should have {', '.join(kinds)} and nothing else"
    for name, found in value.items():
        if not isinstance(found, kinds.get(name) or may_have[name]) or isinstance(found, bool):
            return f"has an odd {name!r}: {found!r}"[:200]
    return None


def is_size(value: Any) -> bool:
    """Whether it is a number of bytes."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 63
