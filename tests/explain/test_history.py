from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sirev.explain.history import base_of, history_of, holders, keys_of, users_of, whole_history
from sirev.store.artifacts import Artifact, Output
from sirev.store.runs import Pin, Run
from sirev.store.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def add(store: Store, run: Run, step: str, started: str | None, **action: Any) -> Artifact:
    noted = {"started": started, "seconds": 1.5, "packages": {"torch": "2"}} if started else {}
    whole = {"stage": step.partition(":")[0].partition("/")[0], "step": step, **action}
    artifact = store.publish(whole, Output(files={"file": step.encode()}), noted)
    run.pins[step] = Pin(keys_of(store, artifact.digest)[0], artifact.digest)
    store.runs.save(run)
    return artifact


@pytest.fixture
def run(store: Store) -> Run:
    """Computed in another order than its steps are listed in."""
    run = Run("tiny-sft-s0", "tiny", "sft", 0, 1, {}, invocation="2026-01-01")
    add(store, run, "train:2", "2026-01-01T03:00")
    add(store, run, "sample/test:1", "2026-01-01T02:00")
    add(store, run, "pretrain:0", "2026-01-01T01:00")
    return run


def test_a_runs_steps_come_in_the_order_of_their_times(store: Store, run: Run) -> None:
    entries = history_of(store, run)
    assert [entry.users for entry in entries] == [[(run.id, step)] for step in ("pretrain:0", "sample/test:1", "train:2")]
    last = entries[-1].to_dict()
    assert last == {
        "when": "2026-01-01T03:00",
        "seconds": 1.5,
        "stage": "train",
        "key": run.pins["train:2"].key,
        "artifact": run.pins["train:2"].artifact,
        "store": None,
        "steps": [{"run": run.id, "step": "train:2", "address": f"{run.id}:2:train"}],
        "packages": {"torch": "2"},
        "hardware": None,
        "git": None,
    }


def test_what_came_from_another_store_says_from_which(store: Store, run: Run, tmp_path: Path) -> None:
    other = Store(tmp_path / "other")
    made = other.publish({"stage": "train", "elsewhere": True}, Output(files={"file": b"other"}))
    (record,) = other.records.all()
    store.records.add(record)
    entries, damaged = whole_history(store)
    assert damaged == 0
    assert {entry.artifact: entry.store for entry in entries} == {
        made.digest: other.id,
        **{pin.artifact: None for pin in run.pins.values()},
    }


def test_the_whole_history_has_what_no_run_pins_and_every_user_of_what_several_do(store: Store, run: Run) -> None:
    again = Run("tiny-dpo-s0", "tiny", "dpo", 0, 1, {}, invocation="2026-01-02", pins=dict(run.pins))
    del again.pins["train:2"]
    store.runs.save(again)
    shard = store.publish({"stage": "sample-shard"}, Output(files={"file": b"shard"}))  # dated by when it was recorded
    entries, _ = whole_history(store)
    assert [entry.stage for entry in entries] == ["pretrain", "sample", "train", "sample-shard"]
    assert entries[0].users == [("tiny-sft-s0", "pretrain:0"), ("tiny-dpo-s0", "pretrain:0")]
    assert (entries[-1].artifact, entries[-1].users, entries[-1].seconds) == (shard.digest, [], None)
    assert users_of(store, run.pins["pretrain:0"].artifact) == entries[0].users
    assert users_of(store, shard.digest) == []


def test_damaged_records_are_left_out_and_counted(store: Store, run: Run) -> None:
    pin = run.pins["train:2"]
    path = store.records.path(pin.key, pin.artifact)
    path.chmod(0o644)
    path.write_text("{")
    entries, damaged = whole_history(store)
    assert [entry.stage for entry in entries] == ["pretrain", "sample"]
    assert damaged == 1
    first = history_of(store, run)[0]  # a step of a run is not left out
    assert (first.users, first.stage, first.provenance, first.when) == ([(run.id, "train:2")], "train", None, None)
    path.unlink()
    assert history_of(store, run)[0].key == pin.key
    assert whole_history(store)[1] == 0


def test_a_file_tells_which_artifacts_have_it(store: Store, run: Run) -> None:
    both = store.publish({"stage": "train", "again": 1}, Output(files={"again": b"train:2", "other": b"x"}))
    digest = both.manifest["files"]["again"]["sha256"]
    assert sorted(holders(store, digest)) == sorted([(both.digest, "again"), (run.pins["train:2"].artifact, "file")])
    assert holders(store, "0" * 64) == []


def test_the_base_of_an_adapter_is_found_by_what_it_was_trained_on(store: Store, run: Run) -> None:
    m0 = store.artifact(run.pins["pretrain:0"].artifact)
    first = add(store, run, "train:1", "2026-01-01T04:00", inputs={"init": m0.semantic})
    later = add(store, run, "train:3", "2026-01-01T05:00", inputs={"init": first.semantic, "init_base": m0.semantic})
    other = add(store, run, "train:4", "2026-01-01T06:00", inputs={"init": "0" * 64})
    for artifact, base in ((first, (run, "pretrain:0")), (later, (run, "pretrain:0")), (other, None)):
        record = store.records.get(keys_of(store, artifact.digest)[0], artifact.digest)
        assert record is not None
        assert base_of(store, record, [run]) == base
