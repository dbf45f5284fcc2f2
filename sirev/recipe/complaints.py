"""Errors of a recipe, as one line in the recipe's own words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from sirev.listing import listed
from sirev.recipe.draft import Keys, Source
from sirev.recipe.structure import annotation_at, fields
from sirev.suggest import suggest

_MISSING = ("missing", "union_tag_not_found")
"""Pydantic's error types for a missing field."""


def explain_error(error: ValidationError, source: Source) -> str:
    """The line for pydantic's first error; for missing fields, all that belong in the same file."""
    found = error.errors(include_url=False)
    first = found[0]
    keys = _without_tags(first["loc"], source)
    place, field = source.place(keys), ".".join(keys)
    said = 1
    if first["type"] == "extra_forbidden":
        known = list(fields(annotation_at(source, keys[:-1]), source.value(keys[:-1])) or {})
        line = f"{place}: {field}: no such field{suggest(keys[-1], known)}"
    elif first["type"] in _MISSING:
        complaints = [complaint for complaint in found if complaint["type"] in _MISSING]
        missing = [name for complaint in complaints for name in _missing(complaint, source, place)]
        said = len(missing)
        line = _no_model(source) if missing == ["model"] else f"{place}: {listed(missing)}: missing, and required"
    elif first["type"] == "union_tag_invalid":
        tag = str(first["ctx"]["tag"])
        known = [name.strip().strip("'") for name in first["ctx"]["expected_tags"].split(",")]
        line = f"{source.place((*keys, 'name'))}: {field}.name: unknown name {tag!r}{suggest(tag, known)}"
    else:
        reason = first["msg"].removeprefix("Value error, ")
        value = outline(first["input"]) or repr(first["input"])
        line = f"{place}: {field}: {value} is not allowed: {reason[0].lower() + reason[1:]}"
    more = len(found) - said
    return line + (f" (and {more} more)" if more > 0 else "")


def _no_model(source: Source) -> str:
    """The line about a recipe that leaves the model to its user."""
    return f"the recipe {source.value(('name',))} names no model: add --model ORGANISATION/NAME or --model FOLDER"


def _missing(complaint: Any, source: Source, place: str) -> list[str]:
    """The name of a missing field, as a list; empty if it belongs in another file."""
    keys = _without_tags(complaint["loc"], source)
    if source.place(keys) != place:
        return []
    return [".".join(keys) + ("" if complaint["type"] == "missing" else ".name")]


def outline(value: Any) -> str | None:
    """The names of a section's fields, in braces; None if the value is not a section."""
    return "{" + ", ".join(map(str, value)) + "}" if isinstance(value, dict) else None


def _without_tags(loc: Sequence[str | int], source: Source) -> Keys:
    """The keys of pydantic's `loc` in the recipe, without the kinds of task or suite that pydantic inserts."""
    keys: list[str] = []
    for part in map(str, loc):
        there = source.value(keys)
        is_kind = isinstance(there, dict) and part not in there and part == there.get("name")
        if not is_kind and not part.endswith(" suite"):
            keys.append(part)
    return tuple(keys)
