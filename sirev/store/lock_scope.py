"""The scope of a store's locks: whether other machines see them, as far as the mount options tell."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sirev.errors import BadInput
from sirev.store.shared import open_lock

_MOUNTS = Path("/proc/self/mountinfo")
_ALONE = {
    "nfs": ("nolock", "local_lock=all", "local_lock=flock"),
    "nfs4": ("nolock", "local_lock=all", "local_lock=flock"),
    "lustre": ("localflock",),
    "cifs": ("nobrl",),
    "smb3": ("nobrl",),
}
"""Mount options that keep the locks of a network file system on one machine, by kind of file system."""
_UNTOLD = ("fuse", "9p")
"""Kinds of file systems (up to a dot in their name) whose server may or may not pass locks on."""


@dataclass(frozen=True)
class Mount:
    """A mounted file system: mount point, kind, and the options of the mount and the superblock."""

    point: str
    kind: str
    options: frozenset[str]


def lock_doubt(root: Path) -> str | None:
    """Why locks in the store at `root` may not exclude other machines, or any process; None without a reason for doubt."""
    if (refused := _refused(root)) is not None:
        return f"its file system refuses locks: {refused}"
    try:
        mounts = mounts_in(_MOUNTS.read_text(encoding="utf-8", errors="surrogateescape"))
    except OSError:  # not Linux
        return None
    mount = mount_of(os.path.realpath(root), mounts)
    return doubt_of(mount) if mount is not None else None


def doubt_of(mount: Mount) -> str | None:
    """Why other machines may not see the locks in a file system; None without a reason for doubt."""
    for option in _ALONE.get(mount.kind, ()):
        if option in mount.options:
            return f"{mount.point} is mounted with {option} ({mount.kind}), which keeps locks to one machine"
    if mount.kind.partition(".")[0] in _UNTOLD:
        return f"{mount.point} ({mount.kind}) may keep locks to one machine"
    return None


def mounts_in(text: str) -> list[Mount]:
    """The mounts in a text in the format of /proc/self/mountinfo."""
    found = []
    for line in text.splitlines():
        before, dash, after = line.partition(" - ")
        fields, rest = before.split(" "), after.split(" ")
        if dash and len(fields) > 5 and len(rest) > 2:
            found.append(Mount(_unescaped(fields[4]), rest[0], frozenset(f"{fields[5]},{rest[2]}".split(","))))
    return found


def mount_of(path: str, mounts: Sequence[Mount]) -> Mount | None:
    """The mount of a resolved path: the one with the longest mount point; of several there, the last, which hides the others."""
    above = [mount for mount in mounts if f"{path}/".startswith(f"{mount.point.rstrip('/')}/")]
    return max(reversed(above), key=lambda mount: len(mount.point), default=None)


def _unescaped(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)


def _refused(root: Path) -> str | None:
    """The system's error for a lock in the store at `root`; None if locks work or the store can't be written."""
    path = root / "locks" / secrets.token_hex(16)
    try:
        fd = open_lock(root, path)
    except (OSError, BadInput):  # a read-only store: any attempt to compute reports that
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.strerror
    finally:
        with contextlib.suppress(OSError):
            path.unlink()
            os.close(fd)
    return None
