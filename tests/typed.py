"""Checks of data against a TypedDict, field by field: mypy checks the code that reads them, not the written data."""

from __future__ import annotations

from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Any, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict


def misfits(value: Any, form: Any, at: str = "") -> Iterator[str]:
    """Yield every place where a value has another type, lacks a field, or has an unknown one."""
    origin, arguments = get_origin(form), get_args(form)
    if is_typeddict(form):
        yield from _of_typed_dict(value, form, at)
    elif origin in (Union, UnionType):
        if value is None and NoneType in arguments:
            return
        (other,) = (one for one in arguments if one is not NoneType)
        yield from misfits(value, other, at)
    elif origin is dict and isinstance(value, dict):
        for key, one in value.items():
            yield from misfits(one, arguments[1], f"{at}.{key}")
    elif origin is list and isinstance(value, list):
        for one in value:
            yield from misfits(one, arguments[0], f"{at}[]")
    elif form is not Any and not (type(value) is form or (form is float and type(value) is int)):
        yield f"{at}: {value!r} is no {form}"


def _of_typed_dict(value: Any, form: Any, at: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{at}: {value!r} is no {form.__name__}"
        return
    fields = get_type_hints(form, include_extras=True)
    optional = {name for name, kind in fields.items() if get_origin(kind) is NotRequired or not form.__total__}
    yield from (f"{at}.{name} is missing" for name in fields.keys() - value.keys() - optional)
    yield from (f"{at}.{name} is not in {form.__name__}" for name in value.keys() - fields.keys())
    for name in fields.keys() & value.keys():
        kind = get_args(fields[name])[0] if get_origin(fields[name]) is NotRequired else fields[name]
        yield from misfits(value[name], kind, f"{at}.{name}")
