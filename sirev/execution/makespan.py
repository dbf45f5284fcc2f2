"""Schedules of segments on several GPUs: order, total time, and a lower bound."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from graphlib import TopologicalSorter

from sirev.execution.segments import Segment


def remaining(segments: Sequence[Segment], hours: Mapping[str, float]) -> dict[str, float]:
    """Segment -> hours of the longest chain that starts with it; `segments` have parents before children."""
    after: dict[str, float] = {}
    for one in reversed(segments):
        own = after[one.id] = hours[one.id] + after.get(one.id, 0.0)
        for parent in one.parents:
            after[parent] = max(after.get(parent, 0.0), own)
    return after


def longest_first(segments: Sequence[Segment], hours: Mapping[str, float]) -> list[Segment]:
    """The segments with parents before children; of those ready, the one with the longest chain goes first."""
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
    """A sorter of the segments' indices: a segment is ready once its parents among them are done."""
    place = {one.id: at for at, one in enumerate(segments)}
    sorter = TopologicalSorter({at: [place[parent] for parent in one.parents & place.keys()] for at, one in enumerate(segments)})
    sorter.prepare()
    return sorter


def bound(segments: Sequence[Segment], hours: Mapping[str, float], gpus: int) -> float:
    """Lower bound of the hours of any schedule: the longest chain, or all GPU work spread evenly over the GPUs."""
    work = sum(hours[one.id] for one in segments if one.needs_gpu)
    return max(max(remaining(segments, hours).values(), default=0.0), work / gpus)


def makespan(segments: Sequence[Segment], hours: Mapping[str, float], gpus: int) -> float:
    """Hours until all segments have ended, where a free GPU takes the first segment whose parents have ended.

    A segment that needs no GPU begins as soon as its parents have ended.
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
    """Segment -> one of `count` lanes of consecutive segments: the lane where it can begin first if all take equally long."""
    until = [0] * count
    ended: dict[str, int] = {}
    found = {}
    for one in segments:
        ready = max((ended[parent] for parent in one.parents if parent in ended), default=0)
        lane = min(range(count), key=lambda at: (max(ready, until[at]), -until[at]))
        found[one.id] = lane
        ended[one.id] = until[lane] = max(ready, until[lane]) + 1
    return found
