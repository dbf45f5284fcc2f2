from __future__ import annotations

import contextlib
import errno
import fcntl
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


def opened() -> set[str]:
    """What this process's descriptors are open on."""
    found = set()
    for descriptor in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):  # another thread has just closed it
            found.add(os.readlink(f"/proc/self/fd/{descriptor}"))
    return found


def test_a_lock_file_that_says_nothing_readable_is_waited_for_all_the_same(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    (tmp_path / "locks" / "key").write_bytes(b"\xff\x1b[31m 7")
    waited: list[str] = []

    def told(words: str) -> None:
        waited.append(words)
        holder.kill()

    with key_lock(tmp_path, "key", on_wait=told) as held:
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


def test_a_lock_file_that_is_unlinked_while_it_is_locked_is_locked_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "locks" / "key"
    real, taken = fcntl.flock, []

    def flock(fd: int, how: int) -> None:
        real(fd, how)
        if not taken:
            taken.append(fd)
            path.unlink()

    monkeypatch.setattr(locks.fcntl, "flock", flock)
    with key_lock(tmp_path, "key") as held:
        assert held
        assert path.read_text() == f"{os.getpid()} {os.uname().nodename}\n"
        other = os.open(path, os.O_RDWR)
        with pytest.raises(BlockingIOError):
            real(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(other)


@pytest.mark.parametrize("call", ["open", "flock", "fstat", "lstat"])
def test_a_lock_file_that_the_server_has_lost_is_opened_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    module = fcntl if call == "flock" else os
    real = getattr(module, call)
    failed: list[object] = []

    def stale(what: object, *more: object, **options: object) -> object:
        at_lock = call in ("flock", "fstat") or str(what).endswith("locks/key")
        if at_lock and len(failed) < 2:
            failed.append(what)
            raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))
        return real(what, *more, **options)

    monkeypatch.setattr(module, call, stale)
    with key_lock(tmp_path, "key") as held:
        assert held
    assert len(failed) == 2
    monkeypatch.undo()
    assert not [what for what in opened() if what.startswith(str(tmp_path))]  # also one that is deleted


def test_a_folder_that_the_server_has_lost_for_good_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def stale(*_: object) -> None:
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))

    monkeypatch.setattr(locks, "_STALE_ATTEMPTS", 3)
    monkeypatch.setattr(fcntl, "flock", stale)
    with pytest.raises(BadInput, match="can't be written: Stale file handle"), key_lock(tmp_path, "key"):
        pass


def test_a_lock_that_the_server_has_lost_at_the_end_costs_no_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.close

    def stale(fd: int) -> None:
        real(fd)
        raise OSError(errno.ESTALE, os.strerror(errno.ESTALE))

    with key_lock(tmp_path, "key") as held:
        assert held
        monkeypatch.setattr(os, "close", stale)
    monkeypatch.undo()
    assert list((tmp_path / "locks").iterdir()) == []
