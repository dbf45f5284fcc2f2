from __future__ import annotations

import pytest

from sirev.execution.footprint import Footprint, footprint, lean
from sirev.recipe import Recipe, load_recipe

PARAMETERS = 7_241_732_096
"""Of Mistral 7B, as its publisher counts them."""


def sized(recipe: Recipe) -> Footprint:
    size = footprint(recipe)
    assert size is not None
    return size


def mistral(*overrides: str, overlays: list[str] | None = None) -> Footprint:
    return sized(load_recipe("mistral_gsm8k", overrides, overlays or []))


def test_a_small_gpu_and_all_parameters_show_in_the_memory() -> None:
    plain, small, full = mistral(), mistral(overlays=["24gb"]), mistral(overlays=["full"])
    assert plain.training["base weights"] == 2 * PARAMETERS
    assert "DPO's reference" in plain.training
    assert "DPO's reference" not in small.training
    assert small.training["activations"] < plain.training["activations"] / 4
    assert full.training["weights"] == full.model == 4 * PARAMETERS


def test_sampling_with_vllm_must_hold_the_weights_and_one_answer() -> None:
    size = mistral()
    assert size.answer == 4096 * 2 * 32 * 8 * 128 * 2
    assert size.to_sample == size.weights + size.answer
    assert 1 < size.room(24e9) < size.room(80e9)
    assert size.room(10e9) == 0


def test_what_fits_on_which_gpu() -> None:
    assert mistral(overlays=["24gb"]).smallest() == 24
    assert mistral(overlays=["full"]).smallest() == 80
    assert not mistral(overlays=["24gb"]).fits(16e9)
    assert mistral("engine.gpu_memory=0.5").samples_on(24e9) is False


def test_the_lean_recipe_takes_less_and_is_the_same_otherwise() -> None:
    recipe = load_recipe("mistral_gsm8k")
    assert sized(lean(recipe)).to_train < sized(recipe).to_train
    assert sized(lean(recipe)).to_train == mistral(overlays=["24gb"]).to_train
    assert lean(recipe).training.sft == recipe.training.sft


def test_transformers_holds_a_whole_batch_of_answers() -> None:
    whole = sized(load_recipe("smollm2_gsm8k", ["engine=transformers"]))
    few = sized(load_recipe("smollm2_gsm8k", ["engine=transformers", "engine.batch_size=8"]))
    assert whole.batch == 2048
    assert few.to_sample - few.weights == pytest.approx((whole.to_sample - whole.weights) / 256)


def test_a_model_that_is_not_known_here_has_none() -> None:
    assert footprint(load_recipe("mistral_gsm8k", ["model=nobody/knows-it", "model.revision=null"])) is None


def test_a_server_takes_no_memory_here_to_sample() -> None:
    settings = ["engine={name: server, url: http://127.0.0.1:1/v1}"]
    assert sized(load_recipe("smollm2_gsm8k", settings)).to_sample == 0
