from __future__ import annotations

from pathlib import Path

import pytest

import sirev
from sirev.store.artifacts import Artifact
from sirev.store.records import Record
from tests.conftest import Study

LN_2 = 0.6931472
SMALL = ["evaluation.draws.n=2", "sampling.n=4", "evaluation.ood={}", "task.test=4"]
"""Overrides for tests that look at training alone."""


def pins(store: sirev.Store, run_id: str) -> dict[str, str]:
    run = store.runs.get(run_id)
    assert run is not None
    return {step: pin.artifact for step, pin in run.pins.items()}


def records(store: sirev.Store, stage: str) -> list[Record]:
    return [record for record in store.records.all() if record.action["stage"] == stage]


def first_losses(store: sirev.Store, run_id: str) -> dict[int, float]:
    """t -> the loss of the first step of its DPO training."""
    run = store.runs.get(run_id)
    assert run is not None
    found = {}
    for step, pin in run.pins.items():
        record = store.records.get(pin.key, pin.artifact)
        assert record is not None
        if step.startswith("train:") and record.action["parameters"]["kind"] == "dpo":
            found[int(step.removeprefix("train:"))] = record.provenance["log"][0]["loss"]
    return found


def test_m1_is_trained_once_for_three_methods_and_m2_of_dpo_is_that_of_sft_dpo(smoke: Study) -> None:
    found = {method: pins(smoke.store, smoke.of(method).id) for method in ("sft", "dpo", "sft-dpo")}
    for step in ("pretrain:0", "select:1", "train:1", "sample/train:1"):
        assert len({found[method][step] for method in found}) == 1
    assert found["dpo"]["train:2"] == found["sft-dpo"]["train:2"] != found["sft"]["train:2"]
    # M1; M2 of sft and of dpo; M3 of sft, dpo and sft-dpo: 6 trainings where 9 were asked for.
    assert len(records(smoke.store, "train")) == 6
    assert sum(step.startswith("train:") for result in smoke.results for step in result.computed) == 6
    assert len(records(smoke.store, "pretrain")) == 1


@pytest.mark.slow
def test_one_m0_serves_all_seeds(smoke: Study, smoke_copy: Path) -> None:
    (other,) = sirev.iterate("tiny_smoke", methods=["dpo"], seeds=[1], store=smoke_copy)
    assert "pretrain:0" not in other.computed
    assert "select:1" not in other.computed
    assert "train:1" in other.computed


def test_every_model_continues_the_one_before_it_and_dpo_refers_to_it(smoke: Study) -> None:
    store = smoke.store
    run = smoke.run("sft-dpo", store)
    said = {step: store.artifact(pin.artifact).semantic for step, pin in run.pins.items()}
    for t, kind in ((2, "dpo"), (3, "sft")):
        record = store.records.get(run.pins[f"train:{t}"].key, run.pins[f"train:{t}"].artifact)
        assert record is not None
        assert record.action["parameters"]["kind"] == kind
        assert record.action["inputs"]["init"] == said[f"train:{t - 1}"]
        assert record.action["inputs"].get("reference") == (said[f"train:{t - 1}"] if kind == "dpo" else None)


@pytest.mark.parametrize("parameters", ["full", pytest.param("lora", marks=pytest.mark.slow)])
def test_the_first_dpo_loss_is_ln_2_because_the_reference_is_the_model_before(smoke_copy: Path, parameters: str) -> None:
    store = sirev.Store(smoke_copy)
    lora = ["training.parameters=lora", "training.lora.r=8"] if parameters == "lora" else []
    (result,) = sirev.iterate("tiny_smoke", methods=["dpo"], overrides=[*SMALL, "sampling.n=16", *lora], store=store)
    losses = first_losses(store, result.id)
    assert sorted(losses) == [2, 3]
    assert list(losses.values()) == pytest.approx([LN_2, LN_2], abs=1e-3)


