"""System calls of Linux that Python doesn't offer: namespaces, mounts, capabilities, Landlock, seccomp.

Thin wrappers: a failed call raises OSError, with the name of the call.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct

from sirev.grading.sandbox.syscalls import ARCHITECTURES

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
ALL_NAMESPACES = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET

MS_NOSUID, MS_NODEV, MS_BIND, MS_REC, MS_PRIVATE = 2, 4, 4096, 16384, 1 << 18
_MNT_DETACH = 2
_MOUNT_ATTR_RDONLY, _MOUNT_ATTR_NOSUID = 1, 2
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_SECCOMP, _PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 1, 4, 22, 24, 38
_SECCOMP_MODE_FILTER = 2

# The same numbers on x86-64 and aarch64, as for all calls added since 2019.
_NR_MOUNT_SETATTR, _NR_LANDLOCK_CREATE, _NR_LANDLOCK_ADD, _NR_LANDLOCK_RESTRICT = 442, 444, 445, 446

LANDLOCK_WRITE_FILE, LANDLOCK_READ_FILE, LANDLOCK_READ_DIR = 2, 4, 8
_LANDLOCK_FILES = ((1, 13), (2, 14), (3, 15), (5, 16))
"""(version, number of file access rights known from that version on). All known rights are handled, and so denied by default."""
_LANDLOCK_NETWORK, _LANDLOCK_SCOPES = 3, 3  # bind and connect of TCP; abstract Unix sockets and signals

_libc = ctypes.CDLL(None, use_errno=True)


def machine() -> str:
    """The architecture, x86_64 or aarch64; raises OSError for any other."""
    found = platform.machine()
    if found not in ARCHITECTURES:
        raise OSError(f"no table of system calls for {found}")
    return found


def unshare(flags: int) -> None:
    """Move to new namespaces of these kinds."""
    _checked("unshare", _libc.unshare(flags))


def mount(source: str, target: str, kind: str | None, flags: int, data: str | None = None) -> None:
    """mount(2)."""
    encoded = [None if text is None else os.fsencode(text) for text in (source, target, kind, data)]
    _checked(f"mount {target}", _libc.mount(encoded[0], encoded[1], encoded[2], ctypes.c_ulong(flags), encoded[3]))


def make_read_only(target: str) -> None:
    """Make a mount and all mounts below it read-only; unlike a remount, this can't clear flags that are set."""
    attributes = struct.pack("=QQQQ", _MOUNT_ATTR_RDONLY | _MOUNT_ATTR_NOSUID, 0, 0, 0)
    path = ctypes.c_char_p(os.fsencode(target))
    _call("mount_setattr", _NR_MOUNT_SETATTR, _AT_FDCWD, path, _AT_RECURSIVE, attributes, len(attributes))


def pivot_root(new: str, old: str) -> None:
    """Make `new` the root, and mount the old root at `old`."""
    _call(
        "pivot_root",
        ARCHITECTURES[machine()][1]["pivot_root"],
        ctypes.c_char_p(os.fsencode(new)),
        ctypes.c_char_p(os.fsencode(old)),
    )


def detach(target: str) -> None:
    """Unmount a mount and all mounts below it."""
    _checked(f"umount {target}", _libc.umount2(os.fsencode(target), _MNT_DETACH))


def drop_capabilities() -> None:
    """Give up all capabilities for good: those in use, and those that a program could regain."""
    for capability in range(64):
        if _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) != 0:
            break  # past the last one, or without the right to drop any, and so without capabilities
    header = struct.pack("=Ii", 0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this process
    _checked("capset", _libc.capset(header, bytes(24)))


def no_new_privileges() -> None:
    """Bar programs started from here from gaining rights; an ordinary user needs this to set a filter."""
    _checked("prctl(PR_SET_NO_NEW_PRIVS)", _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))


def set_dumpable(dumpable: bool) -> None:
    """Set whether other processes of this user may inspect this one and write its /proc files."""
    _checked("prctl(PR_SET_DUMPABLE)", _libc.prctl(_PR_SET_DUMPABLE, int(dumpable), 0, 0, 0))


def set_parent_death_signal(signal: int) -> None:
    """Request a signal for the end of the thread that forked this process; 0 for none."""
    _checked("prctl(PR_SET_PDEATHSIG)", _libc.prctl(_PR_SET_PDEATHSIG, signal, 0, 0, 0))


class Filter:
    """A filter of system calls (`syscalls.filter_for`), laid out once so that setting it costs a fork no time."""

    def __init__(self, instructions: bytes, places: list[int]) -> None:
        self._held = ctypes.create_string_buffer(instructions, len(instructions))
        self._places = [ctypes.c_uint32.from_buffer(self._held, place) for place in places]
        self._program = struct.pack("@HP", len(instructions) // 8, ctypes.addressof(self._held))

    def set(self, pid: int) -> None:
        """Put this process, whose number is `pid`, and all its descendants under the filter."""
        for place in self._places:
            place.value = pid
        _checked("prctl(PR_SET_SECCOMP)", _libc.prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, self._program, 0, 0))


def landlock_version() -> int:
    """The kernel's version of Landlock; raises OSError without Landlock, or where it is switched off."""
    return _call("Landlock", _NR_LANDLOCK_CREATE, None, 0, 1)


def landlock_rules(readable: list[str], usable: list[str]) -> int:
    """Rules that allow reading files below `readable`, reading and writing the devices `usable`, and nothing else.

    Returns their file descriptor. Paths that don't exist are left out.
    """
    version = landlock_version()
    kinds = max(count for since, count in _LANDLOCK_FILES if version >= since)
    attributes = struct.pack(
        "=QQQ", (1 << kinds) - 1, _LANDLOCK_NETWORK if version >= 4 else 0, _LANDLOCK_SCOPES if version >= 6 else 0
    )
    size = 8 if version < 4 else 16 if version < 6 else 24
    rules = _call("landlock_create_ruleset", _NR_LANDLOCK_CREATE, attributes, size, 0)
    for paths, access in ((readable, LANDLOCK_READ_FILE | LANDLOCK_READ_DIR), (usable, LANDLOCK_READ_FILE | LANDLOCK_WRITE_FILE)):
        for path in paths:
            try:
                place = os.open(path, os.O_PATH | os.O_CLOEXEC)
            except OSError:
                continue
            try:
                allowed = access if os.path.isdir(path) else access & ~LANDLOCK_READ_DIR
                _call("landlock_add_rule", _NR_LANDLOCK_ADD, rules, 1, struct.pack("=Qi", allowed, place), 0)
            finally:
                os.close(place)
    return rules


def landlock(rules: int) -> None:
    """Put this process and all its descendants under these rules."""
    _call("landlock_restrict_self", _NR_LANDLOCK_RESTRICT, rules, 0)


def _call(name: str, number: int, *arguments: object) -> int:
    return _checked(name, int(_libc.syscall(number, *arguments)))


def _checked(name: str, returned: int) -> int:
    if returned < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{name}: {os.strerror(error)}")
    return returned
