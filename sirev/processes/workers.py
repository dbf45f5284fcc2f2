"""Worker processes that distribute a computation over the cores and never outlive it.

Not joblib's: it keeps workers for later calls, which hold the output of a finished command open, so that a reader at the
other end of a pipe waits for minutes. And a pool of loky that is interrupted at its start hangs or prints a traceback.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, InvalidStateError, wait
from contextlib import contextmanager
from subprocess import DEVNULL, PIPE
from typing import Any, Generic, TypeVar

from sirev.errors import SirevError
from sirev.processes.spawning import cores, environment, in_spawner, one_gpu, python, start
from sirev.processes.termination import WAKES

T = TypeVar("T")
R = TypeVar("R")


class WorkersEnded(Exception):
    """The workers were ended before their work was done."""


class WorkerDied(SirevError):
    """A worker died."""


_running: set[_Work[Any, Any]] = set()
_processes: set[subprocess.Popen[Any]] = set()


@contextmanager
def spread(function: Callable[[T], R], items: Sequence[T]) -> Iterator[Iterator[R]]:
    """Results of `function` for each item, in order, from one worker per core; with one core or item, from this process.

    `function` and the items must be picklable. The workers end with the context. The iterator raises WorkersEnded after
    `end_workers`, WorkerDied if a worker was killed, and any error of `function`.
    """
    processes = min(cores(), len(items))
    if processes < 2:
        yield map(function, items)
        return
    work = _Work(function, items)
    _running.add(work)
    try:
        work.begin(processes)
        yield (_awaited(future) for future in work.futures)
    finally:
        work.end()
        _running.discard(work)


def _awaited(future: Future[R]) -> R:
    while not wait([future], timeout=WAKES).done:
        pass
    return future.result()


class _Work(Generic[T, R]):
    """A computation: its items, and the workers that take one after the other."""

    def __init__(self, function: Callable[[T], R], items: Sequence[T]) -> None:
        self.function = pickle.dumps(function)
        self.items = items
        self.futures: list[Future[R]] = [Future() for _ in items]
        self.todo: queue.SimpleQueue[int] = queue.SimpleQueue()
        self.processes: list[subprocess.Popen[bytes]] = []
        self.ended = threading.Event()
        for index in range(len(items)):
            self.todo.put(index)

    def begin(self, workers: int) -> None:
        """Start the workers, each with a thread that gives it items."""
        for _ in range(workers):
            threading.Thread(target=self._feed, daemon=True, name="sirev-worker").start()

    def end(self) -> None:
        """End the workers at once; pending results raise WorkersEnded."""
        self.ended.set()
        in_spawner(self._kill)
        for process in self.processes:
            process.wait()
        for future in self.futures:
            with contextlib.suppress(InvalidStateError):
                future.set_exception(WorkersEnded())

    def _kill(self) -> None:
        for process in self.processes:
            process.kill()

    def _start(self) -> subprocess.Popen[bytes]:
        if self.ended.is_set():
            raise WorkersEnded
        command = python("import sirev.processes.workers; sirev.processes.workers.serve()")
        process = start(command, environment(threads=1), shielded=True, stdin=PIPE, stdout=PIPE)
        self.processes.append(process)
        return process

    def _feed(self) -> None:
        process, index = None, None
        try:
            process = in_spawner(self._start)
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(self.function)
            while True:
                index = self.todo.get_nowait()
                process.stdin.write(pickle.dumps(self.items[index]))
                process.stdin.flush()
                done, answer = pickle.load(process.stdout)
                future, index = self.futures[index], None
                with contextlib.suppress(InvalidStateError):  # the workers were ended meanwhile
                    future.set_result(answer) if done else future.set_exception(answer)
        except queue.Empty:
            return
        except BaseException as error:  # the results must fail rather than block, whatever the error
            self._fail(index, error)
        finally:
            for pipe in filter(None, (process.stdin, process.stdout) if process else ()):
                with contextlib.suppress(OSError):  # unread input
                    pipe.close()

    def _fail(self, index: int | None, error: BaseException) -> None:
        if self.ended.is_set():
            error = WorkersEnded()
        elif isinstance(error, EOFError | OSError | pickle.UnpicklingError):
            error = WorkerDied("a worker process died, perhaps for want of memory")
        for future in self.futures if index is None else [self.futures[index]]:
            with contextlib.suppress(InvalidStateError):
                future.set_exception(error)


def serve() -> None:
    """The worker's side: read a function, then items, and answer each; end with the input."""
    items, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # output of libraries must not mix with answers
    function = pickle.load(items)
    with contextlib.suppress(EOFError):
        while True:
            item = pickle.load(items)
            try:
                answer = pickle.dumps((True, function(item)))
            except BaseException as error:
                error.add_note(f"In a worker process:\n{traceback.format_exc()}")
                answer = _pickled(error)
            answers.write(answer)
            answers.flush()


def _pickled(error: BaseException) -> bytes:
    try:
        pickle.loads(answer := pickle.dumps((False, error)))
    except Exception:  # an exception whose constructor takes other arguments
        return pickle.dumps((False, RuntimeError(f"{type(error).__name__}: {error}")))
    return answer


def end_workers() -> None:
    """End the workers of all threads at once; their work is lost, and calls that wait for them raise."""
    for process in tuple(_processes):
        process.kill()
    for work in tuple(_running):
        work.end()


def run_python(code: str, seconds: float) -> subprocess.CompletedProcess[str]:
    """Run short `code` without garbage collections in a new interpreter, which ends with this process or at `end_workers`.

    Raises subprocess.TimeoutExpired after `seconds`.
    """
    command = python(f"import gc; gc.disable()\n{code}")  # see `sirev.processes.imports`
    settings: dict[str, Any] = {"stdin": DEVNULL, "stdout": PIPE, "stderr": PIPE, "text": True}
    process = in_spawner(lambda: start(command, {**environment(cores()), **one_gpu()}, shielded=True, **settings))
    _processes.add(process)
    try:
        out, err = process.communicate(timeout=seconds)
    finally:
        process.kill()
        process.wait()
        _processes.discard(process)
    return subprocess.CompletedProcess(command, process.returncode, out, err)
