"""Worker processes that share a computation between the cores, and never outlive it.

joblib keeps its workers for later calls. They hold the standard output of a command that has ended, so whoever reads it
through a pipe waits for minutes; hence pools of our own, shut down with the work: at its end, on an error, on a signal.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from pathlib import Path
from subprocess import DEVNULL, PIPE
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")


class WorkersEnded(Exception):
    """The workers were ended before their work."""


ENVIRONMENT = {
    "PYTHONSAFEPATH": "1",  # nothing is imported from the present folder
    **dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1"),  # each worker has one core
}

POLL_SECONDS = 0.5
"""How often whoever waits for a worker looks whether it was ended."""
SIGNALS = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}


def _shield() -> None:
    # Inherited by the workers from their first moment. Ctrl-C, `timeout` and schedulers signal the whole group; what that
    # means the parent decides.
    signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)


# The parent-death signal fires when the *thread* that started a worker ends, and Python's signal handlers run in the main
# thread alone: what starts and ends pools is one thread that lives as long as this process, and that no signal breaks off.
_keeper = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sirev-workers", initializer=_shield)
_running: set[_Work] = set()
_processes: set[subprocess.Popen[str]] = set()


@contextmanager
def spread(function: Callable[[T], R], items: Sequence[T]) -> Iterator[Iterator[R]]:
    """Results of `function` for each item, in order, computed by one worker per core; in this process where there is one core.

    `function` and the items must be picklable. The workers end with the `with` block, whatever ends it. Raises WorkersEnded
    after `end_workers`.
    """
    import joblib  # a replay imports this module and spreads nothing
    from joblib.externals.loky import ProcessPoolExecutor

    from sirev.parent import die_with

    cores = min(joblib.cpu_count(), len(items))
    if cores < 2:
        yield map(function, items)
        return
    settings: dict[str, Any] = {"initializer": die_with, "initargs": (os.getpid(),), "env": ENVIRONMENT}
    work = _Work(_keeper.submit(ProcessPoolExecutor, cores, **settings).result())  # it starts a process of its own already
    _running.add(work)
    try:
        yield work.results(_keeper.submit(work.start, function, items).result())
    except BaseException:
        work.end()
        raise
    else:
        _keeper.submit(work.pool.shutdown, wait=True).result()
    finally:
        _running.discard(work)


class _Work:
    """A pool of workers and what was asked of it."""

    def __init__(self, pool: Any) -> None:
        self.pool = pool
        self.ended = threading.Event()

    def start(self, function: Callable[[T], R], items: Sequence[T]) -> list[Future[R]]:
        """Begin; called by the keeper alone, as is `kill`."""
        if self.ended.is_set():
            raise WorkersEnded
        return [self.pool.submit(function, item) for item in items]

    def results(self, futures: Iterable[Future[R]]) -> Iterator[R]:
        """Each result in its turn. Not by `pool.map`, which cancels what is left, and loky stumbles over cancelled futures."""
        for future in futures:
            while not wait([future], timeout=POLL_SECONDS).done:
                if self.ended.is_set():
                    raise WorkersEnded
            try:
                result = future.result()
            except Exception as error:
                if self.ended.is_set():  # loky has errors of its own for that
                    raise WorkersEnded from error
                raise
            yield result

    def end(self) -> None:
        """End the workers at once."""
        self.ended.set()
        _keeper.submit(self.kill).result()

    def kill(self) -> None:
        for process in list(self.pool._processes.values()):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)  # by ourselves: a pool that is broken off as it starts may never come to it
        self.pool.shutdown(wait=False, kill_workers=True)


def end_workers() -> None:
    """End the workers of every thread at once: what they were computing is lost, and the call that waits for them raises."""
    for process in tuple(_processes):
        process.kill()
    for work in tuple(_running):
        work.end()


def run_python(code: str, seconds: float) -> subprocess.CompletedProcess[str]:
    """Run `code` in a fresh interpreter that dies with this process, and with `end_workers`.

    Raises subprocess.TimeoutExpired after so many seconds.
    """
    path = str(Path(__file__).parents[1])
    boot = f"import sys; sys.path.append({path!r}); import sirev.parent; sirev.parent.die_with({os.getpid()})"
    command = [sys.executable, "-P", "-c", f"{boot}\n{code}"]
    process = _keeper.submit(lambda: subprocess.Popen(command, stdin=DEVNULL, stdout=PIPE, stderr=PIPE, text=True)).result()
    _processes.add(process)
    try:
        out, err = process.communicate(timeout=seconds)
    finally:
        process.kill()
        process.wait()
        _processes.discard(process)
    return subprocess.CompletedProcess(command, process.returncode, out, err)


def _shut_down(pool: Any, kill_workers: bool = False) -> None:
    _keeper.submit(pool.shutdown, wait=True, kill_workers=kill_workers).result()
