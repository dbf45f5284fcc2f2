"""Files that reports are written to."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from sirev.errors import BadInput


def written_file(path: Path) -> Path:
    """The file that writing to a path is about: what a link points to. BadInput for a device, a pipe or a socket."""
    try:
        target = path.resolve()
        special = target.exists() and not (target.is_file() or target.is_dir())
    except (OSError, RuntimeError) as error:  # too long a name, or a loop of links
        raise BadInput(f"{path}: can't be written: {getattr(error, 'strerror', None) or error}") from None
    if special:
        raise BadInput(f"{path}: is a device or a pipe; name a regular file")
    return target


def check_output(path: Path, named: str = "report.html") -> None:
    """BadInput for a path that can't be written as a file, such as `named`: a folder, a device, a pipe."""
    if written_file(path).is_dir():
        raise BadInput(f"--output {path}: is a folder; name a file in it, such as {path / named}")


def is_file_of_others(path: Path, beginning: str) -> bool:
    """Whether there is a file that does not begin as those that sirev wrote. BadInput for one that can't be read."""
    try:
        with path.open("rb") as file:
            return file.read(len(beginning.encode())) != beginning.encode()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise BadInput(f"{path}: can't be read, and is not replaced: {error.strerror or error}") from None


def place_file(text: str, path: Path) -> None:
    """Write a text into a file, which is whole at any time."""
    path = written_file(path)  # through a link, which stays one
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=".sirev-")  # its own name may be as long as any
    try:
        with open(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(scratch, 0o644)
        os.replace(scratch, path)  # a page that somebody is looking at is whole at any time
    except BaseException:
        os.unlink(scratch)
        raise
