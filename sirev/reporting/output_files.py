"""Output files of reports."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from sirev.errors import BadInput


def written_file(path: Path) -> Path:
    """The path with links resolved. Raises BadInput for a device, a pipe or a socket."""
    try:
        target = path.resolve()
        special = target.exists() and not (target.is_file() or target.is_dir())
    except (OSError, RuntimeError) as error:  # a name that is too long, or a loop of links
        raise BadInput(f"{path}: can't be written: {getattr(error, 'strerror', None) or error}") from None
    if special:
        raise BadInput(f"{path}: is a device or a pipe; name a regular file")
    return target


def check_output(path: Path, named: str = "report.html") -> None:
    """Raise BadInput for a path that is not a regular file: a folder, a device, a pipe. `named` is an example of a file name."""
    if written_file(path).is_dir():
        raise BadInput(f"--output {path}: is a folder; name a file in it, such as {path / named}")


def is_file_of_others(path: Path, beginning: str) -> bool:
    """Whether there is a file that sirev did not write: its `beginning` differs. Raises BadInput for an unreadable file."""
    try:
        with path.open("rb") as file:
            return file.read(len(beginning.encode())) != beginning.encode()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise BadInput(f"{path}: can't be read, and is not replaced: {error.strerror or error}") from None


def place_file(text: str, path: Path) -> None:
    """Write a text into a file atomically."""
    path = written_file(path)  # a link stays a link
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=".sirev-")  # the name of the file may be too long to extend
    try:
        with open(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(scratch, 0o644)
        os.replace(scratch, path)  # readers never see half a page
    except BaseException:
        os.unlink(scratch)
        raise
