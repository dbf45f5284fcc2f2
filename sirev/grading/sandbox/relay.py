"""Relay of a program's output through a worker, in memory that later programs do not see.

A fork shows a program the whole memory of its worker, what is no longer in use included. So bytes of a program never become
an object here: the kernel puts them into a mapping, and takes them from there, that is empty in every fork of the worker.
"""

from __future__ import annotations

import contextlib
import mmap
import os

_MADV_WIPEONFORK = 18  # of Linux 4.14; Python has no name for it
_A_PIPE = 1 << 16
"""Bytes that are taken at once of what is not kept."""


class Relay:
    """Room for what one program at a time writes: for each of `sizes` the first so many bytes, in the order of `kept`."""

    def __init__(self, *sizes: int) -> None:
        memory = mmap.mmap(-1, sum(sizes) + _A_PIPE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        with contextlib.suppress(OSError):  # other systems have no such thing, and `clear` alone does
            memory.madvise(_MADV_WIPEONFORK)
        view, begin = memoryview(memory), _A_PIPE
        self.kept: list[Kept] = []
        for size in sizes:
            self.kept.append(Kept(view[begin : begin + size], view[:_A_PIPE]))
            begin += size

    def clear(self) -> None:
        """Leave nothing for the next program, whether or not the kernel would show it."""
        for one in self.kept:
            one.clear()


class Kept:
    """The beginning of what comes out of a pipe."""

    def __init__(self, room: memoryview, rest: memoryview) -> None:
        self._room, self._rest = room, rest
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def content(self) -> memoryview:
        """What is kept: the memory itself, not a copy."""
        return self._room[: self._count]

    def read(self, descriptor: int) -> bool:
        """Take what there is, keep it as far as there is room; False at the end of the pipe or where there is nothing now."""
        left = self._room[self._count :]
        try:
            count = os.readv(descriptor, [left or self._rest])
        except BlockingIOError:
            return False
        if left:
            self._count += count
        else:
            self._rest[:count] = bytes(count)
        return count > 0

    def clear(self) -> None:
        """Overwrite it with zeros."""
        self._room[: self._count] = bytes(self._count)
        self._count = 0
