"""Layers of confinement around a worker and around each of its programs.

Tier A: its own namespaces (users, mounts, processes, network, IPC), a root with nothing but the interpreter in it, and all of
tier B. Tier B: Landlock, a filter of system calls, no capabilities, limits. Tier C: limits alone.
"""

from __future__ import annotations

import contextlib
import os
import random
import resource
import signal
import sys
from dataclasses import dataclass
from typing import Literal

from sirev.grading.sandbox import kernel, private_root
from sirev.grading.sandbox.syscalls import filter_for

Tier = Literal["A", "B", "C"]
CONFINED: tuple[Tier, ...] = ("A", "B")
"""Tiers that confine programs."""

DESCRIPTORS = 64
THREADS = 64
MORE_THREADS = 1024
"""Extra threads where the user's own count too: those come and go, and must not make an honest program fail."""
STACK = 8 << 20
NOBODY = 65534
"""The number of the user "nobody" on most systems; it exists also where a container knows few numbers."""


@dataclass
class Confinement:
    """The layers around a worker; its programs, forks of it, inherit them all."""

    tier: Tier
    calls: kernel.Filter | None = None
    """Filter of a program's system calls; None: all are allowed."""
    own_user: bool = False
    """Whether only this worker's programs count towards its user's processes."""
    root_kept: bool = False
    """Whether the worker still runs as root, without root's rights, because no other user can read the interpreter."""
    address_space: int = 0
    """Bytes of address space of the worker, and so of every fork of it."""
    others: int = 0
    """Threads of the user outside this worker, where they are counted together."""

    def limit(self, memory: int) -> None:
        """Limit this process and its forks; `memory` is in bytes on top of its present size."""
        with contextlib.suppress(ValueError, OSError):  # macOS has the limit and doesn't enforce it
            resource.setrlimit(resource.RLIMIT_AS, (self.address_space + memory,) * 2)
        with contextlib.suppress(ValueError, OSError):  # the user's own limit may be lower
            # The depth at which recursion fails must not depend on the shell that started this.
            resource.setrlimit(resource.RLIMIT_STACK, (STACK, resource.getrlimit(resource.RLIMIT_STACK)[1]))
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0) if self.tier != "C" else (16 << 20,) * 2)
        resource.setrlimit(resource.RLIMIT_NOFILE, (DESCRIPTORS, DESCRIPTORS))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if self.own_user:
            resource.setrlimit(resource.RLIMIT_NPROC, (THREADS, THREADS))
        elif self.tier == "B" and os.geteuid() != 0:  # root's processes are not counted
            most = min(self.others + MORE_THREADS, *(n for n in resource.getrlimit(resource.RLIMIT_NPROC) if n >= 0))
            resource.setrlimit(resource.RLIMIT_NPROC, (most, most))

    def confine_program(self, seconds: int, worker: int) -> None:
        """Put the last layers around this process, a fork of the process `worker`; they can't be removed again."""
        # Equal soft and hard limits: a lower soft one sends a signal that a program can ignore.
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
        if sys.platform == "linux":
            kernel.set_parent_death_signal(signal.SIGKILL)
        if os.getppid() != worker:  # the worker ended before the signal was set
            os._exit(1)
        if self.calls is None:
            os.setsid()  # a process group that can be killed as one
        else:
            self.calls.set(os.getpid())


def enter(tier: Tier) -> Confinement:
    """Confine this process in a tier. Raises OSError, naming the call, where the system refuses.

    Tier A forks: the caller continues as the first process of its namespace; its parent waits for it and ends with it.
    """
    if tier == "C":
        kept = os.geteuid() == 0 and not _become_nobody()
        return Confinement(tier, address_space=_address_space(), root_kept=kept)
    calls = kernel.Filter(*filter_for(kernel.machine()))
    kernel.landlock_version()
    paths = private_root.readable()
    others = _threads_of_user() if tier == "B" else 0
    before = os.geteuid()
    own = _enter_namespaces(paths) if tier == "A" else before == 0 and _become_nobody()
    kernel.drop_capabilities()
    kernel.set_dumpable(False)
    kernel.no_new_privileges()
    rules = kernel.landlock_rules(paths, list(private_root.DEVICES))
    size = _ADDRESS_SPACE or _address_space()
    if tier == "A":
        _become_first_process()
    kernel.landlock(rules)
    os.close(rules)
    _try_filter(calls)
    return Confinement(tier, calls, own, before == 0 and not own, size, others)


