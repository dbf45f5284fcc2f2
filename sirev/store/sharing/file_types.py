"""Checks that a file has the format of its name's ending, without the libraries that would load it."""

from __future__ import annotations

import codecs
import gzip
import io
import pickletools
import re
import struct
import zlib
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from sirev import inputs

JSON_BYTES = 64 << 20
"""Largest size of a JSON file in bytes, since it is parsed as a whole; the largest of a model, its tokenizer, has half of it."""
SAFETENSORS_HEADER = 100_000_000
"""The safetensors library's own limit in bytes."""
_CHUNK = 1 << 20
OPCODES = 10_000
"""How many opcodes of text are read as if it were a pickle; one that builds an object shows it in the first few dozen."""
NAMES_CODE = frozenset({"GLOBAL", "STACK_GLOBAL", "INST", "EXT1", "EXT2", "EXT4"})
CALLS_CODE = frozenset({"REDUCE", "BUILD", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX"})


class NotWhatItSays(Exception):
    """A file does not have the format of its name's ending."""


def parse_untrusted_json(raw: bytes) -> Any:
    """The value of a JSON document in UTF-8; NotWhatItSays if it is not JSON or nested too deep."""
    try:
        return inputs.parse_json(raw.decode())
    except inputs.TooDeep:
        raise NotWhatItSays("JSON nested too deep") from None
    except ValueError:
        raise NotWhatItSays("not JSON") from None


def _json(path: Path) -> None:
    if (size := path.stat().st_size) > JSON_BYTES:
        raise NotWhatItSays(f"JSON of {size} bytes, more than {JSON_BYTES}")
    parse_untrusted_json(path.read_bytes())


def _text(path: Path) -> None:
    with path.open("rb") as file:
        _check_text(file)


def _packed_lines(path: Path) -> None:
    """Check gzip; only the beginning is unpacked, since a file may be made to unpack without end."""
    with path.open("rb") as file:
        if file.read(3) != b"\x1f\x8b\x08":
            raise NotWhatItSays("no gzip")
    try:
        with gzip.open(path) as file:
            _not_executable(file.read(_CHUNK))
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise NotWhatItSays("no gzip") from None


def _any(path: Path) -> None:
    with path.open("rb") as file:
        _not_executable(file.read(_CHUNK))


def _parquet(path: Path) -> None:
    with path.open("rb") as file:
        begins = file.read(4)
        size = file.seek(0, io.SEEK_END)
        file.seek(max(0, size - 8))
        footer, ends = struct.unpack("<I4s", file.read(8)) if size >= 12 else (0, b"")
    if begins != b"PAR1" or ends != b"PAR1" or footer > size - 12:
        raise NotWhatItSays("not Parquet")


def _safetensors(path: Path) -> None:
    """Check safetensors: header length, header, then adjacent tensors up to the end of the file, and no other byte."""
    with path.open("rb") as file:
        size = file.seek(0, io.SEEK_END)
        file.seek(0)
        if size < 8:
            raise NotWhatItSays("not safetensors")
        (length,) = struct.unpack("<Q", file.read(8))
        if length > min(SAFETENSORS_HEADER, size - 8):
            raise NotWhatItSays("not safetensors")
        raw = file.read(length)
    header = parse_untrusted_json(raw) if raw.startswith(b"{") else None
    if not isinstance(header, dict):
        raise NotWhatItSays("not safetensors")
    notes = header.pop("__metadata__", {})
    if not isinstance(notes, dict) or not all(isinstance(note, str) for note in notes.values()):
        raise NotWhatItSays("a safetensors header with odd metadata")
    spans = sorted(_span(name, tensor) for name, tensor in header.items())
    at = 0
    for begin, end in spans:
        if begin != at or end < begin:
            raise NotWhatItSays("safetensors with bytes that belong to no tensor, or to two")
        at = end
    if at != size - 8 - length:
        raise NotWhatItSays("safetensors with bytes that belong to no tensor, or cut short")


def _span(name: str, tensor: Any) -> tuple[int, int]:
    offsets = tensor.get("data_offsets") if isinstance(tensor, dict) else None
    whole = isinstance(offsets, list) and len(offsets) == 2 and all(type(one) is int for one in offsets)
    if not whole or offsets is None or set(tensor) != {"dtype", "shape", "data_offsets"}:
        raise NotWhatItSays(f"safetensors with an odd tensor {name[:80]!r}")
    return offsets[0], offsets[1]


def _check_text(file: BinaryIO) -> None:
    """Check for UTF-8 up to the end, and that the text is no executable in disguise."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    first = file.read(_CHUNK)
    _not_executable(first)
    try:
        decoder.decode(first)
        while piece := file.read(_CHUNK):
            decoder.decode(piece)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise NotWhatItSays("not text in UTF-8") from None


def _not_executable(first: bytes) -> None:
    """Refuse a pickle, a zip (torch.save writes one with a pickle in it), a program or a script."""
    if (first[:1] == b"\x80" and first[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05")) or _text_pickle(first):
        raise NotWhatItSays("a pickle, which would run code when it is loaded")
    if first.startswith((b"PK\x03\x04", b"PK\x05\x06")):
        raise NotWhatItSays("a zip archive")
    if first.startswith((b"\x7fELF", b"#!")):
        raise NotWhatItSays("a program")


def _text_pickle(first: bytes) -> bool:
    """Whether the bytes parse as a pickle of the old, textual protocols that builds objects; nothing is executed."""
    names = calls = False
    try:
        for opcode, argument, _ in islice(pickletools.genops(first), OPCODES):
            if opcode.name in ("GLOBAL", "INST"):
                names = names or all(re.fullmatch(r"[A-Za-z_][\w.]*", part) for part in str(argument).split(" "))
            else:
                names = names or opcode.name in NAMES_CODE
            calls = calls or opcode.name in CALLS_CODE
    except Exception:  # other bytes can lead to any error
        return False
    return names and calls


CHECKS: dict[str, Callable[[Path], None]] = {
    ".json": _json,
    ".jsonl": _text,
    ".jsonl.gz": _packed_lines,
    ".parquet": _parquet,
    ".safetensors": _safetensors,
    ".jinja": _text,
    ".txt": _text,
    ".model": _any,
}
"""Ending of a file name -> the check of such a file."""
