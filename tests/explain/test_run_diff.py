from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

import sirev
from sirev.api.plan import plans
from sirev.api.request import Request
from sirev.explain.recorded import Recorded
from sirev.explain.run_diff import Difference, lines, run_difference
from sirev.stages import source
from sirev.store.artifacts import Output
from sirev.store.runs import Pin
from tests.conftest import Study


def of_methods(smoke: Study, one: str, other: str) -> Difference:
    return run_difference(smoke.store, smoke.run(one), smoke.run(other))


def test_a_run_does_not_part_from_itself(smoke: Study) -> None:
    found = of_methods(smoke, "sft", "sft")
    assert found.first is None
    assert len(found.equal) == len(smoke.run("sft").pins)
    assert lines(found)[1:] == ["the same settings", f"no difference: all {len(found.equal)} steps are identical"]


def test_methods_part_where_they_first_choose_otherwise(smoke: Study) -> None:
    found = of_methods(smoke, "dpo", "sft-dpo")
    assert found.first is not None
    assert found.first.step == "select:3"
    assert found.first.changes[0].words() == "kind dpo -> sft"
    assert [change.words() for change in found.settings] == ["method dpo -> sft-dpo"]
    assert "train:2" in found.equal
    apart = [parting.step for parting in found.partings if parting.how == "apart"]
    assert apart == ["select:3", "train:3", "compare"]
    assert lines(found)[3] == "the runs diverge at 3:select:"


def test_what_follows_is_told_with_what_it_goes_back_to(smoke: Study) -> None:
    found = of_methods(smoke, "dpo", "sft-dpo")
    later = next(parting for parting in found.partings if parting.step == "sample/test:3")
    assert later.how == "follows"
    (change,) = later.changes
    assert (change.name, change.made_by) == ("model", "train:3")
    assert "train:3" in {root.step for root in change.roots}


def test_steps_are_in_the_order_of_the_algorithm_though_files_sort_them(smoke: Study) -> None:
    (planner,) = plans(Request.of("tiny_smoke", methods=["sft"], store=smoke.store)).planners
    course = Recorded(smoke.store).course(smoke.run("sft"))
    place = {name: i for i, name in enumerate(course.steps)}
    assert set(place) == set(planner.steps)
    made_by = {step.artifact.semantic: name for name, step in reversed(planner.steps.items()) if step.artifact}
    for name, made in course.steps.items():
        for digest in made.action["inputs"].values():
            assert place[made_by[digest]] < place[name], (made_by[digest], name)
    trained = [name for name in course.steps if name.startswith(("select", "train", "sample/train", "compare"))]
    assert trained == [
        *("select:1", "train:1", "sample/train:1", "select:2", "train:2", "sample/train:2"),
        *("select:3", "train:3", "sample/train:3", "compare"),
    ]


def test_a_setting_that_differs_is_named_with_the_first_step_it_changes(smoke: Study, smoke_copy: Path) -> None:
    store = sirev.Store(smoke_copy)
    request = Request.of("tiny_smoke", methods=["sft"], overrides=["training.sft.learning_rate=1e-4"], store=store)
    (planner,) = plans(request).planners
    step = planner.steps["train:2"]
    assert step.key is not None
    pins = {name: Pin(one.key, one.artifact.digest) for name, one in planner.steps.items() if one.key and one.artifact}
    pins["train:2"] = Pin(step.key, store.publish(step.action, Output(files={"model.safetensors": b"x"})).digest)
    found = run_difference(store, smoke.run("sft"), replace(planner.run, pins=pins))
    assert [change.words() for change in found.settings] == ["training.sft.learning_rate 0.002 -> 0.0001"]
    assert [parting.step for parting in found.partings] == ["train:2"]
    assert "compare" in found.only_a
    assert "  learning_rate 0.002 -> 0.0001" in lines(found)


def test_another_realisation_is_told_and_not_taken_for_another_action(smoke: Study, smoke_copy: Path) -> None:
    store = sirev.Store(smoke_copy)
    a = smoke.run("sft")
    record = store.records.get(a.pins["train:2"].key, a.pins["train:2"].artifact)
    assert record is not None
    again = store.publish(record.action, Output(files={"model.safetensors": b"another"}))
    found = run_difference(store, a, replace(a, pins={**a.pins, "train:2": Pin(a.pins["train:2"].key, again.digest)}))
    (parting,) = found.partings
    assert (parting.step, parting.how, [change.kind for change in parting.changes]) == ("train:2", "apart", ["realisation"])
    assert any("another realisation, made" in line for line in lines(found))


def test_another_action_with_the_same_result_is_told_apart(
    smoke: Study, smoke_copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "STAGE", replace(source.STAGE, version=source.STAGE.version + 1))
    store = sirev.Store(smoke_copy)
    before = smoke.run("sft")
    sirev.iterate("tiny_smoke", methods=["sft"], store=store)
    after = store.runs.get(before.id)
    assert after is not None
    found = run_difference(store, before, after)
    assert {parting.step.partition("/")[0] for parting in found.partings} == {"source"}
    assert {parting.how for parting in found.partings} == {"same result"}
    assert "train:1" in found.equal


def test_steps_whose_record_is_gone_are_named(smoke: Study, smoke_copy: Path) -> None:
    store = sirev.Store(smoke_copy)
    a, b = smoke.run("sft"), smoke.run("dpo")
    store.records.path(b.pins["train:3"].key, b.pins["train:3"].artifact).unlink()
    found = run_difference(store, a, b)
    assert found.unrecorded == ("train:3",)
    assert "no longer recorded: 1 step: 3:train" in lines(found)


def test_the_json_form_is_whole_and_the_same_each_time(smoke: Study) -> None:
    forms = [json.dumps(of_methods(smoke, "sft", "dpo").to_dict()) for _ in range(2)]
    assert forms[0] == forms[1]
    read = json.loads(forms[0])
    assert (read["schema"], read["first"]) == (1, "select:2")
    assert [one["name"] for one in read["settings"]] == ["method"]
