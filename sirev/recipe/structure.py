"""The fields of a recipe: which there are at a place, and where a field of a given name is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from sirev.fields import Section
from sirev.recipe.draft import SUITE_KEYS, Keys, Source
from sirev.recipe.sections import Recipe
from sirev.suggest import ALIASES

PLACES = 4
"""How many places of a field are named."""
ASIDE = (("model", "architecture"), ("model", "pretrain"))


def sections(annotation: Any, value: Any) -> list[type[Section]]:
    """The sections that an annotation stands for: of several, those whose `name` is the one in `value`."""
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
    """Field -> annotation of the section that an annotation stands for; none for a leaf, None where any key goes."""
    found = sections(annotation, value)
    if found:
        return {f.alias or name: f.annotation for section in found for name, f in section.model_fields.items()}
    return {} if annotation in (int, float, str, bool) else None


def inside(annotation: Any, key: str, value: Any) -> Any:
    """The annotation of what `key` names in a section or a mapping, None where that is not known."""
    if get_origin(annotation) is dict:
        return get_args(annotation)[1]
    return (fields(annotation, value) or {}).get(key)


def annotation_at(source: Source, keys: Sequence[str]) -> Any:
    """The annotation of what lies under `keys`, None where that is not known."""
    found: Any = Recipe
    for i, key in enumerate(keys):
        found = inside(found, key, source.value(keys[:i]))
    return found


def places_of(field: str, source: Source) -> list[str]:
    """Where a recipe has a field of this name, or of the one that it is another word for: dotted paths, a few.

    Suites of other problems are left out. Where there are several, those in sections that the recipe says something about
    win, and of these the ones that are not about how a model is made.
    """
    meant = {field.casefold(), ALIASES.get(field.casefold(), field).casefold()}
    found = [keys for keys in _walk(Recipe, source, ()) if keys[-1].casefold() in meant and keys[:2] != SUITE_KEYS]
    found = [keys for keys in found if source.value(keys[:-1]) is not None] or found
    found = [keys for keys in found if keys[:2] not in ASIDE] or found
    return [".".join(keys) for keys in found][:PLACES]


def _walk(annotation: Any, source: Source, keys: Keys) -> Iterator[Keys]:
    """Every field below a section; of a mapping, those of what it holds."""
    value = source.value(keys)
    if get_origin(annotation) is dict:
        below = dict.fromkeys(value, get_args(annotation)[1]) if isinstance(value, dict) else {}
    else:
        below = fields(annotation, value) or {}
    for key, inner in below.items():
        yield (*keys, str(key))
        yield from _walk(inner, source, (*keys, str(key)))
