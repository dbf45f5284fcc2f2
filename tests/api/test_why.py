from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import sirev
from sirev.api.plan import plans
from sirev.api.request import Request
from sirev.api.why import explain
from sirev.errors import BadInput
from sirev.explain.explanation import Explanation, Why
from sirev.stages import source, train
from sirev.store.artifacts import Artifact, Output
from sirev.store.digests import canonical_json
from sirev.store.records import Record, action_key
from sirev.store.runs import Pin
from sirev.store.tables import Table
from tests.conftest import Study, tree


def asked(store: Any, *overrides: str, which: str | None = None, **request: Any) -> Why:
    return explain(plans(Request.of("tiny_smoke", overrides=overrides, store=store, **request)), which)


def only(found: Why, step: str) -> Explanation:
    (one,) = [one for one in found.steps if one.step == step]
    return one


def reasons(found: Why) -> dict[str, list[str]]:
    return {told.first.step: told.first.reasons() for told in found.causes()}


def test_a_finished_study_is_hits_and_says_when_and_where_they_were_made(smoke: Study) -> None:
    found = asked(smoke.store)
    assert found.total == {"hit": len(found.steps), "miss": 0, "unknown": 0}
    assert found.causes() == []
    one = only(found, "train:1")
    assert one.artifact == smoke.artifact("sft", "train:1").digest
    assert one.here
    assert one.recorded
    assert one.seconds


def test_a_step_that_methods_share_is_told_once(smoke: Study) -> None:
    found = asked(smoke.store)
    assert only(found, "train:1").runs == tuple(result.id for result in smoke.results)
    shared = {one.runs for one in found.steps if one.step == "train:2"}
    assert shared == {(smoke.of("sft").id,), (smoke.of("dpo").id, smoke.of("sft-dpo").id)}


def test_a_changed_learning_rate_is_named_with_what_was_nearest_and_what_depends_on_it(smoke: Study) -> None:
    found = asked(smoke.store, "training.initial.learning_rate=1e-3")
    assert reasons(found) == {"train:1": ["learning_rate 0.002 -> 0.001"]}
    one = only(found, "train:1")
    assert (one.state, one.cause, one.dependents) == ("miss", "changed", found.total["unknown"])
    assert one.nearest
    assert one.nearest.artifact == smoke.artifact("sft", "train:1").digest
    assert one.nearest.step == "train:1"
    later = only(found, "sample/test:1")
    assert (later.state, later.reasons()) == ("unknown", ["1:train has to run first"])


def test_a_changed_temperature_is_one_reason_for_the_sampling_of_every_t(smoke: Study) -> None:
    found = asked(smoke.store, "sampling.temperature=0.9", methods=["sft"])
    (told,) = found.causes()
    assert (told.first.step, told.others) == ("sample/train:1", ("sample/train:2", "sample/train:3"))
    assert told.first.reasons() == ["temperature 0.75 -> 0.9"]
    # It misses whatever train:2 yields, which can't be known before.
    later = only(found, "sample/train:2")
    assert (later.state, later.key, later.waits_for) == ("miss", None, ("sample/train:1",))


def test_two_changes_are_two_reasons(smoke: Study) -> None:
    found = asked(smoke.store, "sampling.temperature=0.9", "training.sft.learning_rate=1e-4", methods=["sft"])
    assert reasons(found) == {
        "sample/train:1": ["temperature 0.75 -> 0.9"],
        "train:2": ["learning_rate 0.002 -> 0.0001"],
    }


def test_another_seed_is_told_as_the_runs_seed(smoke: Study) -> None:
    assert reasons(asked(smoke.store, seeds=[1])) == {"train:1": ["seed 0 -> 1"]}


