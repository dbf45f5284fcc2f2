"""Small files of a user that sirev keeps between commands, outside any store: $XDG_STATE_HOME/sirev."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path


def state_file(name: str) -> Path:
    """Path of a state file; RuntimeError where there is no home folder."""
    state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    return state / "sirev" / name


def store_name(path: Path) -> str:
    """Part of the names of state files about a store."""
    return hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:16]


def write_state(name: str, text: str) -> bool:
    """Write a state file atomically; returns False where nothing can be written."""
    try:
        write_whole(state_file(name), text)
    except (OSError, RuntimeError):
        return False
    return True


def write_whole(path: Path, text: str) -> None:
    """Write a file atomically, creating its parents; OSError where nothing can be written."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f"{path.name}.{os.getpid()}")
    scratch.write_text(text, encoding="utf-8")
    os.replace(scratch, path)


def read_state(name: str) -> str | None:
    """The text of a state file; None if it is missing or can't be read."""
    try:
        return state_file(name).read_text(encoding="utf-8")
    except (OSError, RuntimeError, ValueError):
        return None
