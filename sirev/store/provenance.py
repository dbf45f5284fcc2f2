"""Provenance of an action: kept in the record of its result, never part of a key or an artifact."""

from __future__ import annotations

import platform
import subprocess
import sys
from datetime import UTC, datetime
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from sirev.processes.spawning import cores


def now() -> str:
    """The present time, UTC, sortable as text."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


@cache
def versions(packages: tuple[str, ...]) -> dict[str, str]:
    """The installed version of each package, and of Python; packages that are not installed are left out."""
    found = {"python": platform.python_version()}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


@cache
def hardware() -> dict[str, Any]:
    """The machine: architecture, system, cores available to this process, and the driver's names of its NVIDIA GPUs."""
    found: dict[str, Any] = {"machine": platform.machine(), "system": sys.platform, "cores": cores()}
    models = [
        line.partition(":")[2].strip()
        for path in sorted(Path("/proc/driver/nvidia/gpus").glob("*/information"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if line.startswith("Model:")
    ]
    return found | ({"gpus": models} if models else {})


@cache
def git_state(folder: Path) -> dict[str, Any] | None:
    """The commit of the checkout that contains `folder`, and whether it has changes; None where git does not track `folder`."""
    command = ["git", "-C", str(folder)]
    try:
        # An installed sirev may be in a virtual environment inside an unrelated repository.
        tracked = subprocess.run([*command, "ls-files", "--error-unmatch", "."], capture_output=True, timeout=30)
        if tracked.returncode != 0:
            return None
        commit = subprocess.run([*command, "rev-parse", "HEAD"], capture_output=True, text=True, timeout=10)
        status = subprocess.run([*command, "status", "--porcelain"], capture_output=True, text=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return None
    if commit.returncode != 0:
        return None
    return {"commit": commit.stdout.strip(), "changed": bool(status.stdout.strip())}
