from __future__ import annotations

import collections
import itertools
import json
import re
import time
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sirev.grading.sandbox import values
from sirev.grading.sandbox.values import DEEPEST, LARGEST_VALUE, MOST, Opaque, Unfit, decode, encode

MATE = re.compile("[\ud800-\udbff][\udc00-\udfff]")
"""Two halves of one character, which JSON can't tell from the character."""

texts = st.text(st.characters(exclude_categories=())).filter(lambda text: not MATE.search(text))
hashable = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(2**300), 2**300)
    | st.floats()
    | texts
    | st.binary()
    | st.complex_numbers()
    | st.decimals(allow_nan=False)
    | st.fractions()
    | st.builds(
        lambda start, items, step: range(start, start + items * step, step), st.integers(), st.integers(0, 9), st.integers(1, 99)
    ),
    lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3),
    max_leaves=6,
)
anything = st.recursive(
    hashable | st.binary().map(bytearray) | st.decimals(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.tuples(inner)
        | st.sets(hashable, max_size=4)
        | st.dictionaries(hashable, inner, max_size=4)
        | st.lists(inner, max_size=4).map(collections.deque)
    ),
    max_leaves=12,
)


def form(value: object) -> Any:
    """All there is to a value, comparable: its types, the sign of a zero, NaN, the order of a dict but not of a set."""
    kind = type(value).__name__
    match value:
        case list() | tuple() | collections.deque():
            return kind, [form(one) for one in value]
        case set() | frozenset():
            return kind, sorted(repr(form(one)) for one in value)
        case dict():
            return kind, [(form(key), form(one)) for key, one in value.items()]
        case range():
            return kind, [form(value.start), form(value.stop), form(value.step)]
        case Fraction():
            return kind, [form(value.numerator), form(value.denominator)]
        case bool():
            return kind, str(value)
        case int():
            return kind, hex(value)
    return kind, repr(value)


def come_out(value: object) -> Any:
    return decode(json.loads(json.dumps(encode(value))))


@given(anything)
def test_a_value_comes_out_as_it_is(value: object) -> None:
    assert form(come_out(value)) == form(value)


@pytest.mark.parametrize(
    "value",
    [
        float("nan"),
        float("inf"),
        -float("inf"),
        -0.0,
        5e-324,
        0.1 + 0.2,
        1e308,
        2**62 - 1,
        2**62,
        -(2**62),
        10**5000,
        -(10**5000),
        complex(-0.0, float("nan")),
        Decimal("NaN"),
        Decimal("sNaN"),
        Decimal("-Infinity"),
        Decimal("1.500"),
        Fraction(-1, 3),
        range(10, -5, -3),
        range(2**70, 2**70 + 2),
        "\ud800",
        "a\0b\u2028",
        "\U0001f600",
        b"\x00\xff",
        {1: "int", "1": "str", (1,): "tuple", 1.5: "float", None: "None", frozenset({1}): "set"},
        {"list": [1]},
        {"int": "ff"},
        [["list"]],
        [True, 1, 1.0, "1", b"1"],
        {True: 1},
        (),
        [(), [], {}, set(), frozenset(), "", b""],
    ],
    ids=lambda value: type(value).__name__,
)
def test_types_that_look_alike_stay_apart(value: object) -> None:
    assert form(come_out(value)) == form(value)


def test_two_halves_of_a_character_stay_two() -> None:
    sent = json.dumps(encode("\ud83d\ude00"))
    assert sent.isascii()
    # JSON's escapes join them. What a program returns to be compared with a literal has no such halves.
    assert decode(json.loads(sent)) == "\U0001f600"


def test_views_and_iterators_come_out_as_something_of_their_kind() -> None:
    assert come_out({1: 2}.keys()) == {1}
    assert come_out({1: 2}.items()) == {(1, 2)}
    assert list(come_out({1: 2}.values())) == [2]
    assert come_out({1: 2}.values()) != [2]
    assert come_out({1: []}.items()) == {1: []}.items()
    for iterator in (iter([1, 2]), (n for n in (1, 2)), map(int, "12"), itertools.chain([1], [2])):
        found = come_out(iterator)
        assert isinstance(found, Iterator)
        assert list(found) == [1, 2]


