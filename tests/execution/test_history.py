from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from sirev.execution import history
from sirev.execution.gpus import known_gpus
from sirev.execution.history import LONG, History
from sirev.recipe import load_recipe
from sirev.store.artifacts import Output
from sirev.store.runs import Pin
from sirev.store.store import Store
from sirev.study.step_names import stage_of
from tests.conftest import Study

RECIPE = load_recipe("tiny_smoke")


def on_an_h100(smoke: Study, folder: Path) -> Store:
    """A store with a run whose samplings a machine with an H100 made, 100 tokens in 2 seconds each."""
    store = Store(folder)
    (run,) = smoke.store.runs.all()[:1]
    pins = {}
    for step, pin in run.pins.items():
        if stage_of(step) == "sample" and (record := smoke.store.records.get(pin.key, pin.artifact)):
            made = {"hardware": {"gpus": ["NVIDIA H100 80GB HBM3"]}, "answers": 10, "tokens_now": 100, "tokens": 100}
            artifact = store.publish(record.action, Output(files={"none": b""}), {**made, "seconds_now": 2.0})
            pins[step] = Pin(pin.key, artifact.digest)
    store.runs.save(replace(run, pins=pins))
    return store


def test_every_long_stage_that_ran_here_has_a_rate(smoke: Study) -> None:
    seen = History(smoke.store, RECIPE)
    assert all((seen.rate(stage) or 0) > 0 for stage in LONG if stage != "embed")
    assert seen.rate("embed") is None


def test_what_other_hardware_did_counts_for_its_gpu_alone(smoke: Study, tmp_path: Path) -> None:
    seen = History(on_an_h100(smoke, tmp_path / "store"), RECIPE)
    assert seen.rate("sample") is None
    assert seen.rate("sample", known_gpus()["h100"]) == 50
    assert seen.rate("sample", known_gpus()["a100"]) is None
    assert seen.rate("train", known_gpus()["h100"]) is None


def test_runs_here_tell_nothing_once_the_hardware_is_another(smoke: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = History(smoke.store, RECIPE)
    monkeypatch.setattr(history, "hardware", lambda: {"machine": "another"})
    assert seen.rate("sample") is None
