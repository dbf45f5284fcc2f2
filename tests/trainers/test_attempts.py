from __future__ import annotations

import contextlib
import fcntl
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sirev import heartbeat
from sirev.trainers import attempts
from sirev.trainers.attempts import Attempt
from sirev.trainers.checkpoints import Checkpoints, is_whole, mark

ELSEWHERE = "12 another-host\n"


def attempt_of(root: Path, signed: str) -> Path:
    """The folder of an attempt with one checkpoint, whose lock is signed so and not held here."""
    folder = root / "attempt-other"
    (folder / "checkpoint-3").mkdir(parents=True)
    (folder / "checkpoint-3" / "weights").write_text("w")
    mark(folder / "checkpoint-3")
    (folder / "lock").write_text(signed)
    return folder


@contextlib.contextmanager
def beating(lock: Path) -> Iterator[None]:
    """A process on another machine that lives."""
    with lock.open("rb") as opened:
        released = heartbeat.start_beating(opened.fileno())
        try:
            yield
        finally:
            released.set()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "HEARTBEAT_SECONDS", 0.05)
    monkeypatch.setattr(attempts, "_POLL_SECONDS", 0.1)


def left(root: Path) -> list[Path]:
    """What a new attempt is given."""
    new = Attempt(root)
    new.begin()
    with contextlib.ExitStack() as held:
        found = list(new.left(held))
    new.remove()
    return found


@pytest.mark.usefixtures("quick")
def test_an_attempt_that_lives_on_another_machine_is_not_taken_though_its_lock_can_be_had(tmp_path: Path) -> None:
    with beating(attempt_of(tmp_path, ELSEWHERE) / "lock"):
        assert left(tmp_path) == []


@pytest.mark.usefixtures("quick")
def test_an_attempt_of_another_machine_that_falls_silent_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "SILENT_SECONDS", 0.5)
    folder = attempt_of(tmp_path, ELSEWHERE)
    assert left(tmp_path) == [folder]


def test_long_silence_is_not_waited_for_though_a_server_still_holds_the_lock(tmp_path: Path) -> None:
    folder = attempt_of(tmp_path, ELSEWHERE)
    os.utime(folder / "lock", (0, time.time() - 2 * attempts.SILENT_SECONDS))
    with (folder / "lock").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert left(tmp_path) == [folder]


def test_an_attempt_of_this_machine_is_taken_at_once_when_its_lock_can_be_had_and_never_before(tmp_path: Path) -> None:
    folder = attempt_of(tmp_path, f"12 {os.uname().nodename}\n")
    with (folder / "lock").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        os.utime(folder / "lock", (0, 0))
        assert left(tmp_path) == []
    assert left(tmp_path) == [folder]


def test_an_attempt_that_was_left_is_taken_at_once_wherever_its_process_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier = Attempt(tmp_path)
    earlier.begin()
    earlier.leave()
    monkeypatch.setattr(attempts.os, "uname", lambda: os.uname_result(("", "another-host", "", "", "")))
    assert left(tmp_path) == [earlier.folder]


def test_of_many_that_come_at_once_one_alone_takes_a_checkpoint_whole(tmp_path: Path) -> None:
    attempt_of(tmp_path, "")
    together = threading.Barrier(8)
    taken: list[Path | None] = []

    def come() -> None:
        checkpoints = Checkpoints(tmp_path, None)
        together.wait()
        taken.append(checkpoints.adopt())

    threads = [threading.Thread(target=come) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 8
    (found,) = filter(None, taken)
    assert is_whole(found)
    assert len(list(tmp_path.glob("attempt-*"))) == 8  # nobody's own was deleted by another
