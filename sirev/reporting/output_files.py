"""Files that reports are written to."""

from __future__ import annotations

from pathlib import Path

from sirev.errors import BadInput


def written_file(path: Path) -> Path:
    """The file that writing to a path is about: what a link points to. BadInput for a device, a pipe or a socket."""
    try:
        target = path.resolve()
        special = target.exists() and not (target.is_file() or target.is_dir())
    except (OSError, RuntimeError) as error:  # a loop of links
        raise BadInput(f"{path}: can't be written: {error}") from None
    if special:
        raise BadInput(f"{path}: is a device or a pipe; name a regular file")
    return target
