from __future__ import annotations

from pathlib import Path

import pytest

import sirev
from sirev.api.iterate import run_id
from sirev.errors import BadInput
from sirev.recipe import load_recipe
from tests.conftest import Study


def refused(**request: object) -> str:
    with pytest.raises(BadInput) as caught:
        sirev.iterate("tiny_smoke", **request)  # type: ignore[arg-type]
    line = str(caught.value)
    assert "\n" not in line
    return line


def test_bad_requests_are_one_clear_line_and_make_no_store(tmp_path: Path) -> None:
    store = tmp_path / "store"
    assert "did you mean 'sft'" in refused(methods=["stf"], store=store)
    assert "has no method 'dpo'" in refused(methods=["dpo"], overrides=["methods=[sft]", "training.dpo=null"], store=store)
    assert "unknown stage 'trian'; did you mean 'train'" in refused(redo=["trian"], store=store)
    assert "--redo 2:tran: unknown stage 'tran'; did you mean 'train'" in refused(redo=["2:tran"], store=store)
    assert "--redo 0:train: these runs have no such step (of train there is" in refused(redo=["0:train"], store=store)
    assert "t from 0 to 3" in refused(redo=["train:9"], store=store)
    assert "STAGE or t:STAGE" in refused(redo=["train:x"], store=store)
    assert "seed -1" in refused(seeds=[-1], store=store)
    assert "no method or no seed" in refused(seeds=[], store=store)
    assert not store.exists()


def test_overrides_do_not_go_with_a_loaded_recipe() -> None:
    with pytest.raises(BadInput, match="loaded recipe"):
        sirev.iterate(load_recipe("tiny_smoke"), overrides=["T=3"])


def test_a_plan_from_nothing_knows_only_what_needs_nothing(tmp_path: Path) -> None:
    (states,) = sirev.plan("tiny_smoke", methods=["sft"], store=tmp_path / "store").values()
    assert states["pretrain:0"] == states["source/train"] == "run"
    assert states["train:1"] == states["compare"] == "unknown"
    assert not (tmp_path / "store").exists()


def test_a_plan_of_a_finished_study_is_all_hits(smoke: Study) -> None:
    plans = sirev.plan("tiny_smoke", store=smoke.store.path)
    assert set(plans) == {result.id for result in smoke.results}
    assert {state for states in plans.values() for state in states.values()} == {"hit"}


def test_a_plan_shows_what_an_override_touches(smoke: Study) -> None:
    (states,) = sirev.plan(
        "tiny_smoke", methods=["sft"], overrides=["training.sft.learning_rate=1e-3"], store=smoke.store.path
    ).values()
    assert states["train:1"] == states["select:2"] == "hit"
    assert states["train:2"] == "run"
    assert states["sample/test:2"] == "unknown"


def test_a_plan_shows_what_would_be_redone(smoke: Study) -> None:
    (states,) = sirev.plan("tiny_smoke", methods=["sft"], redo=["train:2"], store=smoke.store.path).values()
    assert (states["train:1"], states["train:2"], states["sample/test:2"]) == ("hit", "run", "unknown")


def test_a_run_is_named_by_what_the_recipe_says_not_by_its_description(tmp_path: Path) -> None:
    recipe = load_recipe("tiny_smoke")
    assert run_id(recipe, "sft", 0) == run_id(recipe.model_copy(update={"description": "other words"}), "sft", 0)
    assert run_id(recipe, "sft", 0) != run_id(load_recipe("tiny_smoke", ["T=4"]), "sft", 0)
    assert run_id(recipe, "sft", 0).startswith("tiny_smoke-sft-s0-")


def test_the_results_are_what_the_report_says(smoke: Study) -> None:
    (study,) = sirev.report(recipes=["tiny_smoke"], store=smoke.store).to_dict()["studies"]
    told = {run["method"]: run["iterations"] for run in study["runs"]}
    for result in smoke.results:
        assert [i["pass_at_1"] for i in told[result.method]] == [i["pass_at_1"] for i in result.iterations]


def test_a_replay_of_a_recipe_that_needs_a_gpu_needs_none(smoke: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    results = sirev.iterate("tiny_smoke", overrides=["gpu=required"], store=smoke.store)
    assert {result.id for result in results} == {result.id for result in smoke.results}
    assert all(result.computed == () for result in results)


def test_what_changes_no_result_is_in_no_runs_name() -> None:
    plain = run_id(load_recipe("tiny"), "sft", 0)
    for override in ("training.memory.micro_batch_size=4", "training.checkpoint_minutes=1", "engine.context=512"):
        assert run_id(load_recipe("tiny", [override]), "sft", 0) == plain
    assert run_id(load_recipe("tiny", ["engine.dtype=float32"]), "sft", 0) != plain


def test_fields_that_came_later_leave_the_names_of_older_runs_alone() -> None:
    # As runs were named before there were temperatures, embeddings and verdicts in a recipe.
    assert run_id(load_recipe("tiny"), "sft", 0) == "tiny-sft-s0-1dcc2f30"
    assert run_id(load_recipe("tiny_smoke"), "dpo", 2) == "tiny_smoke-dpo-s2-a1c41dd4"


def test_what_is_measured_besides_is_in_a_runs_name_and_how_it_is_judged_is_not() -> None:
    plain = run_id(load_recipe("tiny"), "sft", 0)
    verdict = ["evaluation.verdict.margin=0.05", "evaluation.verdict.diversity_counts=true"]
    assert run_id(load_recipe("tiny", verdict), "sft", 0) == plain
    embedding = run_id(load_recipe("tiny", ["evaluation.embedding.model=a/b"]), "sft", 0)
    assert len({plain, embedding, run_id(load_recipe("tiny", ["evaluation.temperatures=[1.0]"]), "sft", 0)}) == 3
    batches = ["evaluation.embedding.model=a/b", "evaluation.embedding.batch_size=8"]
    assert run_id(load_recipe("tiny", batches), "sft", 0) == embedding
