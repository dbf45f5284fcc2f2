"""A pool of processes that judge answers, each within a limit of CPU seconds, whatever code an answer triggers.

Limits are CPU time, so that a loaded machine changes no verdict. An exception stops an answer. Code that never returns to the
interpreter (10**10**10 is one instruction) is ended by the kernel, and with it the worker. A wall clock of ten times the limit
backs up both. Answers that a dead worker had in hand are judged again, one by one, so that only the guilty one is blamed.
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
from sirev.processes.memory import memory
from sirev.processes.parent_death import die_with

T = TypeVar("T")
R = TypeVar("R")
Judge = Callable[[T], R]

PAIRS_AT_A_TIME = 16
"""Answers per hand-over to a worker: with sixteen the hand-over costs little, and a death costs no more than them."""

_WALL = 10.0
"""The wall clock's limit, as a multiple of the CPU seconds."""

MOST_MEMORY, LEAST_MEMORY = 4 << 30, 512 << 20
"""Bytes of address space of a worker; an expression that needs more raises MemoryError there, and the machine survives. The
least is six times the memory of the imports, such as sympy."""

_START = 120.0
"""Seconds for a worker's start, with all its imports, on a loaded machine."""

_ATTEMPTS = 3
"""Pools that are started in all, if each breaks down."""


class PoolLost(Exception):
    """The pool broke down, and the state of its remaining work is unknown."""


class OutOfTime(BaseException):
    """An answer's CPU seconds are over. Not an Exception, which the judging libraries would catch."""


def judge_all(
    judge: Judge[T, R],
    items: Sequence[T],
    *,
    seconds: float,
    workers: int,
    prepare: Callable[[], None] | None = None,
    judged: Callable[[int], None] | None = None,
) -> list[R | Reason]:
    """The result of `judge` for each item, in order; the pool itself adds "timeout" and "error".

    `judge` and `prepare`, which each worker calls once, are functions of an importable module. `judged` receives the index of
    each item that is done. The workers are fresh interpreters and end with the call. Raises RuntimeError after three broken
    pools.
    """
    reasons: dict[int, R | Reason] = {}

    def note(index: int, reason: R | Reason) -> None:
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
    judge: Judge[T, R],
    items: Sequence[T],
    todo: list[int],
    seconds: float,
    note: Callable[[int, R | Reason], None],
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
    pool: ProcessPool, judge: Judge[T, R], items: Sequence[T], chunks: list[list[int]], seconds: float
) -> Iterator[tuple[list[int], list[R | Reason] | Reason]]:
    """Each chunk with its items' results or, where its worker died, the reason of that death; in order of completion."""
    futures: dict[Future[list[R | Reason]], list[int]] = {}
    for chunk in chunks:
        limit = _WALL * seconds * len(chunk)
        futures[pool.schedule(_judge_chunk, (judge, [items[i] for i in chunk], seconds), timeout=limit)] = chunk
    pending = set(futures)
    while pending:
        # A worker that dies before the pool knows its task leaves a future that never completes.
        done, pending = wait(pending, timeout=_WALL * seconds * PAIRS_AT_A_TIME + _START, return_when=FIRST_COMPLETED)
        if not done:
            raise PoolLost
        for future in done:
            yield futures[future], _outcome(future)


def _outcome(future: Future[list[R | Reason]]) -> list[R | Reason] | Reason:
    try:
        return future.result()
    except TimeoutError:
        return "timeout"
    except ProcessExpired as death:
        return "timeout" if death.exitcode == -signal.SIGVTALRM else "error"
    except BrokenProcessPool as broken:
        raise PoolLost from broken
    except (OutOfTime, SystemExit):  # raised outside the worker's own handlers
        return "error"


def memory_of_each(workers: int) -> int:
    """Bytes of address space per worker: all workers together take at most half of the memory."""
    return max(LEAST_MEMORY, min(MOST_MEMORY, memory() // (2 * workers)))


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
    """Give workers started meanwhile one order of sets: sympy's form of an expression can depend on it."""
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


def _start(parent: int, most: int, prepare: Callable[[], None]) -> None:
    die_with(parent)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    signal.signal(signal.SIGPROF, _out_of_time)
    signal.signal(signal.SIGVTALRM, signal.SIG_DFL)  # ends the process in any state
    prepare()


def _out_of_time(signum: int, frame: FrameType | None) -> None:
    raise OutOfTime


def _judge_chunk(judge: Judge[T, R], items: Sequence[T], seconds: float) -> list[R | Reason]:
    return [_judge_one(judge, item, seconds) for item in items]


def _judge_one(judge: Judge[T, R], item: T, seconds: float) -> R | Reason:
    try:
        # Repeated, since a library's bare `except` can swallow the first signal.
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
