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
from sirev.execution.scratch import EMPTY_SECONDS, STALE_SECONDS, Scratch, attempts_folder, sweep
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


def test_what_a_killed_process_left_is_swept_up_and_what_a_living_one_has_is_not() -> None:
    processes = [subprocess.Popen([sys.executable, "-c", HOLD], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    folders = [Path(process.stdout.readline().strip()) for process in processes if process.stdout]
    try:
        processes[0].send_signal(signal.SIGKILL)
        processes[0].wait()
        sweep()
        assert not folders[0].exists()
        assert (folders[1] / "weights").exists()
    finally:
        processes[1].kill()
        processes[1].wait()
    sweep()
    assert not folders[1].exists()


def test_attempts_that_nobody_went_on_with_for_weeks_are_swept_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    store = Store(tmp_path / "store")
    attempts = {name: attempts_folder(store, name) / "attempt-1" for name in ("old", "young", "held")}
    for folder in attempts.values():
        folder.mkdir()
        (folder / "lock").touch()
    for name in ("old", "held"):
        os.utime(attempts[name], (0, time.time() - STALE_SECONDS - 60))
    with (attempts["held"] / "lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        sweep()
    assert {name for name, folder in attempts.items() if folder.exists()} == {"young", "held"}
    assert not attempts["old"].parent.exists()


def test_a_folder_of_attempts_that_is_somebody_elses_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / f"sirev-attempts-{os.getuid()}").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BadInput, match="belongs to somebody else; name another folder for scratch files by TMPDIR"):
        attempts_folder(Store(tmp_path / "store"), "key")


def test_empty_folders_of_attempts_are_swept_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    store = Store(tmp_path / "store")
    folders = {name: attempts_folder(store, name) for name in ("done", "just made", "at work")}
    (folders["at work"] / "attempt-1").mkdir()
    for name in ("done", "at work"):
        os.utime(folders[name], (0, time.time() - EMPTY_SECONDS - 60))
    sweep()
    assert {name for name, folder in folders.items() if folder.exists()} == {"just made", "at work"}


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
    sweep()
    assert (precious / "data").read_text() == "mine"
    assert (tmp_path / "sirev-scratch-x").exists()  # nothing was locked by that name, so nobody can tell whose it is
