from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import sirev
from sirev.api.iterate import RunResult
from sirev.engines.transformers_engine import TransformersEngine
from sirev.errors import BadInput
from sirev.execution.run_ids import run_id
from sirev.recipe import load_recipe
from sirev.store.artifacts import Artifact
from sirev.store.records import Record
from sirev.store.runs import Run
from tests.conftest import Study, tree

NULLS = ["resample", "retrain", "gold"]
ASKED = {"methods": ["sft", "dpo"], "nulls": NULLS}


@dataclass(frozen=True)
class Nulls:
    """tiny_smoke with all null runs of two methods, finished, beside the smoke study."""

    store: sirev.Store
    results: dict[str, RunResult]
    before: dict[str, Any]
    """The files of the methods' runs as they were before."""

    def run(self, method: str) -> Run:
        run = self.store.runs.get(self.results[method].id)
        assert run is not None
        return run

    def record(self, method: str, step: str) -> Record:
        pin = self.run(method).pins[step]
        record = self.store.records.get(pin.key, pin.artifact)
        assert record is not None
        return record

    def artifact(self, method: str, step: str) -> Artifact:
        return self.store.artifact(self.run(method).pins[step].artifact)


@pytest.fixture(scope="module")
def nulls(smoke: Study, tmp_path_factory: pytest.TempPathFactory) -> Nulls:
    folder = tmp_path_factory.mktemp("nulls") / "store"
    shutil.copytree(smoke.store.path, folder)
    before = tree(folder / "runs")
    results = sirev.iterate("tiny_smoke", **ASKED, store=folder)  # type: ignore[arg-type]
    return Nulls(sirev.Store(folder), {result.method: result for result in results}, before)


def test_every_null_is_a_run_of_its_own_and_leaves_those_of_the_methods_alone(nulls: Nulls) -> None:
    assert list(nulls.results) == ["sft", "dpo", "null-resample", "null-retrain", "null-gold-sft", "null-gold-dpo"]
    after = tree(nulls.store.path / "runs")
    assert {name: after[name] for name in nulls.before} == nulls.before
    assert nulls.results["sft"].computed == nulls.results["dpo"].computed == ()
    for method in list(nulls.results)[2:]:
        assert nulls.results[method].id.startswith(f"tiny_smoke-{method}-s0-")
        assert nulls.run(method).status == "complete"


def test_the_first_iteration_of_every_null_is_m1_by_the_store(nulls: Nulls) -> None:
    for method in list(nulls.results)[2:]:
        for step in ("train:1", "sample/test:1", "measure/draws:1", "measure/greedy:1"):
            assert nulls.run(method).pins[step] == nulls.run("sft").pins[step]
        first, own = nulls.results[method].iterations[0], nulls.results["sft"].iterations[0]
        assert first["t"] == 1
        assert first["pass_at_1"] == own["pass_at_1"]
        assert first["pass_at_n"] == own["pass_at_n"]


def test_draws_asked_for_again_are_others_and_greedy_answers_the_same(nulls: Nulls) -> None:
    first, again = (nulls.artifact("null-resample", f"sample/test:{t}") for t in (1, 2))
    assert first.semantic != again.semantic
    assert len(first.rows("completions")) == len(again.rows("completions")) == 24 * 16
    assert [i["t"] for i in nulls.results["null-resample"].iterations] == [1, 2]
    for split in ("test", "ood/levels_1_to_3"):
        first, again = (nulls.artifact("null-resample", f"sample/{split}/greedy:{t}") for t in (1, 2))
        assert first.semantic == again.semantic
        # Drawn again, not looked up, whole or in shards.
        assert f"sample/{split}/greedy:2" in nulls.results["null-resample"].computed
        assert nulls.record("null-resample", f"sample/{split}/greedy:2").provenance["tokens_now"] > 0
    assert nulls.artifact("null-resample", "agree:1").json("agreement.json") == {"answers": 24 + 12, "differ": 0}
    assert nulls.results["null-resample"].notes == {1: "greedy answers of M_1 asked twice: identical"}
    assert nulls.run("null-resample").reason == "greedy answers of M_1 asked twice: identical"


