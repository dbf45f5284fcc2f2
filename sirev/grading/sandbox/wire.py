"""Messages over pipes: a length in four bytes, then the content. Messages from a program's side are never trusted."""

from __future__ import annotations

import json
import os
import struct
from typing import Any

LONGEST = 8 << 20
"""Bytes of the longest message; a longer one is a mistake or a lie."""

_HEAD = struct.Struct(">I")


class Garbled(Exception):
    """Bytes that form no message."""


def pack(content: bytes) -> bytes:
    """The content as a message."""
    return _HEAD.pack(len(content)) + content


def send(descriptor: int, content: bytes) -> None:
    """Write a whole message."""
    left = memoryview(pack(content))
    while left:
        left = left[os.write(descriptor, left) :]


def send_in_place(descriptor: int, *contents: bytes | memoryview) -> None:
    """Write messages one after another, straight from their buffers: a copy would stay in memory."""
    parts = [part for content in contents for part in (_HEAD.pack(len(content)), content)]
    left = [memoryview(part) for part in parts if part]
    while left:
        written = os.writev(descriptor, left)
        while left and written >= len(left[0]):
            written -= len(left.pop(0))
        if written:
            left[0] = left[0][written:]


def receive_message(descriptor: int) -> bytes | None:
    """The next message; None at the end of the pipe. Raises Garbled for one that is cut off or too long."""
    head = _exactly(descriptor, _HEAD.size)
    if not head:
        return None
    if len(head) < _HEAD.size or (length := _HEAD.unpack(head)[0]) > LONGEST:
        raise Garbled
    content = _exactly(descriptor, length)
    if len(content) < length:
        raise Garbled
    return content


def first(stream: bytes) -> tuple[bytes, bytes]:
    """The first message in a finished program's output, and the rest. Raises Garbled if there is none."""
    if len(stream) < _HEAD.size or (length := _HEAD.unpack_from(stream)[0]) > len(stream) - _HEAD.size:
        raise Garbled
    return stream[_HEAD.size : _HEAD.size + length], stream[_HEAD.size + length :]


def parsed(content: bytes) -> Any:
    """The JSON value of a message. Raises Garbled, also for deep nesting or too long a number."""
    try:
        return json.loads(content)
    except (ValueError, RecursionError, MemoryError):
        raise Garbled from None


def _exactly(descriptor: int, count: int) -> bytes:
    parts = []
    while count:
        part = os.read(descriptor, min(count, 1 << 20))
        if not part:
            break
        parts.append(part)
        count -= len(part)
    return b"".join(parts)
