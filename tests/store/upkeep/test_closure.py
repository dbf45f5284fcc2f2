from __future__ import annotations

from pathlib import Path

from sirev.store.artifacts import Output
from sirev.store.records import action_key
from sirev.store.runs import Pin, Run
from sirev.store.store import Store
from sirev.store.upkeep.closure import closure_of

MODEL = {"stage": "train", "version": 1, "parameters": {}, "inputs": {}}
GRADES = {"stage": "grade", "version": 1, "parameters": {}, "inputs": {}}


def made(path: Path) -> tuple[Store, Run]:
    store = Store(path)
    model = store.publish(MODEL, Output(files={"model.safetensors": b"weights", "config.json": b"{}"}))
    grades = store.publish(GRADES, Output(files={"grades.json": b"[]"}, notes={"log.jsonl": b"noted"}))
    pins = {"train:1": Pin(action_key(MODEL), model.digest), "grade:1": Pin(action_key(GRADES), grades.digest)}
    run = Run("one", "recipe", "sft", 0, 1, {}, "2026", status="complete", pins=pins)
    store.runs.save(run)
    return store, run


def test_a_run_reaches_records_manifests_files_and_notes(tmp_path: Path) -> None:
    store, run = made(tmp_path)
    found = closure_of(store, [run, run])
    assert {record.action["stage"] for record in found.records.values()} == {"train", "grade"}
    assert set(found.artifacts) == {pin.artifact for pin in run.pins.values()}
    assert sorted(found.objects.values()) == [2, 2, 5, 7]
    assert found.size == 16
    assert not found.missing


def test_files_of_hollow_artifacts_are_left_out_but_not_what_others_have_too(tmp_path: Path) -> None:
    store, run = made(tmp_path)
    shared = {"stage": "model", "version": 1, "parameters": {}, "inputs": {}}
    config = store.publish(shared, Output(files={"reference.json": b"{}"}))
    run.pins["model:0"] = Pin(action_key(shared), config.digest)
    model = run.pins["train:1"].artifact
    found = closure_of(store, [run], {model})
    assert found.hollow == {model}
    assert model in found.artifacts
    assert sorted(found.objects.values()) == [2, 2, 5]


def test_what_a_run_pins_and_the_store_lacks_is_said(tmp_path: Path) -> None:
    store, run = made(tmp_path)
    pin = run.pins["grade:1"]
    store.records.path(pin.key, pin.artifact).unlink()
    store.objects.path(pin.artifact).unlink()
    found = closure_of(Store(tmp_path), [run])
    assert any("one:1:grade" in text for text in found.missing)
    assert any(pin.artifact[:12] in text and "missing" in text for text in found.missing)
