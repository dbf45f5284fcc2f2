from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sirev.errors import BadInput
from sirev.store import locks
from sirev.store.locks import key_lock
from tests.conftest import eventually

HOLD = """
import sys, time
from pathlib import Path
from sirev.store.locks import key_lock
with key_lock(Path(sys.argv[1]), "key"):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_the_second_waits_for_the_first_and_says_so(tmp_path: Path) -> None:
    order: list[tuple[str, bool]] = []
    waited: list[str] = []

    def second() -> None:
        with key_lock(tmp_path, "key", on_wait=waited.append) as held:
            order.append(("second", held))

    with key_lock(tmp_path, "key") as held:
        thread = threading.Thread(target=second)
        thread.start()
        assert eventually(lambda: waited != [])
        order.append(("first", held))
    thread.join()
    assert order == [("first", True), ("second", True)]
    assert waited == ["waiting for another run"]


def test_who_waits_is_told_for_which_process_and_when_that_falls_silent(
    tmp_path: Path, holder: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "GIVE_UP_SECONDS", 1.0)
    waited: list[str] = []
    with key_lock(tmp_path, "key", on_wait=waited.append) as held:
        assert not held
    who = f"process {holder.pid} on {os.uname().nodename}"
    assert waited == [f"waiting for {who}", f"continuing without {who}, silent for 1 s"]


def test_a_lock_file_that_says_nothing_readable_is_waited_for_all_the_same(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    (tmp_path / "locks" / "key").write_bytes(b"\xff\x1b[31m 7")
    threading.Timer(1.0, holder.kill).start()
    waited: list[str] = []
    with key_lock(tmp_path, "key", on_wait=waited.append) as held:
        assert held
    assert waited == ["waiting for another process"]


def test_other_keys_do_not_wait(tmp_path: Path) -> None:
    with key_lock(tmp_path, "one"), key_lock(tmp_path, "other") as held:
        assert held


def test_a_killed_holder_lets_go(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    holder.kill()
    holder.wait()
    with key_lock(tmp_path, "key") as held:
        assert held


def test_a_stopped_holder_is_not_waited_for_for_ever(
    tmp_path: Path, holder: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "GIVE_UP_SECONDS", 1.0)  # a minute in earnest; the holder is silent all the same
    holder.send_signal(signal.SIGSTOP)
    with key_lock(tmp_path, "key") as held:
        assert not held


def test_a_child_does_not_keep_the_lock_alive(tmp_path: Path) -> None:
    with key_lock(tmp_path, "key"):
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        with key_lock(tmp_path, "key") as held:
            assert held
    finally:
        child.kill()
        child.wait()


def test_nothing_is_left_behind(tmp_path: Path) -> None:
    with key_lock(tmp_path, "key"):
        pass
    assert list((tmp_path / "locks").iterdir()) == []


def test_a_folder_that_can_not_be_written_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "locks").write_text("I am a file")
    with pytest.raises(BadInput, match="can't be written"), key_lock(tmp_path, "key"):
        pass


def test_a_machine_that_slept_does_not_count_as_a_silent_holder(
    tmp_path: Path, holder: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = time.monotonic
    woken = clock() + 0.5
    monkeypatch.setattr(time, "monotonic", lambda: clock() + (1000 if clock() > woken else 0))  # an hour's sleep, as it were
    threading.Timer(1.5, holder.kill).start()
    with key_lock(tmp_path, "key") as held:
        assert held  # it waited until the holder ended


def test_who_is_told_to_stop_does_not_wait_on(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    stop = threading.Event()
    threading.Timer(0.3, stop.set).start()
    with key_lock(tmp_path, "key", stop=stop) as held:
        assert not held
    assert holder.poll() is None
