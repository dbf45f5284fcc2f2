"""JSON for values of Python's own types that keeps the types apart, so that `f(x) == 3` is decided outside the program.

The methods of the built-in type read a value, whatever a subclass claims. An object of another class leaves as the name of its
class alone and equals nothing. None, bool, int, float and str are themselves; anything else is {tag: content}.
"""

from __future__ import annotations

import collections
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

DEEPEST = 40
"""Levels of nested containers; a deeper value leaves as the name of its type."""

MOST = 10_000
"""Items of a value in all, including those of a range. More would let sets whose members collide on purpose take quadratic
time."""

LARGEST_VALUE = 256 << 10
"""Characters of a value's texts, and bytes of its numbers, in all."""

LARGEST_EXPONENT = 10_000
"""Of a Decimal: 1e999999999 is short, but as an int it exceeds memory."""

LARGEST_FRACTION = 100_000
"""Bits of a Fraction's numerator or denominator: reducing it takes quadratic time."""

_SAFE_INTEGER = 1 << 62
_LIBRARY = ("builtins", "collections", "decimal", "_decimal", "fractions", "numbers", "numpy", "typing", "_collections_abc")


class Unfit(Exception):
    """A message holds no value."""


class Opaque:
    """A value of a type that can't leave; it equals only itself."""

    def __init__(self, name: str) -> None:
        self.name = name


@dataclass(frozen=True)
class Wrapped:
    """A value computed inside from one that can't leave: its length or its truth, on the program's own word."""

    value: Any


# The program's side.


class _Budget:
    def __init__(self) -> None:
        self.items = MOST
        self.size = LARGEST_VALUE

    def spend(self, items: int, size: int = 0) -> None:
        self.items -= items
        self.size -= size
        if self.items < 0 or self.size < 0:
            raise _TooLarge


class _TooLarge(Exception):
    pass


def encode(value: Any) -> Any:
    """The value as JSON; {"opaque": the type's name} for one that is too large or too deep, and for parts of other types."""
    try:
        return _encode(value, DEEPEST, _Budget())
    except _TooLarge:
        return {"opaque": _name(value)}


def must_be_wrapped(value: Any, content: Any, wrapped: str) -> bool:
    """Whether a property of a value, such as its truth, must be computed inside: it can't leave, or its class defines its truth.

    `content` is the encoded value. Encoding uses up an iterator, so nothing more can be computed from one.
    """
    if wrapped == "bool(value)" and any(_home(type(value), name) not in _LIBRARY for name in ("__bool__", "__len__")):
        return True
    return _holds_opaque(content) and not isinstance(value, Iterator)


def _home(kind: type, method: str) -> str:
    """The module of the class that gives a type a method; "builtins" if there is none."""
    return next((str(one.__module__) for one in type.__dict__["__mro__"].__get__(kind) if method in one.__dict__), "builtins")


def _holds_opaque(content: Any) -> bool:
    if isinstance(content, list):
        return any(map(_holds_opaque, content))
    return isinstance(content, dict) and ("opaque" in content or any(map(_holds_opaque, content.values())))


def _encode(value: Any, depth: int, budget: _Budget) -> Any:
    budget.spend(1)
    kind = type(value)
    if value is None or kind is bool:
        return value
    if kind.__module__ == "numpy" and not kind.__name__.endswith("array") and hasattr(kind, "item"):
        value = kind.item(value)  # numpy's scalars compare like Python's numbers
        kind = type(value)
        if kind is bool:
            return value
    for own, encoded in _ENCODERS:
        if issubclass(kind, own):
            if depth == 0 and own not in _FLAT:
                raise _TooLarge
            return encoded(value, depth, budget)
    if issubclass(kind, Iterator):
        return {"iterator": _items(itertools.islice(value, MOST + 1), depth, budget)}
    return {"opaque": _name(value)}


def _integer(value: int, depth: int, budget: _Budget) -> Any:
    value = int.__index__(value)
    if -_SAFE_INTEGER < value < _SAFE_INTEGER:
        return value
    if int.bit_length(value) > 4 * LARGEST_VALUE:
        raise _TooLarge
    text = int.__format__(value, "x")
    budget.spend(0, len(text))
    return {"int": text}  # hexadecimal, since decimal takes quadratic time and has a limit on digits


def _range(value: range, depth: int, budget: _Budget) -> Any:
    budget.spend(len(value) if value.stop - value.start < _SAFE_INTEGER > value.start - value.stop else MOST + 1)
    return {"range": _items((value.start, value.stop, value.step), depth + 1, budget)}


def _fraction(value: Fraction, depth: int, budget: _Budget) -> Any:
    parts = value.numerator, value.denominator
    if max(part.bit_length() for part in parts) > LARGEST_FRACTION:
        raise _TooLarge
    return {"fraction": _items(parts, depth + 1, budget)}


def _decimal(value: Decimal, depth: int, budget: _Budget) -> Any:
    if Decimal.is_finite(value) and abs(Decimal.adjusted(value)) > LARGEST_EXPONENT:
        raise _TooLarge
    return {"decimal": _text(Decimal.__str__(value), depth, budget)}


def _text(value: str, depth: int, budget: _Budget) -> str:
    budget.spend(0, str.__len__(value))
    return str.__str__(value)


def _bytes(value: Any, depth: int, budget: _Budget) -> Any:
    budget.spend(0, 2 * len(bytes(value)))
    return {"bytearray" if isinstance(value, bytearray) else "bytes": bytes(value).hex()}


