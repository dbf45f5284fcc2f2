from __future__ import annotations

from pathlib import Path

from sirev.execution.run_ids import latest_realisation, realisation_id, run_id
from sirev.recipe import load_recipe

OLDER = Path(__file__).parent / "older"
"""Recipes as they were before some fields were there."""


def test_a_run_is_named_by_what_the_recipe_says_not_by_its_description() -> None:
    recipe = load_recipe("tiny_smoke")
    assert run_id(recipe, "sft", 0) == run_id(recipe.model_copy(update={"description": "other words"}), "sft", 0)
    assert run_id(recipe, "sft", 0) != run_id(load_recipe("tiny_smoke", ["T=4"]), "sft", 0)
    assert run_id(recipe, "sft", 0).startswith("tiny_smoke-sft-s0-")


def test_what_changes_no_result_is_in_no_runs_name() -> None:
    plain = run_id(load_recipe("tiny"), "sft", 0)
    for override in ("training.memory.micro_batch_size=4", "training.checkpoint_minutes=1", "engine.context=512"):
        assert run_id(load_recipe("tiny", [override]), "sft", 0) == plain
    assert run_id(load_recipe("tiny", ["engine.dtype=float32"]), "sft", 0) != plain
    sampled = [run_id(load_recipe("mistral_gsm8k", over), "sft", 0) for over in ([], ["engine.attention=TRITON_ATTN"])]
    assert sampled[0] == sampled[1]
    assert run_id(load_recipe("mistral_gsm8k", ["engine.batch_invariant=true"]), "sft", 0) != sampled[0]


def test_fields_that_came_later_leave_the_names_of_older_runs_alone() -> None:
    # As runs were named before there were temperatures, embeddings, verdicts and inverse questions in a recipe.
    assert run_id(load_recipe(OLDER / "tiny.yaml"), "sft", 0) == "tiny-sft-s0-1dcc2f30"
    assert run_id(load_recipe(OLDER / "tiny_smoke.yaml"), "dpo", 2) == "tiny_smoke-dpo-s2-a1c41dd4"


def test_what_is_asked_and_what_is_kept_apart_are_in_a_runs_name() -> None:
    changes = (
        [],
        ["task.disjoint=true"],
        ["model.pretrain.inverse_share=0.1"],
        ["evaluation.ood.levels_1_to_6.question=inverse"],
    )
    assert len({run_id(load_recipe(OLDER / "tiny.yaml", one), "sft", 0) for one in changes}) == len(changes)


def test_draws_on_a_suite_are_in_a_runs_name_and_without_them_it_is_as_before_there_were_any() -> None:
    ids = [
        run_id(load_recipe(OLDER / "tiny.yaml", [f"evaluation.ood.levels_1_to_6.{one}" for one in asked]), "sft", 0)
        for asked in ([], ["draws=null"], ["draws=8"], ["draws=16"], ["draws=8", "draws_at=every"])
    ]
    assert ids[0] == ids[1] == "tiny-sft-s0-1dcc2f30"
    assert len(set(ids[1:])) == 4


def test_what_is_measured_besides_is_in_a_runs_name_and_how_it_is_judged_is_not() -> None:
    plain = run_id(load_recipe("tiny"), "sft", 0)
    verdict = ["evaluation.verdict.margin=0.05", "evaluation.k=[5,10]", "evaluation.verdict.diversity_counts=true"]
    assert run_id(load_recipe("tiny", verdict), "sft", 0) == plain
    embedding = run_id(load_recipe("tiny", ["evaluation.embedding.model=a/b"]), "sft", 0)
    assert len({plain, embedding, run_id(load_recipe("tiny", ["evaluation.temperatures=[1.0]"]), "sft", 0)}) == 3
    batches = ["evaluation.embedding.model=a/b", "evaluation.embedding.batch_size=8"]
    assert run_id(load_recipe("tiny", batches), "sft", 0) == embedding


def test_realisations_are_numbered_and_other_runs_are_not_taken_for_them() -> None:
    ids = ["a-s0-12345678", "a-s0-12345678-r2", "a-s0-12345678-r10", "a-s0-12345678-rest", "b-a-s0-12345678-r11"]
    assert latest_realisation("a-s0-12345678", ids) == 10
    assert latest_realisation("c", ids) == 0
    assert [realisation_id("a", 1), realisation_id("a", 3)] == ["a", "a-r3"]