class Text(str):
    def __str__(self) -> str:
        return "lie"

    def __len__(self) -> int:
        return 0

    __iter__ = __format__ = __getitem__ = __str__  # type: ignore[assignment]
    __eq__ = lambda self, other: True  # noqa: E731
    __hash__ = str.__hash__


class Number(int):
    __index__ = __int__ = __float__ = __neg__ = lambda self: 42
    __eq__ = lambda self, other: True  # noqa: E731
    __hash__ = int.__hash__


class Real(float):
    __float__ = __neg__ = lambda self: 42.0
    __repr__ = lambda self: "42.0"  # noqa: E731


class Items(list):  # type: ignore[type-arg]
    __iter__ = lambda self: iter([42])  # noqa: E731
    __len__ = lambda self: 1  # noqa: E731


class Pair(tuple):  # type: ignore[type-arg]
    __iter__ = lambda self: iter([42])  # noqa: E731


class Members(set):  # type: ignore[type-arg]
    __iter__ = lambda self: iter([42])  # noqa: E731


class Table(dict):  # type: ignore[type-arg]
    items = keys = values = __iter__ = lambda self: iter([(42, 42)])


@pytest.mark.parametrize(
    ("lie", "truth"),
    [
        (Text("abc"), "abc"),
        (Number(3), 3),
        (Real(1.5), 1.5),
        (Items([1, 2]), [1, 2]),
        (Pair([1, 2]), (1, 2)),
        (Members({1, 2}), {1, 2}),
        (Table({1: 2}), {1: 2}),
        ([Number(3), (Text("x"),)], [3, ("x",)]),
        ({Number(3): Real(2.5)}, {3: 2.5}),
    ],
)
def test_what_a_subclass_claims_does_not_count(lie: object, truth: object) -> None:
    assert form(come_out(lie)) == form(truth)


class Foreign:
    __class__ = list  # type: ignore[assignment]
    __eq__ = lambda self, other: True  # noqa: E731
    __hash__ = None  # type: ignore[assignment]


class Named(type):
    @property
    def __name__(cls) -> str:  # type: ignore[override]
        raise RuntimeError


class Nameless(metaclass=Named):
    pass


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (Foreign(), "Foreign"),
        (Nameless(), "Nameless"),
        (len, "builtin_function_or_method"),
        (int, "type"),
        (object(), "object"),
        (memoryview(b""), "memoryview"),
        (..., "ellipsis"),
        (re, "module"),
    ],
)
def test_an_object_of_another_type_comes_out_as_its_name_and_equals_nothing(value: object, name: str) -> None:
    found = come_out(value)
    assert isinstance(found, Opaque)
    assert found.name == name
    assert found != come_out(value)
    assert (come_out([value]) == [value]) is False or isinstance(value, Foreign)
    assert come_out([value]) not in ([], [None], [name], [{"opaque": name}])