def _try_filter(calls: kernel.Filter) -> None:
    """Raise OSError where the kernel takes no filter; tried in a fork, since a worker has to fork."""
    child = os.fork()
    if child == 0:
        try:
            calls.set(os.getpid())
        except OSError as error:
            os._exit(error.errno or 1)
        os._exit(0)
    if refused := os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
        raise OSError(refused, f"prctl(PR_SET_SECCOMP): {os.strerror(refused)}")


_ADDRESS_SPACE = 0


def _address_space() -> int:
    """Bytes of this process's address space; 0 where unknown."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[0]) * resource.getpagesize()
    except (OSError, ValueError):
        return 0


def _threads_of_user() -> int:
    """The number of threads in all processes of this user."""
    found = 0
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                found += len(os.listdir(f"/proc/{entry.name}/task")) if entry.stat().st_uid == os.geteuid() else 0
    return found


def _enter_namespaces(paths: list[str]) -> bool:
    """Enter namespaces and a root of this process's own; return whether its user's processes are counted separately there."""
    global _ADDRESS_SPACE
    _ADDRESS_SPACE = _address_space()
    me = os.open("/proc/self", os.O_PATH | os.O_DIRECTORY)
    rooted = False
    if os.geteuid() == 0:
        # Made while this process is still root, so that it can hold an interpreter in root's home.
        with contextlib.suppress(OSError):
            kernel.unshare(kernel.CLONE_NEWNS)
            rooted = True
        if rooted:
            private_root.enter_private_root(paths)
        _change_user()
        kernel.set_dumpable(True)  # else /proc/self would belong to root, and the maps could not be written
    uid, gid = os.geteuid(), os.getegid()
    kernel.unshare(kernel.ALL_NAMESPACES)
    for name, content in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        descriptor = os.open(name, os.O_WRONLY, dir_fd=me)
        try:
            os.write(descriptor, content.encode())
        finally:
            os.close(descriptor)
    os.close(me)
    if not rooted:
        private_root.enter_private_root(paths)
    return _counts_processes_apart()


def _counts_processes_apart() -> bool:
    """Whether a user namespace has its own count of a user's processes, as from Linux 5.14 on."""
    major, minor = (int("".join(c for c in part if c.isdigit()) or 0) for part in os.uname().release.split(".")[:2])
    return (major, minor) >= (5, 14)


def _become_first_process() -> None:
    """Fork into the new namespace of processes. The parent waits, and ends when its child does."""
    kernel.set_parent_death_signal(signal.SIGKILL)  # a change of user cleared it
    child = os.fork()
    if child == 0:
        kernel.set_parent_death_signal(signal.SIGKILL)
        return
    os.closerange(0, DESCRIPTORS)  # else the harness would not see the end of the worker's messages
    _, status = os.waitpid(child, 0)
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


def _change_user() -> None:
    """Become a user without any other process, or nobody where the system knows few users. Raises OSError if neither works."""
    os.setgroups([])
    number = random.SystemRandom().randrange(0x60000000, 0x7F000000)
    for user in (number, NOBODY):
        try:
            os.setresgid(user, user, user)
            os.setresuid(user, user, user)
        except OSError:
            continue
        return
    raise OSError("root can't become another user here")


def _become_nobody() -> bool:
    """Change from root to a user that can read the interpreter; False, and no change, if it can't (in root's home, say)."""
    child = os.fork()
    if child == 0:
        try:
            _change_user()
            os.listdir(os.path.dirname(os.__file__))
        except OSError:
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if status == 0:
        _change_user()
        if sys.platform == "linux":
            kernel.set_parent_death_signal(signal.SIGKILL)
    return status == 0
