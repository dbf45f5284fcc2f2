from __future__ import annotations

from pathlib import Path

import pytest

import sirev
from sirev.errors import BadInput, StageFailed
from sirev.store.records import Record
from sirev.store.store import Store
from sirev.store.upkeep.gc import Policy, collect
from sirev.study.comparing import joint_records
from sirev.study.keep_models import KeepModels, keep_choice, models_to_drop
from tests.conftest import Study, tree


def give_up(store: Store, keep: KeepModels) -> set[str]:
    """Collect with `--keep-models`; the digests of the models that are hollow now."""
    collect(store, Policy(drop=lambda opened, runs: models_to_drop(opened, runs, keep), also=joint_records))
    return set(Store(store.path).hollow)


def models(store: Store, run_id: str) -> dict[str, str]:
    run = store.runs.get(run_id)
    assert run is not None
    return {step: pin.artifact for step, pin in run.pins.items() if step.startswith(("train", "pretrain"))}


def test_last_keeps_m_t_and_the_base(smoke: Study, smoke_copy: Path) -> None:
    store = Store(smoke_copy)
    dropped = models_to_drop(store, store.runs.all(), "last")
    for result in smoke.results:
        made = models(store, result.id)
        last = max((step for step in made if step.startswith("train:")), key=lambda step: int(step[6:]))
        assert made[last] not in dropped
        assert made["pretrain:0"] not in dropped
        assert made["train:1"] in dropped


def test_best_keeps_the_model_with_the_highest_pass_at_1(smoke: Study, smoke_copy: Path) -> None:
    store = Store(smoke_copy)
    result = smoke.of("sft")
    run = store.runs.get(result.id)
    assert run is not None
    scores = {one["t"]: one["pass_at_1"]["value"] for one in result.iterations}
    best = min(t for t, value in scores.items() if value == max(scores.values()))
    made = models(store, run.id)
    assert models_to_drop(store, [run], "best") == set(made.values()) - {made[f"train:{best}"], made["pretrain:0"]}


def test_a_run_that_is_not_finished_keeps_all_of_its_models(smoke: Study, smoke_copy: Path) -> None:
    store = Store(smoke_copy)
    run = smoke.run("sft", store)
    run.status = "running"
    assert models_to_drop(store, [run], "none") == set()


def test_without_any_model_the_report_is_the_same_and_a_replay_computes_nothing(smoke: Study, smoke_copy: Path) -> None:
    dropped = give_up(Store(smoke_copy), "none")
    assert dropped == set().union(*(models(smoke.store, result.id).values() for result in smoke.results))
    before = tree(smoke_copy)
    assert [result.computed for result in sirev.iterate("tiny_smoke", store=smoke_copy)] == [(), (), ()]
    ids = [result.id for result in smoke.results]
    assert sirev.report(runs=ids, store=smoke_copy).to_dict() == sirev.report(runs=ids, store=smoke.store.path).to_dict()
    assert tree(smoke_copy) == before


@pytest.mark.slow
def test_a_model_that_is_needed_again_is_trained_again_with_all_that_it_stands_on(smoke: Study, smoke_copy: Path) -> None:
    store = Store(smoke_copy)
    gone = give_up(store, "none")
    (result,) = sirev.iterate("tiny_smoke", methods=["sft"], redo=["sample:2"], store=smoke_copy)
    assert {"pretrain:0", "train:1", "train:2", "sample/train:2"} <= set(result.computed)
    assert "train:3" not in result.computed
    fresh = Store(smoke_copy)
    back = models(fresh, result.id)
    assert fresh.artifact(back["train:2"]).complete()
    assert set(fresh.hollow) == gone - {back["pretrain:0"], back["train:1"], back["train:2"]}
    assert result.iterations == smoke.of("sft").iterations


def test_a_model_that_comes_out_different_is_not_put_in_the_place_of_the_old_one(smoke: Study, smoke_copy: Path) -> None:
    """M_3's weights stand in for another realisation of M_2: what a GPU gives when it trains again."""
    store = Store(smoke_copy)
    run = smoke.run("sft", store)
    pin, other = run.pins["train:2"], run.pins["train:3"].artifact
    record = store.records.get(pin.key, pin.artifact)
    assert record is not None
    store.records.add(Record(record.action, other, {"recorded": "2000", "store": store.id}))
    store.runs.remove(run.id)
    for entry in store.artifact(other).manifest["files"].values():
        if entry["size"] > 10_000:
            store.objects.path(entry["sha256"]).unlink()
    store.hollow.add(other)
    with pytest.raises(StageFailed, match=r"gave different ones.*--redo 2:train") as caught:
        sirev.iterate("tiny_smoke", methods=["sft"], store=smoke_copy)
    assert "\n" not in str(caught.value)
    assert not Store(smoke_copy).artifact(other).complete()


def test_what_can_be_kept_is_named_in_the_error() -> None:
    assert keep_choice(None) == "all"
    assert keep_choice("best") == "best"
    with pytest.raises(BadInput, match="expected last, best, none or all"):
        keep_choice("newest")