def test_another_stage_version_is_told(smoke: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    version = train.STAGE.version
    monkeypatch.setattr(train, "STAGE", replace(train.STAGE, version=version + 1))
    assert reasons(asked(smoke.store))["train:1"] == [f"stage version {version} -> {version + 1}"]


def test_a_strict_environment_names_the_packages_that_changed(smoke: Study, smoke_copy: Path) -> None:
    strict = ["env=strict"]
    assert reasons(asked(smoke.store, *strict))["source/train"] == ["env none -> strict"]
    store = sirev.Store(smoke_copy)
    planner = plans(Request.of("tiny_smoke", overrides=strict, store=store)).planners[0]
    action = planner.steps["source/train"].action
    env = action["env"]
    older = {**action, "env": {**env, "trl": "0.0.1"}}
    pin = Pin(action_key(older), store.publish(older, Output(files={"any.txt": b""})).digest)
    store.runs.save(replace(planner.run, id="tiny_smoke-sft-s0-00000000", invocation="2026", pins={"source/train": pin}))
    one = only(asked(store, *strict), "source/train")
    assert one.reasons() == [f"env: trl 0.0.1 -> {env['trl']}"]


def test_equal_results_of_changed_steps_cut_off_early(smoke_copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    version = source.STAGE.version
    monkeypatch.setattr(source, "STAGE", replace(source.STAGE, version=version + 1))
    before = asked(smoke_copy, methods=["sft"])
    assert [told.first.step for told in before.causes()] == ["source/train"]
    assert only(before, "train:1").state == "unknown"  # it may be a hit, and is
    computed = sirev.iterate("tiny_smoke", methods=["sft"], store=smoke_copy)[0].computed
    assert {step.partition("/")[0] for step in computed} == {"source"}
    after = asked(smoke_copy, methods=["sft"], which="source/train")
    assert after.total["hit"] == sum(after.total.values())
    # Also afterwards it can be asked why it was computed.
    assert only(after, "source/train").reasons() == [f"stage version {version} -> {version + 1}"]


def test_an_input_that_changed_is_followed_back_to_its_cause(smoke_copy: Path) -> None:
    store = sirev.Store(smoke_copy)
    hotter = "sampling.temperature=0.9"
    for step in ("sample/train:1", "grade/select:1", "select:2"):
        publish_another(store, step, hotter)
    one = only(asked(store, hotter, methods=["sft"]), "train:2")
    (change,) = one.changes
    assert (one.cause, change.name, change.made_by) == ("changed", "data", "select:2")
    (root,) = change.roots
    assert (root.step, root.via) == ("sample/train:1", ("select:2",))
    assert one.reasons() == ["input data changed: temperature 0.75 -> 0.9 at 1:sample/train, by way of 2:select"]


def publish_another(store: sirev.Store, step: str, *overrides: str) -> None:
    """Record another result for a step of sft that would run: the finished one with its last text changed."""
    (finished,) = plans(Request.of("tiny_smoke", methods=["sft"], store=store)).planners
    (planner,) = plans(Request.of("tiny_smoke", methods=["sft"], overrides=overrides, store=store)).planners
    assert planner.steps[step].state == "run"
    artifact = finished.steps[step].artifact
    assert artifact is not None
    store.publish(planner.steps[step].action, another(artifact))


def another(artifact: Artifact) -> Output:
    tables = {}
    for name, entry in artifact.manifest["tables"].items():
        rows = artifact.rows(name)
        text = [column for column, kind in entry["columns"].items() if kind == "string"][-1]
        rows[-1] = {**rows[-1], text: f"{rows[-1][text]} "}
        tables[name] = Table(entry["columns"], rows, tuple(entry["order_by"]))
    parts = {part for entry in artifact.manifest["tables"].values() for part in entry["parts"]}
    files = {name: artifact.path(name).read_bytes() for name in artifact.manifest["files"] if name not in parts}
    return Output(files=dict(files), tables=dict(tables))


def test_a_lost_maker_of_an_earlier_input_is_said(smoke_copy: Path) -> None:
    store = sirev.Store(smoke_copy)
    for run in store.runs.all():
        pin = run.pins["select:2"]
        store.records.path(pin.key, pin.artifact).unlink(missing_ok=True)
    fewer = "training.sft.select.max_per_problem=3"
    (planner,) = plans(Request.of("tiny_smoke", methods=["sft"], overrides=[fewer], store=store)).planners
    store.publish(planner.steps["select:2"].action, Output(files={"summary.json": canonical_json({"outcome": "ok"})}))
    one = only(asked(store, fewer, methods=["sft"]), "train:2")
    assert one.reasons() == ["input data changed: the inputs of the earlier one are not in the store at 2:select"]


@pytest.mark.parametrize("harm", ["missing", "cut", "link"])
def test_a_recorded_artifact_that_is_not_whole_is_said(smoke: Study, smoke_copy: Path, harm: str) -> None:
    name, entry = next(iter(smoke.artifact("sft", "train:1").manifest["files"].items()))
    path = sirev.Store(smoke_copy).objects.path(entry["sha256"])
    whole = path.rename(path.with_name("whole"))
    if harm == "cut":
        path.write_bytes(b"x")
    elif harm == "link":
        path.symlink_to(whole)
    one = only(asked(smoke_copy), "train:1")
    assert (one.state, one.cause) == ("miss", "damaged")
    how = {"missing": "is missing", "cut": f"is damaged (1 bytes, not {entry['size']:,})", "link": "is not a plain file"}
    assert one.reasons() == [f"recorded, but its file {name} {how[harm]}: sirev store verify"]


def test_a_hit_whose_files_were_given_up_is_a_hit_and_says_so(smoke: Study, smoke_copy: Path) -> None:
    store = sirev.Store(smoke_copy)
    model = smoke.artifact("sft", "train:3")
    store.hollow.add(model.digest)
    weights = max(model.manifest["files"].values(), key=lambda entry: entry["size"])
    store.objects.path(weights["sha256"]).unlink()
    one = only(asked(store, methods=["sft"]), "train:3")
    assert (one.state, one.hollow) == ("hit", True)


def test_a_missing_manifest_is_said(smoke: Study, smoke_copy: Path) -> None:
    digest = smoke.artifact("sft", "train:1").digest
    sirev.Store(smoke_copy).objects.path(digest).unlink()
    (said,) = only(asked(smoke_copy), "train:1").reasons()
    assert digest[:12] in said
    assert said.endswith("sirev store verify")


def test_what_redo_asks_for_is_no_hit_though_it_is_stored(smoke: Study) -> None:
    (told,) = asked(smoke.store, redo=["train"]).causes()
    assert (told.first.step, told.first.cause, told.others) == ("train:1", "redo", ("train:2", "train:3"))
    assert told.first.reasons() == ["--redo asks for another realisation, whatever is stored"]
    assert asked(smoke.store, redo=["train:2"]).causes()[0].others == ()


def test_an_interrupted_redo_is_still_told(smoke_copy: Path, smoke: Study) -> None:
    store = sirev.Store(smoke_copy)
    run = smoke.run("sft", store)
    store.runs.save(replace(run, id=f"{run.id}-r2", realisation=2, status="running", redo=["train:2"]))
    assert only(asked(store, methods=["sft"]), "train:2").cause == "redo"


def test_an_empty_store_has_nothing_like_it_and_is_not_made(tmp_path: Path) -> None:
    found = asked(tmp_path / "store")
    (told,) = found.causes()
    assert told.first.reasons() == ["nothing like it has been stored yet"]
    assert found.total["hit"] == 0
    assert only(found, "pretrain:0").cause == "new"
    assert not (tmp_path / "store").exists()


def test_steps_of_a_larger_t_are_the_first_of_their_name(smoke: Study) -> None:
    found = asked(smoke.store, "T=4", methods=["sft"])
    assert only(found, "select:4").cause == "first"
    assert reasons(found)["select:4"][0] == "no earlier run of this recipe had this step"


def test_a_method_that_never_ran_differs_in_all_that_it_is(smoke_copy: Path) -> None:
    found = asked(smoke_copy, methods=["sft"], nulls=["resample", "retrain"])
    assert {told.first.step: told.first.cause for told in found.causes()} == {"sample/test/greedy:2": "first"}
    assert "train/null:2" in found.causes()[0].others


def test_what_came_from_another_store_is_said(smoke: Study, smoke_copy: Path) -> None:
    store = sirev.Store(smoke_copy)
    run = smoke.run("sft", store)
    pin = run.pins["train:1"]
    record = store.records.get(pin.key, pin.artifact)
    assert record is not None
    store.records.path(pin.key, pin.artifact).unlink()
    store.records.add(Record(record.action, record.artifact, {**record.provenance, "store": "elsewhere"}))
    assert only(asked(store), "train:1").here is False
    assert only(asked(store), "pretrain:0").here is True


@pytest.mark.parametrize(("which", "steps"), [("train:2", 1), ("train", 3), ("2", 17), ("measure:2", 6), ("compare", 1)])
def test_a_step_a_stage_or_a_t_can_be_asked_for(smoke: Study, which: str, steps: int) -> None:
    found = asked(smoke.store, methods=["sft"], which=which)
    assert len({one.step for one in found.steps}) == steps
    assert sum(found.total.values()) == 70


def test_an_unknown_name_is_one_clear_line(smoke: Study) -> None:
    with pytest.raises(BadInput, match=r"no step 'trian'.*did you mean 'train'"):
        asked(smoke.store, which="trian")


def test_strange_records_of_other_actions_are_passed_over(smoke_copy: Path) -> None:
    store = sirev.Store(smoke_copy)
    for action in ({"stage": "train", "version": 1}, {"inputs": 1, "parameters": [], "stage": "train", "version": 1}):
        store.records.add(Record(action, "0" * 64, {}))
    torn = store.records.path(action_key({"stage": "train"}), "1" * 64)
    torn.parent.mkdir(parents=True)
    torn.write_bytes(b'{"action":{"stage":"train","version":1}')
    assert reasons(asked(store, "training.initial.learning_rate=1e-3")) == {"train:1": ["learning_rate 0.002 -> 0.001"]}


def test_the_json_form_is_the_same_each_time_and_whole(smoke: Study) -> None:
    forms = [json.dumps(asked(smoke.store, "sampling.temperature=0.9", which="train").to_dict()) for _ in range(2)]
    assert forms[0] == forms[1]
    read = json.loads(forms[0])
    assert list(read) == ["schema", "recipe", "runs", "total", "steps"]
    assert {one["stage"] for one in read["steps"]} == {"train"}
    assert set(read["steps"][0]) == set(Explanation.__dataclass_fields__)


def test_looking_writes_nothing(smoke_copy: Path) -> None:
    before = tree(smoke_copy)
    asked(smoke_copy, "training.initial.learning_rate=1e-3")
    asked(smoke_copy, which="train")
    assert tree(smoke_copy) == before
