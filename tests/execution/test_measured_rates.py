from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sirev.execution.gpus import known_gpus
from sirev.execution.measured_rates import MeasuredRate, load_rates, measured_peak, save_rates

TRAINED = MeasuredRate("NVIDIA H100 80GB HBM3", "train", 7_241_732_096, 9000.0, checkpointing=True, real=0.8)


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "sirev" / "rates.json"


def test_what_was_saved_is_loaded() -> None:
    assert load_rates() == []
    assert save_rates([TRAINED])
    sampled = replace(TRAINED, kind="sample", tokens_per_second=20_000.0)
    assert save_rates([sampled])
    assert load_rates() == [TRAINED, sampled]


def test_a_later_measurement_under_the_same_conditions_takes_the_place_of_an_earlier_one() -> None:
    save_rates([TRAINED, replace(TRAINED, checkpointing=False)])
    later = replace(TRAINED, tokens_per_second=9500.0, when="2026-01-01")
    save_rates([later])
    assert load_rates() == [later, replace(TRAINED, checkpointing=False)]


def test_rates_from_before_memory_was_noted_are_loaded(state: Path) -> None:
    save_rates([TRAINED])
    noted = json.loads(state.read_text())
    del noted["rates"][0]["peak"]
    state.write_text(json.dumps(noted))
    assert load_rates() == [TRAINED]
    later = replace(TRAINED, peak=48 * 10**9)
    save_rates([later])
    assert load_rates() == [later]  # which takes its place: the memory is no condition


def test_the_most_memory_of_trainings_alike_is_the_peak() -> None:
    def peak(gpu: str = "h100", **way: Any) -> int | None:
        asked = {"parameters": TRAINED.parameters, "trained": "lora", "checkpointing": True, **way}
        found = measured_peak(known_gpus()[gpu], **asked)
        return found and found.peak

    save_rates([TRAINED])
    assert peak() is None
    save_rates([replace(TRAINED, peak=20), replace(TRAINED, reference=True, peak=30), replace(TRAINED, gpu="A100", peak=40)])
    assert (peak(), peak("a100")) == (30, 40)
    assert [peak(parameters=1), peak(trained="full"), peak(checkpointing=False)] == [None] * 3


def test_what_is_no_rate_is_left_out(state: Path) -> None:
    save_rates([TRAINED])
    noted = json.loads(state.read_text())
    good = noted["rates"][0]
    noted["rates"] += [{**good, "tokens_per_second": 0}, {**good, "real": 2}, {**good, "unheard_of": 1}, {"gpu": "x"}, 7]
    state.write_text(json.dumps(noted))
    assert load_rates() == [TRAINED]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"schema": 2, "rates": []}', '{"schema": 1, "rates": 7}'])
def test_a_file_that_says_nothing_is_no_rates(state: Path, text: str) -> None:
    state.parent.mkdir()
    state.write_text(text)
    assert load_rates() == []


def test_a_folder_that_can_t_be_written_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    assert not save_rates([TRAINED])
