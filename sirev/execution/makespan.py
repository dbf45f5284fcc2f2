"""How long segments take on so many GPUs: the time until the last has ended, and what no schedule goes below."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from graphlib import TopologicalSorter

from sirev.execution.segments import Segment


def remaining(segments: Sequence[Segment], hours: Mapping[str, float]) -> dict[str, float]:
    """Segment -> hours of the longest chain that begins with it; `segments` have parents before children."""
    after: dict[str, float] = {}
    for one in reversed(segments):
        own = after[one.id] = hours[one.id] + after.get(one.id, 0.0)
        for parent in one.parents:
            after[parent] = max(after.get(parent, 0.0), own)
    return after


def longest_first(segments: Sequence[Segment], hours: Mapping[str, float]) -> list[Segment]:
    """The segments with parents before children, and of any two that may go first the one with the longer chain."""
    chain = remaining(segments, hours)
    order = _order(segments)
    ready: list[tuple[float, int]] = []
    found = []
    while order.is_active():
        for at in order.get_ready():
            heapq.heappush(ready, (-chain[segments[at].id], at))
        at = heapq.heappop(ready)[1]
        found.append(segments[at])
        order.done(at)
    return found


def _order(segments: Sequence[Segment]) -> TopologicalSorter[int]:
    """Says which segments, by their places, may begin: those whose parents, of these segments, have ended."""
    place = {one.id: at for at, one in enumerate(segments)}
    sorter = TopologicalSorter({at: [place[parent] for parent in one.parents & place.keys()] for at, one in enumerate(segments)})
    sorter.prepare()
    return sorter


def bound(segments: Sequence[Segment], hours: Mapping[str, float], gpus: int) -> float:
    """Hours that no schedule goes below: the longest chain, or all work spread evenly over the GPUs."""
    work = sum(hours[one.id] for one in segments if one.needs_gpu)
    return max(max(remaining(segments, hours).values(), default=0.0), work / gpus)


def makespan(segments: Sequence[Segment], hours: Mapping[str, float], gpus: int) -> float:
    """Hours until all have ended, where a free GPU takes the first segment of the order whose parents have ended.

    A segment that needs no GPU begins at once.
    """
    order = _order(segments)
    ready: list[int] = []
    running: list[tuple[float, int]] = []
    free, now = gpus, 0.0

    def begin(at: int) -> None:
        heapq.heappush(running, (now + hours[segments[at].id], at))

    while order.is_active():
        for at in order.get_ready():
            heapq.heappush(ready, at) if segments[at].needs_gpu else begin(at)
        while ready and free:
            free -= 1
            begin(heapq.heappop(ready))
        now, at = heapq.heappop(running)
        free += segments[at].needs_gpu
        order.done(at)
    return now


def lanes(segments: Sequence[Segment], count: int) -> dict[str, int]:
    """Segment -> one of so many lanes, in which one follows the other, each where it may begin first if all take equally long."""
    until = [0] * count
    ended: dict[str, int] = {}
    found = {}
    for one in segments:
        ready = max((ended[parent] for parent in one.parents if parent in ended), default=0)
        lane = min(range(count), key=lambda at: (max(ready, until[at]), -until[at]))
        found[one.id] = lane
        ended[one.id] = until[lane] = max(ready, until[lane]) + 1
    return found
