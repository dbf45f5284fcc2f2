"""Small files that sirev keeps of a user between commands, outside of any store: $XDG_STATE_HOME/sirev."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path


def state_file(name: str) -> Path:
    """The place of a file of the user's; RuntimeError where there is no home folder."""
    state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    return state / "sirev" / name


def store_name(path: Path) -> str:
    """A store's part in the names of files about it."""
    return hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:16]


def write_state(name: str, text: str) -> bool:
    """Write a file of the user's, whole or not at all; False where nothing can be written."""
    try:
        write_whole(state_file(name), text)
    except (OSError, RuntimeError):
        return False
    return True


def write_whole(path: Path, text: str) -> None:
    """Write a file, whole or not at all, and the folders above it; OSError where nothing can be written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f"{path.name}.{os.getpid()}")
    scratch.write_text(text, encoding="utf-8")
    os.replace(scratch, path)


def read_state(name: str) -> str | None:
    """The text of a file of the user's; None where there is none, or none that can be read."""
    try:
        return state_file(name).read_text(encoding="utf-8")
    except (OSError, RuntimeError, ValueError):
        return None
