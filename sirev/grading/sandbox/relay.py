"""Relay of a program's output through a worker, in memory hidden from later programs.

A fork shows a program its worker's whole memory, freed parts included. So bytes of a program never become Python objects here:
the kernel writes them into, and reads them from, a mapping that is empty in every fork.
"""

from __future__ import annotations

import contextlib
import mmap
import os

_MADV_WIPEONFORK = 18  # since Linux 4.14; Python has no name for it
_A_PIPE = 1 << 16
"""Bytes that are read at a time beyond those kept."""


class Relay:
    """Buffers for the output of one program at a time: `kept` has one per size in `sizes`, for the first so many bytes."""

    def __init__(self, *sizes: int) -> None:
        memory = mmap.mmap(-1, sum(sizes) + _A_PIPE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        with contextlib.suppress(OSError):  # other systems lack this, and rely on `clear`
            memory.madvise(_MADV_WIPEONFORK)
        view, begin = memoryview(memory), _A_PIPE
        self.kept: list[Kept] = []
        for size in sizes:
            self.kept.append(Kept(view[begin : begin + size], view[:_A_PIPE]))
            begin += size

    def clear(self) -> None:
        """Erase everything before the next program, whether or not the kernel would show it."""
        for one in self.kept:
            one.clear()


class Kept:
    """The beginning of a pipe's content."""

    def __init__(self, room: memoryview, rest: memoryview) -> None:
        self._room, self._rest = room, rest
        self._count = 0

    def __len__(self) -> int:
        return self._count

    @property
    def content(self) -> memoryview:
        """The bytes kept, as a view of the memory, not a copy."""
        return self._room[: self._count]

    def read(self, descriptor: int) -> bool:
        """Read once and keep the bytes that there is room for; False at the end of the pipe, or if nothing is available."""
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
        """Overwrite the bytes kept with zeros."""
        self._room[: self._count] = bytes(self._count)
        self._count = 0
