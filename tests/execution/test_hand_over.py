"""The memory of a device, handed over between the children of a run: two that hold a model don't fit into it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sirev.execution import children as module
from sirev.execution.children import Crew
from sirev.processes.resident import ChildFailed, Resident
from tests import held_memory
from tests.conftest import alive
from tests.held_memory import TOTAL, HoldRequest

TRAINING, ENGINE = TOTAL * 3 // 4, TOTAL * 9 // 10


@pytest.fixture
def device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(module, "gpu", lambda: True)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    folder = tmp_path / "device"
    folder.mkdir()
    return folder


@pytest.fixture(params=[True, False], ids=["small model", "large model"])
def crew(request: pytest.FixtureRequest, device: Path) -> Iterator[Crew]:
    made = Crew("now", embedded=request.param)
    yield made
    made.close()


def hold(child: Resident, device: Path, amount: int) -> int:
    return child.call(held_memory.hold, HoldRequest(device, amount), lambda event: None)


def test_two_children_side_by_side_would_not_fit(device: Path, tmp_path: Path) -> None:
    first, second = (Resident(name, tmp_path / f"{name}.log", 1) for name in ("first", "second"))
    try:
        hold(first, device, TRAINING)
        with pytest.raises(ChildFailed, match="MemoryError: CUDA out of memory: 72 wanted, 20 free"):
            hold(second, device, ENGINE)
    finally:
        first.kill()
        second.kill()


def test_each_training_and_each_engine_finds_the_whole_device(crew: Crew, device: Path) -> None:
    for role, amount in (("trainer", TRAINING), ("engine", ENGINE), ("trainer", TRAINING), ("engine", ENGINE)):
        hold(crew.resident(role), device, amount)
        assert held_memory.free(device) == TOTAL - amount


def test_an_engine_keeps_what_it_holds_while_answers_are_graded(crew: Crew, device: Path) -> None:
    engine = hold(crew.resident("engine"), device, ENGINE)
    for role in ("grader", "source"):
        hold(crew.resident(role), device, 0)
    assert hold(crew.resident("engine"), device, 0) == engine


def test_a_child_that_runs_out_of_memory_leaves_it_to_the_next(crew: Crew, device: Path) -> None:
    hold(crew.resident("trainer"), device, TRAINING)
    with pytest.raises(ChildFailed, match="out of memory"):
        hold(crew.resident("trainer"), device, TRAINING)
    hold(crew.resident("engine"), device, ENGINE)


def test_nothing_is_held_once_the_crew_is_closed(crew: Crew, device: Path) -> None:
    engine = hold(crew.resident("engine"), device, ENGINE)
    crew.close()
    assert not alive(engine)
    assert held_memory.free(device) == TOTAL
