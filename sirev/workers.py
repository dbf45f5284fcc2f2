"""Worker processes that share a computation between the cores, and never outlive it.

joblib keeps its workers for later calls. They hold the standard output of a command that has ended, so whoever reads it
through a pipe waits for minutes; hence pools of our own, shut down with the work: at its end, on an error, on a signal.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")

ENVIRONMENT = {
    "PYTHONSAFEPATH": "1",  # nothing is imported from the present folder
    **dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"),  # each worker has one core
}

SIGNALS = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}


def _shield() -> None:
    # Inherited by the workers from their first moment. Ctrl-C, `timeout` and schedulers signal the whole group; what that
    # means the parent decides.
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)


# The parent-death signal fires when the *thread* that started a worker ends, and Python's signal handlers run in the main
# thread alone: what starts and ends pools is one thread that lives as long as this process, and that no signal breaks off.
_keeper = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sirev-workers", initializer=_shield)
_pools: set[Any] = set()


@contextmanager
def spread(function: Callable[[T], R], items: Sequence[T]) -> Iterator[Iterator[R]]:
    """Results of `function` for each item, in order, computed by one worker per core; in this process where there is one core.

    `function` and the items must be picklable. The workers end with the `with` block, whatever ends it.
    """
    import joblib  # a replay imports this module and spreads nothing
    from joblib.externals.loky import ProcessPoolExecutor

    from sirev.parent import die_with

    cores = min(joblib.cpu_count(), len(items))
    if cores < 2:
        yield map(function, items)
        return
    pool = ProcessPoolExecutor(cores, initializer=die_with, initargs=(os.getpid(),), env=ENVIRONMENT)
    _pools.add(pool)
    try:
        futures = _keeper.submit(lambda: [pool.submit(function, item) for item in items]).result()
        # Not `pool.map`, which cancels what is left when it is closed, and loky's own thread stumbles over cancelled futures.
        yield (future.result() for future in futures)
    except BaseException:
        _shut_down(pool, kill_workers=True)
        raise
    else:
        _shut_down(pool)
    finally:
        _pools.discard(pool)


def end_workers() -> None:
    """End the workers of every thread at once; what they were computing is lost, and their `spread` raises."""
    for pool in tuple(_pools):
        _shut_down(pool, kill_workers=True)


def _shut_down(pool: Any, kill_workers: bool = False) -> None:
    _keeper.submit(pool.shutdown, wait=True, kill_workers=kill_workers).result()
