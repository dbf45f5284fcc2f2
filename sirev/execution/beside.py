"""Background computation of steps that need no GPU: grades while answers are sampled, measures while the next model trains."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, Self

from sirev.errors import StageFailed
from sirev.execution.runner import Runner
from sirev.stages.stage import Stage
from sirev.store.artifacts import Artifact
from sirev.study.steps import Pending, StepResult

_AT_ONCE = 2
"""Number of background steps at a time: a measure of M_t, needed only later, must not delay the grades of D_{t+1}."""


class BesideRunner:
    """An executor over a runner that computes stages with `Stage.beside` in the background, until a step reads their result.

    All other steps are done in turn, as by the runner alone. A cached result is never pending, so a replay starts no thread.
    The error of a background step is raised by the next step, so that the step running meanwhile, perhaps hours of training,
    is not lost.
    """

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._turn = runner.crew.turn
        self._begun: dict[str, _Task] = {}
        self._pool: ThreadPoolExecutor | None = None
        self._closed = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Wait for background steps; if the run failed, those that have not begun are dropped.

        Raises the error of a background step whose result was never read, as in a part of a run, which has no comparison.
        """
        if kind is not None:
            self._closed.set()
        if self._pool is not None:
            with self._let_go():
                self._pool.shutdown(wait=True)
        if kind is None:
            for task in self._begun.values():
                task.raise_failure()

    def step(self, name: str, stage: Stage, parameters: Any, inputs: Mapping[str, StepResult]) -> StepResult:
        """See `sirev.study.steps.Executor`; returns the artifact, or a pending one."""
        for task in self._begun.values():
            task.raise_failure()
        if name in self._begun:  # requested again, as M_T's greedy grades are
            return self._begun[name]
        if not stage.beside or not self._runner.crew.beside:
            return self._runner.step(name, stage, parameters, self._awaited(inputs))
        if not any(isinstance(value, Pending) for value in inputs.values()):
            found = self._runner.here(name, stage, parameters, inputs)
            if found is not None:
                return found

        def work() -> Artifact:
            if self._closed.is_set():
                raise StageFailed(f"{self._runner.run.id}: not begun, because another step failed")
            known = {what: value.artifact() if isinstance(value, Pending) else value for what, value in inputs.items()}
            with self._turn:
                return self._runner.step(name, stage, parameters, known)

        task = self._begun[name] = _Task(work)
        self._pool = self._pool or ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="sirev-beside")
        self._pool.submit(task.run)
        return task

    def found(self, name: str, stage: Stage, parameters: Any, inputs: Mapping[str, StepResult]) -> StepResult | None:
        """The result of a step without computing it, None if there is none; a background step counts as found."""
        if name in self._begun:
            return self._begun[name]
        return self._runner.found(name, stage, parameters, self._awaited(inputs))

    def at_hand(self, name: str, stage: Stage, parameters: Any, inputs: Mapping[str, StepResult]) -> bool:
        """See `sirev.study.steps.Executor`."""
        return self._runner.at_hand(name, stage, parameters, self._awaited(inputs))

    def provenance(self, name: str) -> Mapping[str, Any]:
        """See `sirev.study.steps.Executor`."""
        if name in self._begun:
            with self._let_go():
                self._begun[name].artifact()
        return self._runner.provenance(name)

    def _awaited(self, inputs: Mapping[str, StepResult]) -> dict[str, StepResult]:
        if not any(isinstance(value, Pending) for value in inputs.values()):
            return dict(inputs)
        with self._let_go():  # the tasks acquire the turn themselves
            return {what: value.artifact() if isinstance(value, Pending) else value for what, value in inputs.items()}

    @contextlib.contextmanager
    def _let_go(self) -> Iterator[None]:
        self._turn.release()
        try:
            yield
        finally:
            self._turn.acquire()


class _Task(Pending):
    """Work done once, by a thread of the pool or by the first caller that needs its artifact."""

    def __init__(self, work: Callable[[], Artifact]) -> None:
        self._work = work
        self._claim = threading.Lock()
        self._made: Future[Artifact] = Future()

    def run(self) -> None:
        """Do the work, unless another thread does or did."""
        if self._claim.acquire(blocking=False):
            try:
                self._made.set_result(self._work())
            except BaseException as error:  # raised where the artifact is needed, and by the next step
                self._made.set_exception(error)

    def artifact(self) -> Artifact:
        """See `Pending`."""
        self.run()
        return self._made.result()

    def raise_failure(self) -> None:
        """Raise the error of the work, if it has failed."""
        if self._made.done() and (error := self._made.exception()) is not None:
            raise error
