"""A pool of processes that judges answers, each within a limit of CPU seconds, whatever an answer makes the code do.

Limits are CPU time, so that a loaded machine changes no verdict. An answer is stopped by an exception; code that never
comes back to the interpreter (10**10**10 is one instruction) is ended by the kernel, and with it the worker; a wall
clock, ten times the limit, stands behind both. What a dead worker had in hand is judged again, one by one, so that only
the guilty answer bears the blame.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import resource
import signal
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, TimeoutError, wait
from concurrent.futures.process import BrokenProcessPool
from types import FrameType
from typing import TypeVar

from pebble import ProcessExpired, ProcessPool

from sirev.grading.grade import Reason
from sirev.processes.parent_death import die_with

T = TypeVar("T")
Judge = Callable[[T], Reason]

PAIRS_AT_A_TIME = 16
"""Answers handed to a worker at a time: handing over costs little beside sixteen, and a death costs no more than them."""

_WALL = 10.0
"""The wall clock's limit, in limits of CPU seconds."""

MOST_MEMORY, LEAST_MEMORY = 4 << 30, 512 << 20
"""Bytes of address space of a worker; an expression that needs more is a MemoryError there and not the machine's end. The least
is six times what the imports of sympy and the rest take."""

_START = 120.0
"""Seconds that starting a worker, with all its imports, may take on a loaded machine."""

_ATTEMPTS = 3
"""How often a pool that broke down as a whole is replaced by another."""


class PoolLost(Exception):
    """The pool broke down, and nothing is known of what it still had to do."""


class OutOfTime(BaseException):
    """An answer's CPU seconds are over. Not an Exception, which the libraries that judge would catch."""


def judge_all(
    judge: Judge[T],
    items: Sequence[T],
    *,
    seconds: float,
    workers: int,
    prepare: Callable[[], None] | None = None,
    judged: Callable[[int], None] | None = None,
) -> list[Reason]:
    """What `judge` says of each item, in order; "timeout" and "error" are the pool's own.

    `judge` and `prepare`, which each worker calls once, are functions of an importable module. `judged` is told the
    index of each item as it is done. The workers are fresh interpreters and end with the call.
    """
    reasons: dict[int, Reason] = {}

    def note(index: int, reason: Reason) -> None:
        reasons[index] = reason
        if judged is not None:
            judged(index)

    for _ in range(_ATTEMPTS):
        if len(reasons) == len(items):
            break
        with contextlib.suppress(PoolLost), _pool(min(workers, len(items)), prepare or _nothing) as pool:
            _attempt(pool, judge, items, [i for i in range(len(items)) if i not in reasons], seconds, note)
    else:
        if len(reasons) < len(items):
            raise RuntimeError(f"the grading processes failed {_ATTEMPTS} times; what they printed says why")
    return [reasons[index] for index in range(len(items))]


def _attempt(
    pool: ProcessPool,
    judge: Judge[T],
    items: Sequence[T],
    todo: list[int],
    seconds: float,
    note: Callable[[int, Reason], None],
) -> None:
    chunks = [todo[first : first + PAIRS_AT_A_TIME] for first in range(0, len(todo), PAIRS_AT_A_TIME)]
    suspects: list[int] = []
    for chunk, outcome in _outcomes(pool, judge, items, chunks, seconds):
        if isinstance(outcome, list):
            for index, reason in zip(chunk, outcome, strict=True):
                note(index, reason)
        else:
            suspects += chunk
    for (index,), outcome in _outcomes(pool, judge, items, [[index] for index in sorted(suspects)], seconds):
        note(index, outcome[0] if isinstance(outcome, list) else outcome)


def _outcomes(
    pool: ProcessPool, judge: Judge[T], items: Sequence[T], chunks: list[list[int]], seconds: float
) -> Iterator[tuple[list[int], list[Reason] | Reason]]:
    """Each chunk with its items' reasons or, where its worker died, the reason of that death. In order of completion."""
    futures: dict[Future[list[Reason]], list[int]] = {}
    for chunk in chunks:
        limit = _WALL * seconds * len(chunk)
        futures[pool.schedule(_judge_chunk, (judge, [items[i] for i in chunk], seconds), timeout=limit)] = chunk
    pending = set(futures)
    while pending:
        # A worker that dies before the pool knows what it took leaves a future that never completes.
        done, pending = wait(pending, timeout=_WALL * seconds * PAIRS_AT_A_TIME + _START, return_when=FIRST_COMPLETED)
        if not done:
            raise PoolLost
        for future in done:
            yield futures[future], _outcome(future)


def _outcome(future: Future[list[Reason]]) -> list[Reason] | Reason:
    try:
        return future.result()
    except TimeoutError:
        return "timeout"
    except ProcessExpired as death:
        return "timeout" if death.exitcode == -signal.SIGVTALRM else "error"
    except BrokenProcessPool as broken:
        raise PoolLost from broken
    except (OutOfTime, SystemExit):  # raised where nothing in the worker was there to catch it
        return "error"


def memory_of_each(workers: int) -> int:
    """Bytes of address space for each of so many workers: at their worst all of them take half of this machine's memory."""
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return max(LEAST_MEMORY, min(MOST_MEMORY, machine // (2 * workers)))


@contextlib.contextmanager
def _pool(workers: int, prepare: Callable[[], None]) -> Iterator[ProcessPool]:
    # Spawned, not forked: the caller may have threads, and a forked worker would hold the caller's locks and pipes.
    context = multiprocessing.get_context("spawn")
    told = (os.getpid(), memory_of_each(workers), prepare)
    pool = ProcessPool(workers, initializer=_start, initargs=told, context=context)
    with _fixed_hashes():
        try:
            yield pool
        finally:
            pool.stop()
            pool.join()


@contextlib.contextmanager
def _fixed_hashes() -> Iterator[None]:
    """Workers started meanwhile have one order of sets: what sympy makes of an expression can depend on it."""
    before = os.environ.get("PYTHONHASHSEED")
    os.environ["PYTHONHASHSEED"] = "0"
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONHASHSEED"]
        else:
            os.environ["PYTHONHASHSEED"] = before


def _nothing() -> None:
    """Prepare nothing."""


# The worker's side.


def _start(parent: int, memory: int, prepare: Callable[[], None]) -> None:
    die_with(parent)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGPROF, _out_of_time)
    signal.signal(signal.SIGVTALRM, signal.SIG_DFL)  # ends the process, whatever it is busy with
    prepare()


def _out_of_time(signum: int, frame: FrameType | None) -> None:
    raise OutOfTime


def _judge_chunk(judge: Judge[T], items: Sequence[T], seconds: float) -> list[Reason]:
    return [_judge_one(judge, item, seconds) for item in items]


def _judge_one(judge: Judge[T], item: T, seconds: float) -> Reason:
    try:
        # Again and again, since a library's bare `except` can swallow the first.
        signal.setitimer(signal.ITIMER_PROF, seconds, 0.1)
        signal.setitimer(signal.ITIMER_VIRTUAL, 2 * seconds)
        try:
            return judge(item)
        except Exception:
            traceback.print_exc()
            return "error"
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    except OutOfTime:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        return "timeout"