def _list(value: Any, depth: int, budget: _Budget) -> Any:
    return {"list": _items(list.__iter__(value), depth, budget)}


def _tuple(value: Any, depth: int, budget: _Budget) -> Any:
    return {"tuple": _items(tuple.__iter__(value), depth, budget)}


def _dict(value: Any, depth: int, budget: _Budget) -> Any:
    # Counter, OrderedDict and defaultdict equal the plain dict of their items.
    return {"dict": [[_encode(k, depth - 1, budget), _encode(v, depth - 1, budget)] for k, v in list(dict.items(value))]}


def _items(values: Any, depth: int, budget: _Budget) -> list[Any]:
    return [_encode(one, depth - 1, budget) for one in values]


_ENCODERS: tuple[tuple[type, Any], ...] = (
    (str, _text),
    (bool, lambda v, d, b: bool(v)),
    (int, _integer),
    (float, lambda v, d, b: float.__float__(v)),
    (list, _list),
    (tuple, _tuple),
    (dict, _dict),
    (set, lambda v, d, b: {"set": _items(set.__iter__(v), d, b)}),
    (frozenset, lambda v, d, b: {"frozenset": _items(frozenset.__iter__(v), d, b)}),
    (complex, lambda v, d, b: {"complex": [complex.real.__get__(v), complex.imag.__get__(v)]}),
    (bytes, _bytes),
    (bytearray, _bytes),
    (range, _range),
    (collections.deque, lambda v, d, b: {"deque": _items(collections.deque.__iter__(v), d, b)}),
    (Decimal, _decimal),
    (Fraction, _fraction),
    (type({}.keys()), lambda v, d, b: {"keys": _items(list(v), d, b)}),
    (type({}.values()), lambda v, d, b: {"values": _items(list(v), d, b)}),
    (type({}.items()), lambda v, d, b: {"items": [_items(pair, d, b) for pair in list(v)]}),
)
_FLAT = (str, bool, int, float, complex, bytes, bytearray, range, Decimal, Fraction)


def _name(value: Any) -> str:
    return str(type.__dict__["__name__"].__get__(type(value)))[:100]


# The outside. The same bounds hold here: the JSON need not come from `encode`.


def decode(content: Any) -> Any:
    """The value in JSON from a program; raises Unfit if it holds none, or one that is too large."""
    try:
        return _decode(content, DEEPEST + 1, _Budget())
    except (_TooLarge, ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RecursionError) as error:
        raise Unfit from error


def _decode(content: Any, depth: int, budget: _Budget) -> Any:
    budget.spend(1, len(content) if isinstance(content, str) else 0)
    if content is None or isinstance(content, bool | int | float | str):
        return content
    if depth < 0 or not isinstance(content, dict):
        raise ValueError
    ((tag, inner),) = content.items()
    return _DECODERS[tag](inner, depth - 1, budget)


def _each(inner: Any, depth: int, budget: _Budget) -> list[Any]:
    if not isinstance(inner, list):
        raise TypeError
    return [_decode(one, depth, budget) for one in inner]


def _pairs(inner: Any, depth: int, budget: _Budget) -> list[Any]:
    return [(_decode(k, depth, budget), _decode(v, depth, budget)) for k, v in inner]


def _view(inner: Any, depth: int, budget: _Budget) -> Any:
    return dict(enumerate(_each(inner, depth, budget))).values()


def _decoded_range(inner: Any, depth: int, budget: _Budget) -> range:
    found = range(*_each(inner, depth, budget))
    budget.spend(len(found))
    return found


def _decoded_integer(inner: Any, depth: int, budget: _Budget) -> int:
    budget.spend(0, len(inner))
    return int(inner, 16)


def _decoded_fraction(inner: Any, depth: int, budget: _Budget) -> Fraction:
    parts = _each(inner, depth, budget)
    if len(parts) != 2 or not all(type(part) is int and part.bit_length() <= LARGEST_FRACTION for part in parts):
        raise ValueError
    return Fraction(*parts)


def _decoded_bytes(inner: Any, depth: int, budget: _Budget) -> bytes:
    budget.spend(0, len(inner))
    return bytes.fromhex(inner)


def _decoded_decimal(inner: Any, depth: int, budget: _Budget) -> Decimal:
    found = Decimal(inner)
    if found.is_finite() and abs(found.adjusted()) > LARGEST_EXPONENT:
        raise ValueError
    return found


_DECODERS: dict[str, Any] = {
    "int": _decoded_integer,
    "bytes": _decoded_bytes,
    "bytearray": lambda inner, d, b: bytearray(_decoded_bytes(inner, d, b)),
    "list": _each,
    "tuple": lambda inner, d, b: tuple(_each(inner, d, b)),
    "set": lambda inner, d, b: set(_each(inner, d, b)),
    "frozenset": lambda inner, d, b: frozenset(_each(inner, d, b)),
    "dict": lambda inner, d, b: dict(_pairs(inner, d, b)),
    "complex": lambda inner, d, b: complex(float(inner[0]), float(inner[1])),
    "range": _decoded_range,
    "deque": lambda inner, d, b: collections.deque(_each(inner, d, b)),
    "decimal": _decoded_decimal,
    "fraction": _decoded_fraction,
    "keys": lambda inner, d, b: dict.fromkeys(_each(inner, d, b)).keys(),
    "values": _view,
    "items": lambda inner, d, b: dict(_pairs(inner, d, b)).items(),
    "iterator": lambda inner, d, b: iter(_each(inner, d, b)),
    "opaque": lambda inner, d, b: Opaque(str(inner)),
}
