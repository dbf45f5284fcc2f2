"""`--push`: what is computed goes to the shared store while a command runs."""

from __future__ import annotations

import os
import shutil
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import sirev
from sirev.api.pushing import pushing
from sirev.api.sweep import sweep
from sirev.errors import BadInput, StageFailed
from sirev.execution.listener import Listener, State
from sirev.processes.termination import Terminated, terminable
from sirev.store.runs import Run
from sirev.store.sharing import answering
from sirev.store.sharing.folder import Folder
from sirev.store.sharing.hub_bucket import HubBucket
from sirev.store.sharing.pull import pull
from sirev.store.sharing.remote import Remote
from sirev.store.store import Store
from sirev.store.upkeep.verify import verify
from tests.conftest import Command, Study, semantic_digests
from tests.hub_bucket_files import HubBucketFiles
from tests.hub_server import HubServer
from tests.listeners import Heard
from tests.store.sharing.studies import add_run

SHORT = {"evaluation.draws.n": 2}
"""Settings with which the smoke study's sft has little left to compute, and no training."""


class Breaking(Heard):
    """Takes the shared store away as soon as a step is computed, and puts a file in its place."""

    def __init__(self, shared: Path) -> None:
        super().__init__()
        self._shared = shared

    def step(self, run: Run, name: str, state: State) -> None:
        if state == "done" and self._shared.is_dir():
            self._shared.rename(self._shared.with_name("taken"))
            self._shared.write_text("a file")


def test_what_is_pushed_is_pulled_elsewhere_with_equal_digests(smoke: Study, smoke_copy: Path, tmp_path: Path) -> None:
    shared = str(tmp_path / "shared")
    heard = Heard()
    (result,) = sirev.iterate(
        "tiny_smoke", methods=["sft"], overrides=SHORT, store=smoke_copy, remote=shared, push=True, listener=heard
    )
    assert result.computed
    assert verify(Store(shared)).whole
    assert pull(Store(tmp_path / "other"), Remote(shared)).runs == [result.id]
    own = {step: digest for step, digest in semantic_digests(Store(smoke_copy)).items() if step.startswith(result.id)}
    assert semantic_digests(Store(tmp_path / "other")) == own
    assert [note for note in heard.notes if f"pushed to {shared}" in note]
    again = Heard()
    sirev.iterate("tiny_smoke", methods=["sft"], overrides=SHORT, store=smoke_copy, remote=shared, push=True, listener=again)
    assert f"0 files pushed to {shared}, 0 bytes" in again.notes


def test_without_a_shared_store_there_is_nothing_to_push_to(tmp_path: Path) -> None:
    (tmp_path / "grid.yaml").write_text("recipes: tiny_smoke\n")
    for call in (
        lambda: sirev.iterate("tiny_smoke", store=tmp_path / "store", push=True),
        lambda: sweep(tmp_path / "grid.yaml", store=tmp_path / "store", push=True),
    ):
        with pytest.raises(BadInput, match=r"--push: to which shared store\? name it with --remote URL"):
            call()
    assert not (tmp_path / "store").exists()


def test_a_shared_store_that_can_not_be_written_is_refused_before_anything_is_computed(command: Command, tmp_path: Path) -> None:
    (tmp_path / "shared").write_text("a file")
    done = command("iterate", "tiny_smoke", "--store", tmp_path / "store", "--remote", tmp_path / "shared", "--push")
    assert done.returncode == 2
    assert "is not a folder" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "store" / "records").exists()


def test_a_run_that_could_not_be_sent_succeeds_and_one_warning_says_how_to_send_it(
    smoke: Study, smoke_copy: Path, tmp_path: Path, command: Command
) -> None:
    shared = tmp_path / "shared"
    heard = Breaking(shared)
    (result,) = sirev.iterate(
        "tiny_smoke", methods=["sft"], overrides=SHORT, store=smoke_copy, remote=str(shared), push=True, listener=heard
    )
    assert result.iterations
    (warning,) = [text for text in heard.warnings if "was sent" in text]
    assert warning.endswith(f"send the rest with: sirev store push {shared} {result.id} --store {smoke_copy}")
    shared.unlink()
    shared.with_name("taken").rename(shared)
    assert command("store", "push", shared, result.id, "--store", smoke_copy).returncode == 0
    assert verify(Store(shared)).whole


