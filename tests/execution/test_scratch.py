from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from sirev.errors import BadInput
from sirev.execution.scratch import (
    EMPTY_SECONDS,
    SCRATCH,
    STALE_SECONDS,
    Scratch,
    attempts_folder,
    private_folder,
    shared_scratch,
    sweep_scratch,
)
from sirev.store.store import Store

HOLD = """
import time
from sirev.execution.scratch import Scratch
scratch = Scratch()
(scratch.path / "weights").write_bytes(b"w" * 1000)
print(scratch.path, flush=True)
time.sleep(600)
"""


def test_it_is_gone_when_removed() -> None:
    scratch = Scratch()
    (scratch.path / "deep").mkdir()
    (scratch.path / "deep" / "file").write_text("x")
    scratch.remove()
    assert not scratch.path.exists()


def test_what_a_killed_process_left_is_swept_up_and_what_a_living_one_has_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # in the usual one other processes sweep too
    monkeypatch.setattr("tempfile.tempdir", None)
    processes = [subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    folders = [Path(process.stdout.readline().strip()) for process in processes if process.stdout]
    try:
        processes[0].send_signal(signal.SIGKILL)
        processes[0].wait()
        sweep_scratch()
        assert not folders[0].exists()
        assert (folders[1] / "weights").exists()
    finally:
        processes[1].kill()
        processes[1].wait()
    sweep_scratch()
    assert not folders[1].exists()


@pytest.mark.parametrize("shared", [True, False])
def test_attempts_that_nobody_went_on_with_for_weeks_are_swept_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shared: bool
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    store = Store(tmp_path / "store")
    place = tmp_path / "shared" if shared else None
    attempts = {name: attempts_folder(store, name, place) / "attempt-1" for name in ("old", "young", "held", "touched")}
    for folder in attempts.values():
        folder.mkdir()
        (folder / "lock").touch()
    with (attempts["held"] / "lock").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for path in (attempts["old"], attempts["old"] / "lock", attempts["held"], attempts["held"] / "lock", attempts["touched"]):
            os.utime(path, (0, time.time() - STALE_SECONDS - 60))
        sweep_scratch(place)
    assert {name for name, folder in attempts.items() if folder.exists()} == {"young", "held", "touched"}
    assert not attempts["old"].parent.exists()


@pytest.mark.parametrize("shared", [True, False])
def test_a_folder_of_attempts_that_is_somebody_elses_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shared: bool
) -> None:
    place = tmp_path / "shared" if shared else tmp_path
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    (place / "elsewhere").mkdir(parents=True)
    (place / f"sirev-attempts-{os.getuid()}").symlink_to(place / "elsewhere")
    with pytest.raises(
        BadInput, match="belongs to somebody else; name another folder for scratch files with --scratch or TMPDIR"
    ):
        attempts_folder(Store(tmp_path / "store"), "key", place if shared else None)


def test_a_private_folder_that_others_can_write_to_is_refused(tmp_path: Path) -> None:
    folder = private_folder(tmp_path / "own", "use another")
    assert folder.stat().st_mode & 0o777 == 0o700
    folder.chmod(0o720)
    with pytest.raises(BadInput, match=f"{folder} can be written by others; use another"):
        private_folder(folder, "use another")


def test_empty_folders_of_attempts_are_swept_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    store = Store(tmp_path / "store")
    folders = {name: attempts_folder(store, name) for name in ("done", "just made", "at work")}
    (folders["at work"] / "attempt-1").mkdir()
    for name in ("done", "at work"):
        os.utime(folders[name], (0, time.time() - EMPTY_SECONDS - 60))
    sweep_scratch()
    assert {name for name, folder in folders.items() if folder.exists()} == {"just made", "at work"}


def test_a_shared_folder_is_named_by_word_or_variable_and_nothing_is_made_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(SCRATCH, raising=False)
    assert shared_scratch() is None
    monkeypatch.setenv(SCRATCH, str(tmp_path / "by variable" / "deep"))
    assert shared_scratch() == tmp_path / "by variable" / "deep"
    monkeypatch.chdir(tmp_path)
    assert shared_scratch("by word") == tmp_path / "by word"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("what", ["--scratch", SCRATCH])
@pytest.mark.parametrize("place", ["file", "file/below", "dangling"])
def test_what_can_not_be_a_shared_folder_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, place: str
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to("nowhere")
    monkeypatch.setenv(SCRATCH, str(tmp_path / place))
    with pytest.raises(BadInput, match=f"^{what} {tmp_path / place}: expected a writable folder$"):
        shared_scratch(tmp_path / place if what == "--scratch" else None)


def test_attempts_in_a_shared_folder_are_the_users_own(tmp_path: Path) -> None:
    folder = attempts_folder(Store(tmp_path / "store"), "key", tmp_path / "shared")
    assert folder.parent == tmp_path / "shared" / f"sirev-attempts-{os.getuid()}"
    assert folder.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("bait", ["lock", "folder"])
def test_links_in_the_folder_for_temporary_files_are_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bait: str
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "lock").write_text("")
    (precious / "data").write_text("mine")
    if bait == "folder":
        (tmp_path / "sirev-scratch-x").symlink_to(precious)
        os.utime(precious / "lock", (0, 0))
    else:
        (tmp_path / "sirev-scratch-x").mkdir()
        (tmp_path / "sirev-scratch-x" / "lock").symlink_to(precious / "lock")
    sweep_scratch()
    assert (precious / "data").read_text() == "mine"
    assert (tmp_path / "sirev-scratch-x").exists()  # nothing was locked by that name, so nobody can tell whose it is


def test_an_attempt_that_another_process_removes_meanwhile_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    action = tmp_path / f"sirev-attempts-{os.getuid()}" / "train-0123"
    action.mkdir(parents=True)
    looked = os.scandir

    def removed_first(path: Path) -> object:
        if path == action:
            action.rmdir()
        return looked(path)

    monkeypatch.setattr(os, "scandir", removed_first)
    sweep_scratch(tmp_path)
    assert not action.exists()
