from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from sirev.processes.resident import ChildFailed, Resident
from sirev.processes.termination import EXIT_STATUSES
from tests import resident_work
from tests.conftest import alive, eventually


@pytest.fixture
def resident(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    made = Resident("worker", tmp_path / "log", threads=1)
    yield made
    made.stop()


def test_events_come_before_the_result_and_prints_go_to_the_log(resident: Resident) -> None:
    events: list[object] = []
    assert resident.call(resident_work.echo, {"x": [1, "é"]}, events.append) == {"x": [1, "é"]}
    assert events == ["half way"]
    assert "noise" in resident.log.read_text()


def test_one_child_serves_all_calls(resident: Resident) -> None:
    pids = {resident.call(resident_work.pid, {}, lambda event: None) for _ in range(3)}
    assert len(pids) == 1
    assert pids != {os.getpid()}
    assert resident.starts == 1


def test_what_the_child_raises_is_one_line_and_the_child_goes_on(resident: Resident) -> None:
    with pytest.raises(ChildFailed, match=r"^ValueError: bad weights$"):
        resident.call(resident_work.fail, {}, lambda event: None)
    assert "Traceback" in resident.log.read_text()
    assert resident.call(resident_work.echo, {}, lambda event: None) == {}
    assert resident.starts == 1


def test_a_killed_child_is_a_failure_and_the_next_call_has_another(resident: Resident) -> None:
    with pytest.raises(ChildFailed, match="worker process died"):
        resident.call(resident_work.die, {}, lambda event: None)
    assert resident.call(resident_work.echo, {}, lambda event: None) == {}
    assert resident.starts == 2


def test_kill_ends_a_call_from_another_thread(resident: Resident) -> None:
    threading.Timer(0.5, resident.kill).start()
    with pytest.raises(ChildFailed):
        resident.call(resident_work.sleep, {}, lambda event: None)
    with pytest.raises(ChildFailed, match="stopped"):
        resident.call(resident_work.echo, {}, lambda event: None)


def test_the_end_of_resumable_work_is_asked_for_and_is_its_own(resident: Resident) -> None:
    with pytest.raises(ChildFailed, match=r"^saved$"):
        resident.call(resident_work.wait, resident_work.WaitRequest(), lambda event: resident.end_work())


def test_the_end_of_other_work_is_the_childs(resident: Resident) -> None:
    with pytest.raises(ChildFailed, match="worker process died"):
        resident.call(resident_work.echo_late, {}, lambda event: resident.end_work())


@pytest.mark.parametrize("number", EXIT_STATUSES)
def test_a_signal_that_reaches_the_whole_group_leaves_a_child_alone(resident: Resident, number: signal.Signals) -> None:
    child = resident.call(resident_work.pid, {}, lambda event: None)
    os.kill(child, number)
    assert resident.call(resident_work.pid, {}, lambda event: None) == child


def test_a_handler_that_fails_ends_the_child(resident: Resident) -> None:
    def full(event: object) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        resident.call(resident_work.echo, {}, full)
    assert resident.call(resident_work.echo, {}, lambda event: None) == {}
    assert resident.starts == 2


def test_the_child_dies_with_its_parent(tmp_path: Path) -> None:
    program = (
        "from pathlib import Path\nfrom sirev.processes.resident import Resident\nfrom tests import resident_work\n"
        f"r = Resident('worker', Path({str(tmp_path / 'log')!r}), 1)\n"
        "print(r.call(resident_work.pid, {}, print), flush=True)\n"
        "r.call(resident_work.sleep, {}, print)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, env=environment)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert alive(child)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    assert eventually(lambda: not alive(child))


def test_a_child_that_dies_in_the_middle_of_a_message_is_a_failure(resident: Resident) -> None:
    with pytest.raises(ChildFailed, match="worker process died"):
        resident.call(resident_work.die_talking, {}, lambda event: None)


def test_a_handler_whose_reader_is_gone_ends_the_child(resident: Resident) -> None:
    def unread(event: object) -> None:
        raise BrokenPipeError(32, "Broken pipe")

    with pytest.raises(BrokenPipeError):
        resident.call(resident_work.talk_on, {}, unread)


def test_the_present_folder_is_not_on_the_path_of_the_child(
    resident: Resident, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "random.py").write_text("raise RuntimeError('somebody else')")
    monkeypatch.chdir(tmp_path)
    assert resident.call(resident_work.use_random, {}, lambda event: None) > 0


@pytest.mark.parametrize(
    ("role", "own", "expected"),
    [
        ("trainer", None, "expandable_segments:True"),
        ("engine", None, None),
        ("trainer", "max_split_size_mb:64", None),
    ],
)
def test_memory_that_grows_is_for_the_child_that_trains_unless_the_user_says_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, role: str, own: str | None, expected: str | None
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    if own is not None:
        monkeypatch.setenv("PYTORCH_CUDA_ALLOC_CONF", own)
    resident = Resident(role, tmp_path / "log", threads=1)
    given = resident.call(resident_work.surroundings, {}, lambda event: None)
    resident.stop()
    assert (given.get("PYTORCH_ALLOC_CONF"), given.get("PYTORCH_CUDA_ALLOC_CONF")) == (expected, own)


def test_a_child_has_one_gpu_the_first_that_its_parent_may_use(resident: Resident, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    assert resident.call(resident_work.surroundings, {}, lambda event: None)["CUDA_VISIBLE_DEVICES"] == "3"
