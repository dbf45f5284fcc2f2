"""The fields of a recipe: the known fields at a place, and the places of a field."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from sirev.fields import Section
from sirev.recipe.draft import SUITE_KEYS, Keys, Source
from sirev.recipe.sections import Recipe
from sirev.suggest import ALIASES

PLACES = 4
"""The most places of a field that are named."""
ASIDE = (("model", "architecture"), ("model", "pretrain"))


def sections(annotation: Any, value: Any) -> list[type[Section]]:
    """The sections that an annotation allows; of several, those with the `name` in `value`, if any."""
    if get_origin(annotation) is Annotated:
        return sections(get_args(annotation)[0], value)
    if get_origin(annotation) in (Union, UnionType):
        found = [section for member in get_args(annotation) for section in sections(member, value)]
        named = [s for s in found if isinstance(value, dict) and value.get("name") in _names(s)]
        return named or found
    return [annotation] if isinstance(annotation, type) and issubclass(annotation, Section) else []


def _names(section: type[Section]) -> tuple[Any, ...]:
    return get_args(section.model_fields["name"].annotation) if "name" in section.model_fields else ()


def fields(annotation: Any, value: Any) -> dict[str, Any] | None:
    """Field -> annotation, for the sections that an annotation allows; empty for a leaf, None if any key is allowed."""
    found = sections(annotation, value)
    if found:
        return {f.alias or name: f.annotation for section in found for name, f in section.model_fields.items()}
    return {} if annotation in (int, float, str, bool) else None


def inside(annotation: Any, key: str, value: Any) -> Any:
    """The annotation of `key` in a section or a mapping; None if unknown."""
    if get_origin(annotation) is dict:
        return get_args(annotation)[1]
    return (fields(annotation, value) or {}).get(key)


def annotation_at(source: Source, keys: Sequence[str]) -> Any:
    """The annotation of the value under `keys`; None if unknown."""
    found: Any = Recipe
    for i, key in enumerate(keys):
        found = inside(found, key, source.value(keys[:i]))
    return found


def places_of(field: str, source: Source) -> list[str]:
    """Dotted paths of a recipe's fields with this name, or with the name that it is a synonym of; `PLACES` at most.

    Suites are left out. Paths in sections that the recipe gives are preferred, and then those outside `ASIDE`.
    """
    meant = {field.casefold(), ALIASES.get(field.casefold(), field).casefold()}
    found = [keys for keys in _walk(Recipe, source, ()) if keys[-1].casefold() in meant and keys[:2] != SUITE_KEYS]
    found = [keys for keys in found if source.value(keys[:-1]) is not None] or found
    found = [keys for keys in found if keys[:2] not in ASIDE] or found
    return [".".join(keys) for keys in found][:PLACES]


def _walk(annotation: Any, source: Source, keys: Keys) -> Iterator[Keys]:
    """The keys of every field below a section; of a mapping, those below its values."""
    value = source.value(keys)
    if get_origin(annotation) is dict:
        below = dict.fromkeys(value, get_args(annotation)[1]) if isinstance(value, dict) else {}
    else:
        below = fields(annotation, value) or {}
    for key, inner in below.items():
        yield (*keys, str(key))
        yield from _walk(inner, source, (*keys, str(key)))