def test_so_many_items_come_out_and_no_more() -> None:
    assert come_out([0] * (MOST - 1)) == [0] * (MOST - 1)
    for value in (
        [0] * MOST,
        [[0] * MOST],
        {n: [n] for n in range(MOST // 2)},
        range(2**70),
        itertools.count(),
        iter(range(2**70)),
    ):
        found = come_out(value)
        assert isinstance(found, Opaque)
        assert found.name == type(value).__name__
    assert come_out(range(MOST // 2)) == range(MOST // 2)


def test_a_decimal_comes_out_unless_it_is_longer_than_memory_as_a_number() -> None:
    assert come_out(Decimal("1.5e-9999")) == Decimal("1.5e-9999")
    for value in (Decimal("1e1000000000"), Decimal("-1e-1000000000"), [Decimal("1e1000000000")]):
        assert isinstance(come_out(value), Opaque)


def test_so_long_a_text_comes_out_and_no_longer() -> None:
    assert come_out("x" * LARGEST_VALUE) == "x" * LARGEST_VALUE
    assert come_out(b"x" * (LARGEST_VALUE // 2)) == b"x" * (LARGEST_VALUE // 2)
    assert come_out(1 << (4 * LARGEST_VALUE - 2)) == 1 << (4 * LARGEST_VALUE - 2)
    for value in (
        "x" * (LARGEST_VALUE + 1),
        b"x" * LARGEST_VALUE,
        1 << (4 * LARGEST_VALUE + 4),
        ["x" * (LARGEST_VALUE // 2)] * 3,
    ):
        assert isinstance(come_out(value), Opaque)


def test_so_deep_a_value_comes_out_and_no_deeper() -> None:
    value: list[Any] = []
    for _ in range(DEEPEST - 1):
        value = [value]
    assert come_out(value) == value
    assert come_out([value]) != [value]
    assert isinstance(come_out([value]), Opaque)


def test_loops_and_towers_of_shared_parts_end_soon() -> None:
    loop: list[Any] = []
    loop.append(loop)
    tower: list[Any] = []
    for _ in range(39):
        tower = [tower, tower]
    began = time.process_time()
    assert isinstance(come_out(loop), Opaque)
    assert isinstance(come_out(tower), Opaque)
    assert time.process_time() - began < 1


TAGS = [*sorted(values._DECODERS), "pickle"]
any_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["ff", "1", "0", "NaN", "sNaN", "1/0", "-"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(TAGS), inner, min_size=1, max_size=1)
        | st.dictionaries(st.text() | st.sampled_from(TAGS), inner, max_size=2)
    ),
    max_leaves=15,
)


@settings(max_examples=400)
@given(any_json)
def test_any_json_is_a_value_or_unfit(content: Any) -> None:
    began = time.process_time()
    try:
        value = decode(content)
    except Unfit:
        return
    finally:
        assert time.process_time() - began < 1
    if not isinstance(value, Opaque):
        encode(value)


@pytest.mark.parametrize(
    "content",
    [
        [],
        [1],
        {},
        {"list": [1], "tuple": [1]},
        {"pickle": "gASVAAAA"},
        {"__class__": "x"},
        {"list": {"list": [1]}},
        {"list": "ab"},
        {"list": 3},
        {"int": 3},
        {"int": "xyz"},
        {"int": ["f"]},
        {"bytes": "f"},
        {"bytes": 3},
        {"set": [{"list": []}]},
        {"dict": [[{"list": []}, 1]]},
        {"dict": [[1]]},
        {"dict": [1]},
        {"dict": 1},
        {"range": [1, 2, 0]},
        {"range": [1.5, 2, 1]},
        {"range": []},
        {"fraction": [1, 0]},
        {"fraction": ["x"]},
        {"decimal": "x"},
        {"decimal": {}},
        {"complex": [1]},
        {"complex": [10**400, 0]},
        {"set": [{"decimal": "sNaN"}]},
    ],
    ids=lambda content: json.dumps(content)[:40],
)
def test_json_that_no_program_of_ours_writes_is_unfit(content: Any) -> None:
    with pytest.raises(Unfit):
        decode(content)


def test_what_is_nested_too_deeply_is_unfit() -> None:
    content: Any = 1
    for _ in range(DEEPEST + 5):
        content = {"list": [content]}
    with pytest.raises(Unfit):
        decode(content)
    for _ in range(100_000):
        content = {"list": [content]}
    with pytest.raises(Unfit):
        decode(content)


@pytest.mark.parametrize(
    "content",
    [
        {"list": [0] * (2 * MOST)},
        {"set": list(range(2 * MOST))},
        {"dict": [[n, n] for n in range(2 * MOST)]},
        {"tuple": [{"list": [0] * MOST}, {"list": [0] * MOST}]},
        {"int": "f" * (2 * LARGEST_VALUE)},
        {"range": [0, 10**12, 1]},
    ],
    ids=lambda content: json.dumps(content)[:20],
)
def test_what_may_not_leave_may_not_come_in_either(content: Any) -> None:
    """A program that has found its nonce writes what it likes: a budget that is kept inside alone is none."""
    try:
        value = decode(content)
    except Unfit:
        return
    assert isinstance(value, Opaque)
