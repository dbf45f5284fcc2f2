"""Plain tar in zstd, written and read member by member in one fixed form, without ambiguity.

Every member is a regular file of mode 0444, owner 0 and time 0. So the name and size of a member determine the bytes of its
header. The reader compares them and parses nothing: links, devices, sparse files and extended headers are just wrong bytes.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sirev.errors import BadInput
from sirev.inputs import what_it_is

_BLOCK = 512
CHUNK = 1 << 20
END = bytes(2 * _BLOCK)
NOT_OURS = "not an archive that `sirev store export` writes"
_OCTAL_SIZES = 8**11
_STARTS = {b"\x1f\x8b": "a gzip file", b"PK\x03\x04": "a zip file", b"BZh": "a bzip2 file", b"\xfd7zXZ": "an xz file"}
_ZSTD = b"\x28\xb5\x2f\xfd"


def header(name: str, size: int, kind: bytes = b"0") -> bytes:
    """The header of a member: one block, or more where the name is too long for one."""
    folder, slash, last = name.rpartition("/")
    if len(name) <= 100:
        folder, last = "", name
    elif len(last) > 100 or len(folder) > 155 or not slash:
        # The form of GNU tar, which every tar reads: the name first, as a separate member.
        told = name.encode() + b"\0"
        return header("././@LongLink", len(told), b"L") + padded(told) + header(name[:100], size, kind)
    number = b"%011o\0" % size if size < _OCTAL_SIZES else b"\x80" + size.to_bytes(11, "big")
    block = bytearray(_BLOCK)
    for at, field in (
        (0, last.encode()),
        (100, b"0000444\0" + b"0000000\0" * 2 + number + b"%011o\0" % 0 + b" " * 8 + kind),
        (257, b"ustar\x0000"),
        (345, folder.encode()),
    ):
        block[at : at + len(field)] = field
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def padded(data: bytes) -> bytes:
    """Bytes padded with zeros to whole blocks."""
    return data + bytes(-len(data) % _BLOCK)


def taken(name: str, size: int) -> int:
    """Size of a member in a tar, with header and padding, in bytes."""
    return len(header(name, size)) + size + -size % _BLOCK


class Writer:
    """Writes members into a compressed stream, one after another."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def add(self, name: str, size: int, pieces: Iterator[bytes]) -> None:
        """Write a member of `size` bytes; ValueError if the pieces have more or fewer."""
        self._stream.write(header(name, size))
        left = size
        for piece in pieces:
            left -= len(piece)
            self._stream.write(piece)
        if left:
            raise ValueError(f"{name} has {size - left} bytes, not {size}")
        self._stream.write(bytes(-size % _BLOCK))

    def end(self) -> None:
        """Write the end of the tar."""
        self._stream.write(END)


class Reader:
    """Reads the members that the caller expects; BadInput for anything else."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def first(self, name: str, most: int) -> bytes:
        """The bytes of the first member, which must have this name and at most `most` bytes."""
        block = self._exactly(_BLOCK)
        digits = block[124:135]
        size = int(digits, 8) if digits.isdigit() and not set(digits) & set(b"89") else -1
        if size < 0 or block != header(name, size):
            raise BadInput(NOT_OURS)
        if size > most:
            raise BadInput(f"its {name} has {size} bytes, more than {most}")
        return b"".join(self._body(size))

    def member(self, name: str, size: int) -> Iterator[bytes]:
        """The pieces of the next member, which must be a regular file of this name and size."""
        wanted = header(name, size)
        if self._exactly(len(wanted)) != wanted:
            raise BadInput(f"where {name} should follow, a regular file of {size} bytes, there is something else")
        yield from self._body(size)

    def end(self) -> None:
        """Raise BadInput unless the end of the tar follows."""
        if self._exactly(len(END)) != END or self._read(1):
            raise BadInput("it holds more than it lists")

    def _body(self, size: int) -> Iterator[bytes]:
        left = size
        while left:
            piece = self._exactly(min(left, CHUNK))
            left -= len(piece)
            yield piece
        if any(self._exactly(-size % _BLOCK)):
            raise BadInput("it holds bytes between its members")

    def _exactly(self, count: int) -> bytes:
        found = self._read(count)
        while len(found) < count:
            piece = self._read(count - len(found))
            if not piece:
                raise BadInput("it is cut short")
            found += piece
        return found

    def _read(self, count: int) -> bytes:
        try:
            return bytes(self._stream.read(count))
        except OSError as error:  # pyarrow's error for any fault that zstd finds
            raise BadInput(f"it is damaged or cut short ({error})") from None


@contextlib.contextmanager
def reading(file: Path) -> Iterator[Reader]:
    """Open a compressed file for reading; memory is bounded by zstd's window. BadInput if it is not such a file."""
    import pyarrow as pa

    try:
        if not file.is_file():
            raise BadInput(f"it is {what_it_is(file.stat().st_mode)}" if file.exists() else "there is no such file")
        with file.open("rb") as opened:
            start = opened.read(_BLOCK)
    except OSError as error:
        raise BadInput(f"it can't be read: {error.strerror or error}") from None
    if not start.startswith(_ZSTD):
        kind = next((kind for magic, kind in _STARTS.items() if start.startswith(magic)), "not a zstd file")
        kind = "a tar that is not compressed" if start[257:262] == b"ustar" else kind if start else "empty"
        raise BadInput(f"{NOT_OURS}: it is {kind}")
    with pa.OSFile(str(file), "rb") as raw, pa.CompressedInputStream(raw, "zstd") as stream:
        yield Reader(stream)


@contextlib.contextmanager
def writing(fd: int) -> Iterator[Writer]:
    """A writer of a compressed tar to an open file, which stays open. The tar is ended unless an error was raised."""
    import pyarrow as pa

    with open(os.dup(fd), "wb") as file, pa.CompressedOutputStream(pa.PythonFile(file, "w"), "zstd") as stream:
        writer = Writer(stream)
        yield writer
        writer.end()
