from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sirev.engines.dispatch import CellDone, Underway, sample
from sirev.engines.protocol import Cell, Prompt
from sirev.grading.dispatch import grade
from sirev.processes.requests import Emit, Progress, Warned, address, as_json, function_at, messages_of, typed
from sirev.trainers.base_models import HubModel
from sirev.trainers.dispatch import LoraParameters, Trained, TrainingProgress, TrainParameters, TrainRequest, train
from sirev.trainers.models import ModelSource
from tests import resident_work
from tests.test_package import HEAVY, modules_after


def there_and_back(kind: Any, message: Any) -> Any:
    line = as_json(message)
    assert line.isascii()
    assert "\n" not in line
    return typed(kind, json.loads(line))


def test_a_request_comes_out_of_the_pipe_as_it_went_in() -> None:
    lora = LoraParameters(4, 8, 0.1, ["q_proj", "é"])
    parameters = TrainParameters("dpo", 1, 4, 1e-4, 0.05, 2**62, beta=0.1, lora=lora, checkpoint_minutes=0)
    hub = ModelSource(Path("/adapter"), HubModel("some/model", "0" * 40))
    request = TrainRequest(parameters, hub, Path("rows"), Path("out"), Path("attempts"), reference=ModelSource(Path("m")))
    assert there_and_back(TrainRequest, request) == request
    cell = Cell((Prompt("a", "A?\n\ud800"), Prompt("b", "B?")), 3, 2)
    assert there_and_back(tuple[Cell, ...], (cell,)) == (cell,)


@pytest.mark.parametrize("event", [CellDone(1, [{"draw": 0, "text": "x"}]), Underway(0, 0)])
def test_events_of_one_function_are_told_apart(event: CellDone | Underway) -> None:
    assert there_and_back(messages_of(sample).event, event) == event


def test_both_sides_read_the_annotations_of_the_function() -> None:
    assert messages_of(train) == (TrainRequest, TrainingProgress, Trained)
    assert messages_of(grade).event == Progress | Warned
    assert messages_of(resident_work.echo).request == dict[str, Any]


@dataclass(frozen=True)
class Old:
    size: int


def test_a_message_of_another_form_is_an_error() -> None:
    with pytest.raises(KeyError, match="width"):
        typed(Old, {"size": 1, "width": 2})
    with pytest.raises(TypeError, match="size"):
        typed(Old, {})
    with pytest.raises(ValueError, match="unpack"):
        typed(CellDone | Underway, {"answers": 1})


def local(request: str, emit: Emit[Any]) -> str:
    return request


def test_a_function_is_found_by_its_address() -> None:
    assert address(local) == f"{__name__}:local"
    assert function_at(address(local)) is local


@pytest.mark.parametrize(
    "module",
    ["trainers.dispatch", "trainers.base_models", "engines.dispatch", "engines.embedder", "grading.dispatch", "tasks.load"],
)
def test_a_child_starts_with_no_more_than_its_work_needs(module: str) -> None:
    needless = {*HEAVY, "pydantic", "yaml", "sirev.store.store"} - ({"pydantic"} if module == "tasks.load" else set())
    assert not modules_after(f"import sirev.processes.child, sirev.{module}") & needless  # a task is a section of a recipe