def test_what_stays_unfinished_is_sent_by_the_same_command(smoke: Study, smoke_copy: Path, tmp_path: Path) -> None:
    heard = Breaking(tmp_path / "shared")
    asked = {"methods": ["sft"], "overrides": SHORT, "store": smoke_copy, "remote": str(tmp_path / "shared"), "push": True}
    sirev.iterate("tiny_smoke", **asked, until=1, listener=heard)  # type: ignore[arg-type]
    (warning,) = [text for text in heard.warnings if "was sent" in text]
    assert warning.endswith("the same command sends the rest")


class Late(Heard):
    """Has a Hub answer as soon as a step is computed."""

    def __init__(self, hub: HubServer) -> None:
        super().__init__()
        self._answers = threading.Event()
        hub.fault = self._hold

    def step(self, run: Run, name: str, state: State) -> None:
        if state == "done":
            answering.ANSWER_SECONDS = 600.0
            self.end()

    def end(self) -> None:
        """Have it answer."""
        self._answers.set()

    def _hold(self, method: str, path: str) -> None:
        self._answers.wait()


@pytest.fixture
def hub_that_is_late(hub_server: HubServer, impatient: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Late]:
    (tmp_path / "xet").mkdir()
    hub_server.buckets["team/bucket"] = HubBucketFiles("team/bucket", tmp_path / "xet")
    monkeypatch.setattr(answering, "MOMENT_SECONDS", 0.1)
    monkeypatch.setattr(answering, "ANSWER_SECONDS", 0.2)
    heard = Late(hub_server)
    yield heard
    heard.end()


def test_a_shared_store_that_does_not_answer_holds_no_replay_up_and_is_warned_of_once(
    smoke: Study, smoke_copy: Path, hub_that_is_late: Late
) -> None:
    heard, url = hub_that_is_late, "hf://buckets/team/bucket"
    (result,) = sirev.iterate("tiny_smoke", methods=["sft"], store=smoke_copy, remote=url, push=True, listener=heard)
    assert not result.computed
    assert heard.asked == [f"asking {url} for what it has"]
    (warning,) = heard.warnings
    assert f"{url} did not answer within" in warning
    assert "computes without it" in warning
    (note,) = [text for text in heard.notes if "nothing was sent" in text]
    assert note.endswith(f"send the rest with: sirev store push {url} {result.id} --store {smoke_copy}")


@pytest.mark.slow
def test_what_is_computed_before_a_shared_store_answers_is_sent_at_the_end(
    smoke: Study, smoke_copy: Path, tmp_path: Path, hub_that_is_late: Late, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard, url = hub_that_is_late, "hf://buckets/team/bucket"
    monkeypatch.setattr(HubBucket, "write_seconds", 0.0)
    asked = {"methods": ["sft"], "overrides": SHORT, "store": smoke_copy, "remote": url, "push": True}
    (result,) = sirev.iterate("tiny_smoke", **asked, listener=heard)  # type: ignore[arg-type]
    assert result.computed
    assert len(heard.warnings) == 1
    assert pull(Store(tmp_path / "other"), Remote(url)).runs == [result.id]


def test_what_must_be_sent_and_is_not_is_a_failure(tmp_path: Path) -> None:
    store, shared = Store(tmp_path / "store"), tmp_path / "shared"
    Remote(str(shared)).create()
    run = add_run(store)

    def broken() -> None:
        with pushing(store, str(shared), True, [run], Listener(), required=True):
            shutil.rmtree(shared)
            shared.write_text("a file")

    with pytest.raises(StageFailed, match="its results could not be sent to"):
        broken()


def test_what_was_computed_before_a_signal_is_sent(never_asked: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Folder, "write_seconds", 3600.0)  # so that nothing has been sent when the signal comes
    store, shared = Store(tmp_path / "store"), tmp_path / "shared"
    runs: list[Run] = []

    def terminated() -> None:
        with terminable(), pushing(store, str(shared), True, runs, Listener()):
            runs.append(add_run(store, status="running"))
            os.kill(os.getpid(), signal.SIGTERM)
            signal.pause()

    with pytest.raises(Terminated):
        terminated()
    assert set(Store(shared).records.names()) == {(pin.key, pin.artifact) for pin in runs[0].pins.values()}


def test_what_was_computed_before_a_failure_is_sent(tmp_path: Path) -> None:
    store, shared = Store(tmp_path / "store"), str(tmp_path / "shared")
    runs: list[Run] = []

    def failing() -> None:
        with pushing(store, shared, True, runs, Listener()):
            runs.append(add_run(store, status="running"))
            raise StageFailed("out of memory")

    with pytest.raises(StageFailed, match="out of memory"):
        failing()
    assert set(Store(shared).records.names()) == {(pin.key, pin.artifact) for pin in runs[0].pins.values()}
