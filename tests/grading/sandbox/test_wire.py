from __future__ import annotations

import itertools
import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sirev.grading.sandbox import wire


@contextmanager
def fed_by(write: Callable[[int], None]) -> Iterator[int]:
    """The end to read of a pipe that a thread writes to and closes."""
    reading, writing = os.pipe()

    def feed() -> None:
        try:
            write(writing)
        finally:
            os.close(writing)

    thread = threading.Thread(target=feed)
    thread.start()
    try:
        yield reading
    finally:
        thread.join()
        os.close(reading)


def all_of(descriptor: int) -> list[bytes]:
    found = []
    while (message := wire.receive_message(descriptor)) is not None:
        found.append(message)
    return found


@settings(max_examples=50, deadline=None)
@given(st.lists(st.binary(max_size=300), max_size=5), st.lists(st.integers(0, 1000), max_size=8))
def test_messages_arrive_whole_and_in_order_however_the_pipe_cuts_them(messages: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(map(wire.pack, messages))
    places = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]

    def in_pieces(writing: int) -> None:
        for begin, end in itertools.pairwise(places):
            os.write(writing, stream[begin:end])

    with fed_by(in_pieces) as reading:
        assert all_of(reading) == messages


def test_messages_sent_in_place_are_messages() -> None:
    contents = [b"", b"a", bytes(range(256)) * 3000, memoryview(b"xyz")[1:], b""]
    with fed_by(lambda writing: wire.send_in_place(writing, *contents)) as reading:
        assert all_of(reading) == list(map(bytes, contents))


def test_a_message_larger_than_a_pipe_goes_through_it() -> None:
    content = bytes(range(256)) * 8000  # 2 MB; a pipe holds 64 KiB
    with fed_by(lambda writing: [wire.send(writing, content), wire.send(writing, b"")][0]) as reading:
        assert all_of(reading) == [content, b""]


@settings(max_examples=50, deadline=None)
@given(st.binary(min_size=1, max_size=50), st.data())
def test_a_stream_that_is_cut_off_is_garbled(content: bytes, data: st.DataObject) -> None:
    message = wire.pack(content)
    cut = data.draw(st.integers(1, len(message) - 1))
    with fed_by(lambda writing: os.write(writing, message[:cut]) and None) as reading, pytest.raises(wire.Garbled):
        wire.receive_message(reading)


def test_a_message_too_long_is_not_waited_for() -> None:
    reading, writing = os.pipe()  # which stays open: to read on would take for ever
    try:
        os.write(writing, (wire.LONGEST + 1).to_bytes(4, "big"))
        with pytest.raises(wire.Garbled):
            wire.receive_message(reading)
    finally:
        os.close(reading)
        os.close(writing)


@given(st.binary() | st.binary(max_size=12).map(lambda end: b"\0\0\0" + end))
def test_of_any_bytes_the_first_message_and_the_rest_are_all(stream: bytes) -> None:
    try:
        content, rest = wire.first(stream)
    except wire.Garbled:
        return
    assert wire.pack(content) + rest == stream


@given(st.binary(), st.binary())
def test_the_first_message_is_the_first_whatever_follows(content: bytes, rest: bytes) -> None:
    assert wire.first(wire.pack(content) + rest) == (content, rest)


@pytest.mark.parametrize("stream", [b"", b"\0\0\0", b"\0\0\0\1", b"\xff\xff\xff\xff", b"\xff\xff\xff\xffabc"])
def test_what_is_shorter_than_it_says_is_garbled(stream: bytes) -> None:
    with pytest.raises(wire.Garbled):
        wire.first(stream)


@given(st.binary() | st.text(alphabet='[]{}",:0123456789.eE+-\\u ntrfals').map(str.encode))
def test_any_bytes_are_json_or_garbled(content: bytes) -> None:
    try:
        value = wire.parsed(content)
    except wire.Garbled:
        return
    json.dumps(value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(json_values)
def test_json_is_read_as_it_was_written(value: Any) -> None:
    assert wire.parsed(json.dumps(value).encode()) == value


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[",
        b"[1,]",
        b"\xff\xfe",
        b"[" * 1_000_000,
        b'{"a":' * 1_000_000,
        b"[" * 3000 + b"]" * 3000,
        b"1" * 100_000,
        b"-" + b"9" * 5000,
        b"[1] [2]",
        b"NaN2",
    ],
    ids=lambda content: ascii(content[:10]),
)
def test_json_that_is_none_or_too_much_is_garbled(content: bytes) -> None:
    with pytest.raises(wire.Garbled):
        wire.parsed(content)
