from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from sirev.engines import dispatch
from sirev.engines.dispatch import CellDone, SampleRequest, Underway
from sirev.engines.protocol import Cell, DecodingSettings, Prompt
from sirev.errors import BadInput
from sirev.trainers.models import ModelSource
from tests.conftest import Study


def request(folder: Path, name: str, draws: int = 2) -> SampleRequest:
    return SampleRequest(
        engine="transformers",
        model=ModelSource(folder),
        model_name=name,
        decoding=DecodingSettings(temperature=0.75, top_p=0.95, max_new_tokens=8),
        dtype="auto",
        options={"batch_size": None},
        seed=0,
        cells=tuple(Cell((Prompt("a", "Tom has 5 apples."),), draw, 1) for draw in range(draws)),
    )


@pytest.fixture
def folder(smoke: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(dispatch, "_loaded", None)  # what other tests of this process left
    return smoke.artifact("sft", "train:1").link_into(tmp_path / "model")


def test_everything_asked_of_one_model_in_a_row_is_one_load(folder: Path) -> None:
    before = dispatch.loads
    events: list[CellDone | Underway] = []
    for _ in range(3):
        dispatch.sample(request(folder, "M_1"), events.append)
    assert dispatch.loads == before + 1
    dispatch.sample(request(folder, "M_2"), events.append)
    assert dispatch.loads == before + 2
    done = [event for event in events if isinstance(event, CellDone)]
    assert [event.cell for event in done] == [0, 1] * 4
    assert {row["draw"] for event in done for row in event.completions} == {0, 1}


def test_an_unknown_engine_is_refused(folder: Path) -> None:
    with pytest.raises(ValueError, match="unknown engine 'abacus'"):
        dispatch.sample(replace(request(folder, "M_3"), engine="abacus"), lambda event: None)


def test_a_cpu_samples_nothing_for_a_recipe_that_requires_a_gpu(folder: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    asked = request(folder, "M_4")
    with pytest.raises(BadInput, match=r"^the recipe requires a GPU \(gpu: required\), and torch "):
        dispatch.sample(replace(asked, options={**asked.options, "gpu_required": True}), lambda event: None)
