"""`--track`: what goes on is sent to a tracker, and what a tracker does is no matter to it."""

from __future__ import annotations

import gc
import os
import signal
import socket
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from mlflow.exceptions import MlflowException

import sirev
from sirev.api.request import Request
from sirev.api.tracking import Tracking, tracking
from sirev.execution.listener import Listener, State
from sirev.processes.termination import Terminated, terminable
from sirev.store.runs import Run
from sirev.trackers.dispatch import TrackerTarget
from tests.conftest import Study, eventually, tree
from tests.listeners import Heard
from tests.trackers.tracked import ReadBack, keep_in, read_back


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which MLflow keeps everything."""
    keep_in(tmp_path / "kept", "mlflow", monkeypatch)
    return tmp_path / "kept"


def only_run(kept: Path) -> ReadBack:
    (run,) = read_back(kept, "mlflow", "live").values()
    return run


@pytest.mark.slow
def test_curves_and_measures_are_sent_while_a_run_goes_on(smoke_copy: Path, kept: Path) -> None:
    class Looking(Heard):
        there = False

        def step(self, run: Run, name: str, state: State) -> None:
            if name == "measure/greedy:3":
                self.there = self.there or eventually(lambda: self.sent(run))

        def sent(self, run: Run) -> bool:
            try:
                found = read_back(kept, "mlflow", "live")
            except (MlflowException, OSError):  # it is being written
                return False
            return run.id in found and bool(found[run.id].curve("train/M_2/loss") and found[run.id].curve("pass_at_1"))

    listener = Looking()
    (result,) = sirev.iterate(
        "tiny_smoke", methods=["sft"], store=smoke_copy, redo=["2:train"], track="mlflow:live", listener=listener
    )
    assert listener.there
    assert listener.warnings == []
    run = only_run(kept)
    assert run.config["run"] == result.id
    assert [step for step, _ in run.curve("train/M_2/loss")] == [1, 2, 3, 4]
    assert [step for step, _ in run.curve("train/M_1/loss")] == list(range(1, 9))  # found: as it was recorded


def test_a_run_that_goes_on_later_is_one_tracked_run_and_a_replay_sends_nothing(smoke_copy: Path, kept: Path) -> None:
    for until in (1, None):
        sirev.iterate("tiny_smoke", methods=["sft"], store=smoke_copy, until=until, track="mlflow:live")
    run = only_run(kept)
    assert [step for step, _ in run.curve("pass_at_1")] == [1, 2, 3]
    assert len(run.values) == len({(name, step) for name, step, _ in run.values})
    before = tree(kept), tree(smoke_copy)
    sirev.iterate("tiny_smoke", methods=["sft"], store=smoke_copy, track="mlflow:live")
    assert (tree(kept), tree(smoke_copy)) == before


@pytest.mark.parametrize(
    ("methods", "rest"),
    [
        (["sft"], "Once the run is finished: sirev track {run} --track mlflow:live --store {store}"),
        (["sft", "dpo"], "The same command with --track mlflow:live sends the rest"),
    ],
)
def test_a_tracker_that_fails_warns_once_and_the_runs_end_well(
    methods: list[str], rest: str, smoke_copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"file://{tmp_path}/file/below")
    monkeypatch.setenv("SIREV_TRACK", "mlflow:live")
    heard = Heard()
    results = sirev.iterate("tiny_smoke", methods=methods, store=smoke_copy, listener=heard)
    assert all(result.iterations for result in results)
    (warning,) = heard.warnings
    assert "mlflow:live failed: " in warning
    assert warning.endswith(rest.format(run=results[0].id, store=smoke_copy))


@pytest.fixture
def silent_server() -> Iterator[str]:
    """A server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_a_tracker_that_does_not_answer_is_not_waited_for(
    smoke_copy: Path, silent_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sirev.api.tracking.UNANSWERED_SECONDS", 0.5)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", silent_server)
    heard = Heard()
    (result,) = sirev.iterate("tiny_smoke", methods=["sft"], store=smoke_copy, track="mlflow:live", listener=heard)
    assert result.iterations
    (warning,) = heard.warnings
    assert "it did not respond for " in warning


def tracked_until(end: Callable[[Listener], None], store: Path, heard: Heard, steps: int) -> None:
    """Have optimizer steps of a run tracked, and then an end."""
    request = Request.of("tiny_smoke", methods=["sft"], store=store)
    (run,) = request.runs()
    with tracking("mlflow:live", store, [run], lambda store, run: request.planner(run), heard) as told:
        for step in range(1, steps + 1):
            told.log(run, "train:2", step, {"loss": 1.0})
        end(told)


def test_a_signal_waits_for_a_tracker_but_a_moment(
    never_asked: None, smoke_copy: Path, silent_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sirev.api.tracking.HASTE_SECONDS", 2.0)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", silent_server)

    def killed(told: Listener) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        signal.pause()

    heard = Heard()
    with pytest.raises(Terminated), terminable():
        tracked_until(killed, smoke_copy, heard, 1)
    (warning,) = heard.warnings
    assert "it did not respond for 2 seconds" in warning


def test_nothing_is_kept_for_a_tracker_that_has_ended(smoke: Study) -> None:
    class Entry(dict[str, float | None]):
        """A dict that a weak reference can be of."""

    run = smoke.store.runs.all()[0]
    told = Tracking(TrackerTarget("mlflow", "live"), smoke.store.path, [run], lambda store, run: pytest.fail("planned"), Heard())
    told.break_off()
    entry = Entry(loss=1.0)
    told.log(run, "train:2", 1, entry)
    seen = weakref.ref(entry)
    del entry
    gc.collect()
    assert seen() is None


def test_what_was_sent_before_a_signal_is_not_sent_again(smoke_copy: Path, kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sirev.api.tracking.HASTE_SECONDS", 60.0)

    def interrupted(told: Listener) -> None:
        raise KeyboardInterrupt

    for steps in (1, 2):
        with pytest.raises(KeyboardInterrupt):
            tracked_until(interrupted, smoke_copy, Heard(), steps)
    assert [step for step, _ in only_run(kept).curve("train/M_2/loss")] == [1, 2]


@pytest.mark.slow
def test_what_a_failed_tracker_lacks_is_sent_by_the_next_command(
    smoke_copy: Path, kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setenv("TMPDIR", str(tmp_path))
        broken.setenv("MLFLOW_ALLOW_FILE_STORE", "false")
        heard = Heard()
        sirev.iterate("tiny_smoke", methods=["sft"], store=smoke_copy, track="mlflow:live", listener=heard)
        assert len(heard.warnings) == 1
    sirev.iterate("tiny_smoke", methods=["sft"], store=smoke_copy, track="mlflow:live")
    assert [step for step, _ in only_run(kept).curve("pass_at_1")] == [1, 2, 3]


@pytest.mark.slow
def test_every_run_of_a_sweep_is_tracked_in_the_group_of_its_study(smoke_copy: Path, kept: Path, tmp_path: Path) -> None:
    (tmp_path / "grid.yaml").write_text("recipes: tiny_smoke\nmethods: [sft, dpo]\n")
    results = sirev.sweep(tmp_path / "grid.yaml", on="here", store=smoke_copy, track="mlflow:live")
    found = read_back(kept, "mlflow", "live")
    assert found.keys() == {result.id for result in results}
    assert len({run.group for run in found.values()}) == 1
    assert all([step for step, _ in run.curve("pass_at_1")] == [1, 2, 3] for run in found.values())
