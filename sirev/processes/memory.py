"""Memory that this process may have."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

_GROUPS, MOUNT = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")
"""Where Linux says which control groups this process is in, and shows all that there are."""


def memory() -> int:
    """Bytes of the machine's memory, or fewer where the control group of this process, such as a container's, allows fewer."""
    return min([os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"), *_limits()])


def _limits() -> Iterator[int]:
    """Limits of the control groups, of version 1 or 2, that this process is in, and of those that they are in."""
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
