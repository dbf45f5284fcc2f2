from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import sirev
from sirev.api.iterate import RunResult
from sirev.errors import StageFailed
from sirev.execution import children
from sirev.execution.beside import _Task
from sirev.execution.children import Crew
from sirev.execution.listener import Listener, State
from sirev.stages import grade, measure
from sirev.store.artifacts import Artifact, Output
from sirev.store.runs import Run
from tests.conftest import Study, semantic_digests

SMALL = ("T=2", "evaluation.draws.n=2", "sampling.n=4")
PATIENCE = 300.0
"""Seconds after which what never comes has not come."""


class Heard(Listener):
    """Lets threads wait for a step to begin or to end."""

    def __init__(self) -> None:
        self.steps: list[tuple[str, State]] = []
        self._news = threading.Condition()

    def step(self, run: Run, name: str, state: State) -> None:
        with self._news:
            self.steps.append((name, state))
            self._news.notify_all()

    def wait_for(self, name: str, state: State) -> None:
        with self._news:
            assert self._news.wait_for(lambda: (name, state) in self.steps, PATIENCE), f"{name} {state} never came"


@pytest.fixture(autouse=True)
def on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Models are held by one child at a time, as on a GPU."""
    monkeypatch.setattr(children, "gpu", lambda: True)


def on_each(monkeypatch: pytest.MonkeyPatch, module: Any, before: Callable[[str], None]) -> None:
    """Have `before` called with the name of each step of a stage, by the thread that is about to compute it."""
    stage = module.STAGE

    def run(parameters: Any, inputs: Mapping[str, Artifact], context: Any) -> Output:
        before(context.name)
        done: Output = stage.run(parameters, inputs, context)
        return done

    monkeypatch.setattr(module, "STAGE", replace(stage, run=run))


def iterated(store: Path, listener: Listener) -> RunResult:
    (result,) = sirev.iterate("tiny_smoke", methods=["sft"], seeds=[1], overrides=SMALL, store=store, listener=listener)
    return result


@pytest.mark.slow
@pytest.mark.spinning
def test_grading_goes_on_beside_sampling_and_training_and_makes_the_same(
    smoke: Study, smoke_copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_turn = shutil.copytree(smoke.store.path, tmp_path / "in turn")
    with monkeypatch.context() as patched:
        patched.setattr(Crew, "beside", False)
        iterated(in_turn, Listener())

    heard = Heard()
    met: set[str] = set()

    def after(name: str, later: str) -> Callable[[str], None]:
        def wait(step: str) -> None:
            if step == name:
                heard.wait_for(later, "start")  # in turn it would come only after this
                met.add(step)

        return wait

    on_each(monkeypatch, grade, after("grade/select:1", "sample/test:1"))  # D_2's, while M_1 answers test problems
    on_each(monkeypatch, measure, after("measure/diversity:1", "train:2"))
    iterated(smoke_copy, heard)
    assert met == {"grade/select:1", "measure/diversity:1"}
    assert semantic_digests(sirev.Store(smoke_copy)) == semantic_digests(sirev.Store(in_turn))


@pytest.mark.slow
@pytest.mark.spinning
def test_a_failure_beside_a_training_loses_nothing_of_it(smoke_copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    heard = Heard()

    def fail(step: str) -> None:
        if step == "grade/greedy:1":
            heard.wait_for("train:2", "start")
            raise ValueError("no such luck")

    with monkeypatch.context() as patched:
        on_each(patched, grade, fail)
        with pytest.raises(StageFailed, match=r"1:grade/greedy .* no such luck"):
            iterated(smoke_copy, heard)
    assert ("train:2", "done") in heard.steps
    again = iterated(smoke_copy, Listener())
    assert "train:2" not in again.computed
    assert "grade/greedy:1" in again.computed


@pytest.mark.slow
@pytest.mark.spinning
def test_a_failure_in_a_part_of_a_run_is_no_part_that_was_done(smoke_copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(step: str) -> None:
        if step == "measure/diversity:1":
            raise ValueError("no such luck")

    on_each(monkeypatch, measure, fail)
    with pytest.raises(StageFailed, match=r"1:measure/diversity .* no such luck"):
        sirev.iterate("tiny_smoke", methods=["sft"], seeds=[1], overrides=SMALL, store=smoke_copy, until=1)


def test_a_replay_starts_no_thread(smoke: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[str] = []
    start = threading.Thread.start
    monkeypatch.setattr(threading.Thread, "start", lambda thread: (started.append(thread.name), start(thread)))
    sirev.iterate("tiny_smoke", store=smoke.store.path)
    assert not [name for name in started if name.startswith("sirev-beside")]


def test_who_needs_what_nobody_has_begun_does_it_himself_and_once() -> None:
    done: list[str] = []

    def work() -> Any:
        done.append(threading.current_thread().name)
        return "artifact"

    task = _Task(work)
    assert task.artifact() == "artifact"
    task.run()
    assert done == [threading.current_thread().name]


def test_a_failure_is_raised_wherever_the_artifact_is_wanted() -> None:
    def work() -> Any:
        raise StageFailed("broken")

    task = _Task(work)
    task.raise_failure()  # nothing failed yet
    task.run()
    for asked in (task.artifact, task.raise_failure):
        with pytest.raises(StageFailed, match="broken"):
            asked()
