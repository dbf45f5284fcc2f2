from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sirev.errors import StageFailed
from sirev.execution import children as module
from sirev.execution.children import ROLES, Crew, gpu_device
from sirev.processes.resident import ChildFailed
from tests import resident_work
from tests.conftest import alive


def asked(crew: Crew, role: str, *others: int) -> tuple[int, list[int]]:
    """The pid of the child that plays `role`, and which of `others` it finds alive."""
    resident = crew.resident(role)
    found = resident.call(resident_work.neighbours, {"pids": list(others)}, lambda event: None)
    return found["pid"], found["alive"]


@pytest.fixture(autouse=True)
def tests_can_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))


@pytest.mark.parametrize("device", ["/dev/nvidiactl", "/dev/nvhost-gpu", "/dev/nvgpu/igpu0", "/dev/kfd", "/dev/dxg"])
def test_the_device_file_of_any_driver_is_a_gpu(monkeypatch: pytest.MonkeyPatch, device: str) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(Path, "exists", lambda path: str(path) == device)
    assert gpu_device()
    monkeypatch.setattr(Path, "exists", lambda path: False)
    assert not gpu_device()


@pytest.fixture(params=["large model", "small model on a GPU"])
def crew(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Crew]:
    """One that must never have two models in memory."""
    monkeypatch.setattr(module, "gpu", lambda: request.param == "small model on a GPU")
    made = Crew("now", embedded=request.param == "small model on a GPU")
    yield made
    made.close()


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Iterator[Crew]:
    monkeypatch.setattr(module, "gpu", lambda: False)
    made = Crew("now")
    yield made
    made.close()


def test_the_child_that_trains_has_ended_when_the_one_that_samples_is_there_and_the_other_way_round(crew: Crew) -> None:
    seen: list[int] = []
    for role in ("trainer", "engine", "trainer", "engine"):
        pid, others = asked(crew, role, *seen)
        assert others == []
        assert pid not in seen
        assert not any(map(alive, seen))
        seen.append(pid)


def test_what_is_asked_of_the_same_role_again_is_done_by_the_same_child(crew: Crew) -> None:
    for role in ("trainer", "engine"):
        assert asked(crew, role) == asked(crew, role)


def test_the_clerk_outlives_them_all(crew: Crew) -> None:
    clerk, _ = asked(crew, "grader")
    for role in ("trainer", "engine", "trainer"):
        _, others = asked(crew, role, clerk)
        assert others == [clerk]
        assert asked(crew, "source")[0] == clerk
        assert asked(crew, "grader")[0] == clerk


def test_asking_the_clerk_ends_nobody(crew: Crew) -> None:
    trainer, _ = asked(crew, "trainer")
    assert asked(crew, "grader", trainer)[1] == [trainer]
    assert asked(crew, "trainer")[0] == trainer


def test_with_a_model_in_one_process_at_a_time_no_two_runs_go_on_side_by_side(crew: Crew) -> None:
    assert crew.parallel == 1


def test_one_child_trains_and_samples_where_models_are_small(small: Crew) -> None:
    worker, _ = asked(small, "trainer")
    assert asked(small, "engine")[0] == worker
    assert asked(small, "trainer")[0] == worker
    assert asked(small, "grader", worker) == (asked(small, "source")[0], [worker])
    assert small.parallel > 1


def test_the_end_of_all_work_saves_what_is_resumable_ends_the_rest_and_begins_nothing(small: Crew) -> None:
    told: list[str] = []

    def work(run: str, function: Callable[..., Any], request: Any) -> None:
        with pytest.raises(ChildFailed) as failed:
            small.resident("trainer", thread=run).call(function, request, lambda event: begun.release())
        told.append(str(failed.value))

    begun = threading.Semaphore(0)
    both = (("a", resident_work.wait, resident_work.WaitRequest()), ("b", resident_work.echo_late, {}))
    threads = [threading.Thread(target=work, args=one) for one in both]
    for thread in threads:
        thread.start()
    for _ in threads:
        begun.acquire()
    small.end_work()
    for thread in threads:
        thread.join()
    assert sorted(told) == ["saved", "the worker process died (killed, perhaps for want of memory)"]
    with pytest.raises(StageFailed, match="stopped"):
        small.resident("trainer")


def test_no_child_outlives_a_closed_crew_and_none_is_started(crew: Crew) -> None:
    pids = [asked(crew, role)[0] for role in ("trainer", "grader")]
    scratch = crew.scratch
    crew.close()
    assert not any(map(alive, pids))
    assert not scratch.exists()
    for role in ROLES:
        with pytest.raises(StageFailed, match="stopped"):
            crew.resident(role)
