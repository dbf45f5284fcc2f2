"""Bounds on untrusted input, before it is opened or parsed: plain files, shallow JSON, gzip of a bounded size.

Refusal is immediate: reading a pipe would block, and a few kilobytes can unpack to gigabytes.
"""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

from sirev.errors import BadInput

DEPTH = 100
"""Nesting limit of JSON and YAML: far above any real input, far below the recursion limits of parsers and printers."""
GZIP_RATIO, GZIP_SLACK = 200, 1 << 30
"""Limit of a gzip file's unpacked size: `GZIP_RATIO` times its size, plus `GZIP_SLACK` bytes.

Completions shrink to a third. Those of a model that repeats one text shrink to a hundredth or less, but 300,000 of
them, 2 kB each, are 600 MB: within the slack.
"""


class TooDeep(ValueError):
    """JSON is nested too deep."""

    def __init__(self) -> None:
        super().__init__(f"nested more than {DEPTH} levels deep")


def parse_json(raw: bytes | str) -> Any:
    """The value of a JSON text. Raises ValueError if it is not JSON, TooDeep if it is nested more than `DEPTH` levels deep."""
    try:
        value = json.loads(raw)
    except RecursionError:
        raise TooDeep from None
    brackets = raw.count(b"[") + raw.count(b"{") if isinstance(raw, bytes) else raw.count("[") + raw.count("{")
    if brackets > DEPTH and not _is_shallow(value):  # with fewer it can't be deep
        raise TooDeep
    return value


def _is_shallow(value: Any) -> bool:
    level = [value]
    for _ in range(DEPTH):
        inner = (one.values() if isinstance(one, dict) else one for one in level if isinstance(one, dict | list))
        level = [one for values in inner for one in values if isinstance(one, dict | list)]
        if not level:
            return True
    return False


def require_utf8(what: str, path: Path, advice: str) -> None:
    """Raise BadInput for a path that is not UTF-8, since a report could not show it, which would show only after hours."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise BadInput(f"{what} {os.fsencode(path)!r} has a path that is not UTF-8; {advice}") from None


def require_plain_file(path: str | Path) -> None:
    """Raise BadInput for a path that is not a plain file, without opening it. A missing file passes: opening it will fail."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError):
        return
    refuse_unless_plain(path, mode)


def refuse_unless_plain(path: str | Path, mode: int) -> None:
    """As `require_plain_file`, for a known mode."""
    if stat.S_ISREG(mode):
        return
    # Such as /dev/stdin or <(...). The digest of an input is part of a key, so it is read before the step that needs it.
    hint = "; it would have to be read twice: write it to a file first" if stat.S_ISFIFO(mode) else ""
    raise BadInput(f"{path}: is {what_it_is(mode)}, where a file is expected{hint}")


def what_it_is(mode: int) -> str:
    """The kind of a file that is not plain, in words."""
    kinds = {stat.S_IFLNK: "a symbolic link", stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
    return kinds.get(stat.S_IFMT(mode), "a device")


def most_unpacked(path: Path) -> int:
    """The most bytes that a gzip file may unpack to."""
    return GZIP_SLACK + GZIP_RATIO * path.stat().st_size


def unpacks_to_too_much(path: Path) -> str:
    """The message about a gzip file that unpacks to more."""
    return (
        f"its {path.stat().st_size:,} bytes unpack to more than {most_unpacked(path):,}; unpack it yourself if that is intended"
    )


def refuse_wide_encoding(path: Path, start: bytes) -> None:
    """Raise BadInput if a text begins as UTF-16 or UTF-32: with a byte order mark, or with zeros, which UTF-8 text lacks."""
    zeros = start[:4].count(0)
    if start.startswith((b"\xff\xfe", b"\xfe\xff")) or zeros in (2, 3):
        wide = "UTF-32" if b"\0\0" in start[:4] else "UTF-16"
        raise BadInput(f"{path}: {wide}, where UTF-8 is expected; convert it with: iconv -f {wide} -t UTF-8")