@pytest.mark.slow
def test_the_first_dpo_loss_is_not_ln_2_against_m0(smoke_copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sirev.study.steps import ModelWeights, Steps

    train = Steps.train

    def against_m0(
        self: Steps, t: int, kind: str, init: ModelWeights, data: Artifact, reference: ModelWeights | None = None
    ) -> ModelWeights:
        return train(self, t, kind, init, data, self.base_model() if reference else None)  # type: ignore[arg-type]

    monkeypatch.setattr(Steps, "train", against_m0)
    store = sirev.Store(smoke_copy)
    (result,) = sirev.iterate("tiny_smoke", methods=["dpo"], store=store)
    losses = first_losses(store, result.id)
    assert sorted(losses) == [2, 3]
    assert all(abs(loss - LN_2) > 1e-3 for loss in losses.values())


@pytest.mark.slow
def test_from_base_every_model_starts_from_m0_with_the_same_data(smoke: Study, smoke_copy: Path) -> None:
    store = sirev.Store(smoke_copy)
    (result,) = sirev.iterate("tiny_smoke", methods=["sft"], overrides=["init_from=base"], store=store)
    run = store.runs.get(result.id)
    assert run is not None
    m0 = store.artifact(run.pins["pretrain:0"].artifact).semantic
    for t in (1, 2, 3):
        record = store.records.get(run.pins[f"train:{t}"].key, run.pins[f"train:{t}"].artifact)
        assert record is not None
        assert record.action["inputs"]["init"] == m0
    assert run.pins["select:2"] == smoke.store.runs.get(smoke.of("sft").id).pins["select:2"]  # type: ignore[union-attr]


NOTHING_RIGHT = ["sampling.max_new_tokens=1"]  # no answer ends within one token, so none is right


@pytest.mark.parametrize(("method", "trouble"), [("sft", "no correct answer"), ("dpo", "no pair")])
def test_a_run_with_nothing_to_learn_from_stops_and_says_so(smoke_copy: Path, method: str, trouble: str) -> None:
    (result,) = sirev.iterate("tiny_smoke", methods=[method], overrides=NOTHING_RIGHT, store=smoke_copy)
    assert result.stopped == f"t = 2: {trouble}"
    assert [i["t"] for i in result.iterations] == [1]
    report = sirev.report(store=smoke_copy)
    assert report.to_dict()["studies"][0]["runs"][0]["stopped"] == f"t = 2: {trouble}"


@pytest.mark.slow
def test_a_run_with_nothing_to_learn_from_goes_on_if_the_recipe_says_so(smoke_copy: Path) -> None:
    overrides = [*NOTHING_RIGHT, "training.on_degenerate=continue"]
    (result,) = sirev.iterate("tiny_smoke", methods=["sft"], overrides=overrides, store=smoke_copy)
    assert result.stopped is None
    assert result.notes == {2: "no correct answer", 3: "no correct answer"}
    assert [i["t"] for i in result.iterations] == [1, 2, 3]
    assert result.iterations[0]["pass_at_1"] == result.iterations[2]["pass_at_1"]  # M_3 = M_2 = M_1
    assert not [step for step in result.computed if step.startswith("train:")]


@pytest.mark.slow
def test_what_was_last_trained_on_is_remembered_over_an_iteration_without_training(smoke_copy: Path) -> None:
    # dpo finds no pair at t = 3 among answers that are all alike; sft at t = 4 looks back to D_2.
    overrides = [
        *("T=4", "schedule=[sft, dpo, sft]", "training.on_degenerate=continue", "sampling.temperature=0.001"),
        *("training.sft.learning_rate=1e-12", "training.sft.select.max_per_problem=null"),
    ]
    (result,) = sirev.iterate("tiny_smoke", methods=["sft-dpo"], overrides=overrides, store=smoke_copy)
    assert result.notes == {3: "no pair", 4: "nothing new"}


@pytest.mark.slow
def test_answers_that_were_all_trained_on_before_are_nothing_new(smoke_copy: Path) -> None:
    # A learning rate of nearly 0 and almost greedy draws: M_2 says what M_1 said.
    overrides = [
        "sampling.temperature=0.001",
        "training.sft.learning_rate=1e-12",
        "training.sft.select.max_per_problem=null",
    ]
    (result,) = sirev.iterate("tiny_smoke", methods=["sft"], overrides=overrides, store=smoke_copy)
    assert result.stopped == "t = 3: nothing new"
    assert [i["t"] for i in result.iterations] == [1, 2]
