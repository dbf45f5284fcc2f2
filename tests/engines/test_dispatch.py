from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sirev.engines import dispatch
from tests.conftest import Study


def request(folder: Path, name: str, draws: int = 2) -> dict[str, Any]:
    return {
        "engine": "transformers",
        "model": {"path": str(folder), "base": None},
        "model_name": name,
        "decoding": {"temperature": 0.75, "top_p": 0.95, "max_new_tokens": 8, "stop": [], "chat": False},
        "dtype": "auto",
        "options": {"batch_size": None},
        "seed": 0,
        "cells": [{"prompts": [["a", "Tom has 5 apples."]], "first_draw": d, "draws": 1} for d in range(draws)],
    }


@pytest.fixture
def folder(smoke: Study, tmp_path: Path) -> Path:
    return smoke.artifact("sft", "train:1").link_into(tmp_path / "model")


def test_everything_asked_of_one_model_in_a_row_is_one_load(folder: Path) -> None:
    before = dispatch.loads
    events: list[dict[str, Any]] = []
    for _ in range(3):
        dispatch.sample(request(folder, "M_1"), events.append)
    assert dispatch.loads == before + 1
    dispatch.sample(request(folder, "M_2"), events.append)
    assert dispatch.loads == before + 2
    assert [event["cell"] for event in events if "cell" in event] == [0, 1] * 4
    assert {row["draw"] for event in events for row in event.get("completions", [])} == {0, 1}


def test_an_unknown_engine_is_refused(folder: Path) -> None:
    with pytest.raises(ValueError, match="unknown engine 'abacus'"):
        dispatch.sample(request(folder, "M_3") | {"engine": "abacus"}, lambda event: None)
