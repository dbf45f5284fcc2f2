"""What a worker keeps of a program's words: the beginning, in memory that no fork sees."""

from __future__ import annotations

import os
import sys

import pytest

from sirev.grading.sandbox.relay import Relay


def said(relay: Relay) -> list[bytes]:
    return [bytes(one.content) for one in relay.kept]


def through_a_pipe(relay: Relay, which: int, *contents: bytes) -> None:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    for content in contents:
        os.write(writing, content)
        assert relay.kept[which].read(reading)
    assert not relay.kept[which].read(reading)  # nothing now
    os.close(writing)
    assert not relay.kept[which].read(reading)  # the end
    os.close(reading)


def test_it_keeps_the_beginning_of_each_and_is_empty_once_cleared() -> None:
    relay = Relay(10, 4)
    for turn in (b"a", b"b"):
        through_a_pipe(relay, 0, turn * 3, turn, turn * 2)
        through_a_pipe(relay, 1, b"1234", b"56", b"7" * 60_000)
        assert said(relay) == [turn * 6, b"1234"]
        assert [len(one) for one in relay.kept] == [6, 4]
        relay.clear()
        assert said(relay) == [b"", b""]


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux empties it")
def test_a_fork_sees_none_of_it() -> None:
    relay = Relay(10)
    through_a_pipe(relay, 0, b"secret")
    child = os.fork()
    if child == 0:
        os._exit(0 if said(relay) == [bytes(6)] else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert said(relay) == [b"secret"]


def test_clearing_overwrites_it() -> None:
    """Where the kernel knows no such mapping, and in case it is wrong."""
    relay = Relay(10)
    through_a_pipe(relay, 0, b"secret")
    content = relay.kept[0].content
    relay.clear()
    assert bytes(content) == bytes(6)
