"""Memory available to this process."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

_GROUPS, MOUNT = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")
"""Linux's list of this process's control groups, and the mount with all control groups."""


def memory() -> int:
    """The machine's memory in bytes, or a lower limit of this process's control group, such as a container's."""
    return min([os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"), *_limits()])


def _limits() -> Iterator[int]:
    """Memory limits in bytes of this process's control groups, of version 1 or 2, and of their parents."""
    with contextlib.suppress(OSError):  # another system, or none are mounted
        for line in _GROUPS.read_text(encoding="utf-8", errors="replace").splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers and "memory" not in controllers.split(","):
                continue
            base, name = (MOUNT / "memory", "memory.limit_in_bytes") if controllers else (MOUNT, "memory.max")
            group = PurePosixPath(path)
            for folder in (group, *group.parents):
                # A container may see its own group as the whole mount; "max" is no limit.
                with contextlib.suppress(OSError, ValueError):
                    yield int((base / str(folder).lstrip("/") / name).read_bytes())
