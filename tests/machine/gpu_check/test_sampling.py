"""Checks of engines on answers as a faulty engine would give them: each fault has to be told."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sirev.engines.dispatch import SampleRequest
from sirev.execution.model_sizes import shipped_shapes
from sirev.machine.gpu_check import sampling as module
from sirev.machine.gpu_check.running import Bench, Notes
from sirev.machine.gpu_check.sampling import Rows, VllmWay, vllm_answers, vllm_draws, vllm_starts

INSIDE = {"a": 0.5, "b": 0.3, "c": 0.15, " ": 0.05}
EXPECTED = {**{text: [0.95 * p, p] for text, p in INSIDE.items()}, "z": [0.04999, 0.0], "never": [0.00001, 0.0]}
"""Text of a first token -> its probability, and that in the nucleus."""
Draw = Callable[[random.Random, int], str]


def fair(source: random.Random, draw: int) -> str:
    return source.choices(list(INSIDE), list(INSIDE.values()))[0]


def drawn_by(draw: Draw, folder: Path, patch: pytest.MonkeyPatch) -> list[str]:
    """What the check of draws tells of an engine that draws so."""
    source = random.Random(0)

    def answers(bench: Bench, request: SampleRequest) -> Rows:
        (cell,) = request.cells
        pairs = [(prompt.problem_id, i) for prompt in cell.prompts for i in range(cell.draws)]
        return {pair: {"text": draw(source, pair[1])} for pair in pairs}

    class Answering:
        def call(self, work: object, request: Any, on_event: object) -> list[dict[str, list[float]]]:
            return [EXPECTED for _ in request.like.cells[0].prompts]

    bench = Bench("cpu", folder, shipped_shapes()["mistralai/Mistral-7B-v0.1"], 1)
    patch.setattr(module, "_answers", answers)
    patch.setattr(module, "_expect_draws_alone", lambda bench, notes, engine: None)
    patch.setattr(bench, "child", lambda name: Answering())
    return vllm_draws(bench).wrong


def test_independent_draws_of_the_nucleus_are_well(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert drawn_by(fair, tmp_path, monkeypatch) == []


def test_other_probabilities_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def flat(source: random.Random, draw: int) -> str:
        return source.choices(list(INSIDE), [0.4, 0.4, 0.15, 0.05])[0]

    (told,) = drawn_by(flat, tmp_path, monkeypatch)
    assert told.startswith("the draws do not follow the model's probabilities: chi-square ")


def test_draws_that_are_hardly_probable_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def strange(source: random.Random, draw: int) -> str:
        return "never" if draw == 7 else fair(source, draw)

    assert drawn_by(strange, tmp_path, monkeypatch) == ["6 draws lie outside the nucleus"]


def test_draws_that_repeat_their_neighbours_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    last = [""]

    def twin(source: random.Random, draw: int) -> str:
        last[0] = last[0] if draw % 2 else fair(source, draw)
        return last[0]

    told = drawn_by(twin, tmp_path, monkeypatch)
    assert any("neighbouring draws are alike +" in one for one in told)


@pytest.mark.parametrize(
    ("served", "texts", "told"),
    [
        (-10.0, "right", []),
        (-12.0, "right", ["served log-probabilities differ by 0.2000 nats per token from those of the trained model"]),
        (-10.0, "wrong", ["0% of the greedy answers are the transformers engine's"]),
    ],
)
def test_another_model_than_the_trained_one_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, served: float, texts: str, told: list[str]
) -> None:
    def answers(bench: Bench, request: SampleRequest) -> Rows:
        return {("p00", 0): {"text": texts if request.engine == "vllm" else "right"}}

    monkeypatch.setattr(module, "_scores", lambda bench, engine: [(10, served if engine == "vllm" else -10.0)])
    monkeypatch.setattr(module, "_answers", answers)
    notes: Notes = vllm_answers(Bench("cuda", tmp_path, shipped_shapes()["mistralai/Mistral-7B-v0.1"], 1))
    assert notes.wrong == told


@pytest.mark.parametrize(
    ("way", "told"),
    [
        (VllmWay(second_runner=True, async_scheduling=True), ["second model runner", "schedules ahead"]),
        (VllmWay(False, False), ["first model runner", "schedules a step when the last one has ended"]),
    ],
)
def test_how_the_engine_works_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: VllmWay, told: list[str]) -> None:
    class Answering:
        def call(self, work: object, request: Any, on_event: object) -> VllmWay:
            return way

    bench = Bench("cuda", tmp_path, shipped_shapes()["mistralai/Mistral-7B-v0.1"], 1)
    monkeypatch.setattr(module, "why_no_vllm", lambda on_gpu: "")
    monkeypatch.setattr(module, "_answers", lambda bench, request: {("p00", 0): {"text": ""}})
    monkeypatch.setattr(bench, "child", lambda name: Answering())
    notes = vllm_starts(bench)
    assert (notes.found[-2:], notes.wrong) == (told, [])