def test_an_engine_that_answers_otherwise_the_second_time_is_told_on(smoke_copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sirev.study.steps import Steps

    greedy = Steps.greedy

    def at_fault(self: Steps, t: int, model: Any, suite: str | None = None, *, again: bool = False) -> Any:
        """Stands for an engine that, asked for the test problems' answers again, gives those of another model."""
        other = self.base_model() if again and suite is None else model
        return greedy(self, t, other, suite, again=again)

    monkeypatch.setattr(Steps, "greedy", at_fault)
    results = sirev.iterate("tiny_smoke", methods=["sft"], nulls=["resample"], store=smoke_copy)
    note = results[1].notes[1]
    store = sirev.Store(smoke_copy)
    run = store.runs.get(results[1].id)
    assert run is not None
    rows = [store.artifact(run.pins[f"sample/test/greedy:{t}"].artifact).rows("completions") for t in (1, 2)]
    differ = sum(one["text"] != other["text"] for one, other in zip(*rows, strict=True))
    assert differ > 0
    assert note == f"greedy answers of M_1 asked twice: {differ} of 36 differ ({differ / 36:.1%})"


def test_m1_is_trained_again_from_m0_by_other_seeds(nulls: Nulls) -> None:
    assert [i["t"] for i in nulls.results["null-retrain"].iterations] == [1, 2, 3, 4]
    own = nulls.record("null-retrain", "train:1").action
    seeds = {own["parameters"]["seed"]}
    models = {nulls.artifact("null-retrain", "train:1").semantic}
    for t in (2, 3, 4):
        again = nulls.record("null-retrain", f"train/null:{t}").action
        assert again["inputs"] == own["inputs"]
        assert {**again["parameters"], "seed": 0} == {**own["parameters"], "seed": 0}
        seeds.add(again["parameters"]["seed"])
        models.add(nulls.artifact("null-retrain", f"train/null:{t}").semantic)
    assert len(seeds) == len(models) == 4
    assert not [step for step in nulls.run("null-retrain").pins if step.startswith("sample/train")]


@pytest.mark.slow
def test_more_trainings_are_another_run_that_trains_only_what_is_missing(nulls: Nulls, tmp_path: Path) -> None:
    shutil.copytree(nulls.store.path, tmp_path / "store")
    result = sirev.iterate("tiny_smoke", methods=["sft"], nulls=["retrain"], null_count=4, store=tmp_path / "store")[1]
    assert result.id.startswith("tiny_smoke-null-retrain-4-s0-")
    assert [step for step in result.computed if step.startswith("train")] == ["train/null:5"]
    assert [i["t"] for i in result.iterations] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("method", ["sft", "dpo"])
def test_gold_answers_are_trained_on_for_the_optimizer_steps_of_the_method(nulls: Nulls, method: str) -> None:
    null = f"null-gold-{method}"
    assert [i["t"] for i in nulls.results[null].iterations] == [1, 2, 3]
    init = nulls.artifact(method, "train:1").semantic
    for t in (2, 3):
        trained, instead_of = nulls.record(null, f"train/null:{t}"), nulls.record(method, f"train:{t}")
        assert trained.provenance["steps"] == instead_of.provenance["steps"] > 0
        assert trained.action["parameters"]["max_steps"] == trained.provenance["steps"]
        assert trained.action["parameters"]["kind"] == "sft"
        assert trained.action["parameters"]["learning_rate"] == 2e-3
        assert trained.action["inputs"] == {"init": init, "data": nulls.artifact(null, "select:1").semantic}
        init = nulls.artifact(null, f"train/null:{t}").semantic
        assert init != nulls.artifact(method, f"train:{t}").semantic


@pytest.mark.slow
def test_where_a_method_stops_so_does_its_gold_run(smoke_copy: Path) -> None:
    sft, gold = sirev.iterate(
        "tiny_smoke", methods=["sft"], nulls=["gold"], overrides=["sampling.max_new_tokens=1"], store=smoke_copy
    )
    assert gold.stopped == sft.stopped == "t = 2: no correct answer"
    assert [i["t"] for i in gold.iterations] == [1]
    overrides = ["sampling.max_new_tokens=1", "training.on_degenerate=continue"]
    sft, gold = sirev.iterate("tiny_smoke", methods=["sft"], nulls=["gold"], overrides=overrides, store=smoke_copy)
    assert [i["t"] for i in gold.iterations] == [1, 2, 3]
    assert not [step for step in gold.computed if step.startswith("train")]


@pytest.mark.slow
def test_gold_without_settings_for_sft_is_trained_by_those_of_m1(smoke_copy: Path) -> None:
    overrides = ["methods=[dpo]", "training.sft=null", "T=2"]
    _, gold = sirev.iterate("tiny_smoke", nulls=["gold"], overrides=overrides, store=smoke_copy)
    store = sirev.Store(smoke_copy)
    run = store.runs.get(gold.id)
    assert run is not None
    record = store.records.get(run.pins["train/null:2"].key, run.pins["train/null:2"].artifact)
    assert record is not None
    assert record.action["parameters"]["batch_size"] == 8


def test_a_replay_of_finished_nulls_computes_and_writes_nothing(nulls: Nulls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TransformersEngine, "__init__", None)
    before = tree(nulls.store.path)
    for result in sirev.iterate("tiny_smoke", **ASKED, store=nulls.store):  # type: ignore[arg-type]
        assert result.computed == ()
        assert result.iterations == nulls.results[result.method].iterations
        assert result.notes == nulls.results[result.method].notes
    assert tree(nulls.store.path) == before
    plans = sirev.plan("tiny_smoke", **ASKED, store=nulls.store)  # type: ignore[arg-type]
    assert set(plans) == {result.id for result in nulls.results.values()}
    assert {state for states in plans.values() for state in states.values()} == {"hit"}


def test_a_plan_knows_the_steps_of_gold_once_the_method_is_trained(smoke: Study, tmp_path: Path) -> None:
    asked: dict[str, Any] = {"methods": ["sft"], "nulls": ["gold"]}
    _, states = sirev.plan("tiny_smoke", **asked, store=smoke.store).values()
    assert (states["train:2"], states["train/null:2"], states["train/null:3"]) == ("hit", "run", "unknown")
    _, states = sirev.plan("tiny_smoke", **asked, store=tmp_path / "store").values()
    assert states["train/null:2"] == states["train/null:3"] == "unknown"
    _, states = sirev.plan("tiny_smoke", **asked, overrides=["training.sft.learning_rate=1e-3"], store=smoke.store).values()
    assert (states["select:2"], states["train:2"], states["train/null:2"]) == ("hit", "run", "unknown")


def test_a_null_run_can_be_regraded(nulls: Nulls) -> None:
    for method in ("null-retrain", "null-gold-dpo"):
        found = sirev.regrade(nulls.results[method].id, store=nulls.store)
        assert {one.step for one in found.steps} == {name for name in nulls.run(method).pins if name.startswith("grade/")}
        assert (found.missing, found.computed) == ({}, ())


def test_the_name_of_a_null_run_tells_the_number_of_trainings_where_it_is_not_the_usual_one() -> None:
    recipe = load_recipe("tiny")
    assert run_id(recipe, "null-retrain", 0) == run_id(recipe, "null-retrain", 0, 3) != run_id(recipe, "null-retrain", 0, 5)
    assert run_id(recipe, "null-resample", 0) == run_id(recipe, "null-resample", 0, 5)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"nulls": ["retrian"]}, "unknown null run; did you mean 'retrain'"),
        ({"nulls": ["retrain"], "null_count": 2}, "--null-count 2: a noise floor needs at least 3 trainings"),
        ({"nulls": ["gold"], "null_count": 4}, "--null-count 4: only --null retrain reads it"),
    ],
)
def test_bad_requests_are_one_line(asked: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=words) as caught:
        sirev.iterate("tiny_smoke", store=tmp_path / "store", **asked)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "store").exists()
