from __future__ import annotations

from typing import Any

import pytest

from sirev.execution.footprint import Footprint, footprint, layer_activations, lean, tokens_at_once
from sirev.execution.model_sizes import Shape, shipped_shapes
from sirev.recipe import Recipe, load_recipe
from sirev.recipe.sections import Lora

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


@pytest.mark.parametrize("task", ["gsm8k", "math", "mbpp", "csqa"])
@pytest.mark.parametrize("model", ["mistral", "llama2", "llama3"])
def test_the_recipes_of_the_paper_fit_on_80_gb_without_computing_anything_again(model: str, task: str) -> None:
    recipe = load_recipe(f"{model}_{task}")
    assert not recipe.training.memory.gradient_checkpointing
    assert 50e9 < sized(recipe).to_train < 70e9  # the GPU's own context and what lies between are not counted
    assert sized(recipe).smallest() == 80
    assert sized(load_recipe(f"{model}_{task}", overlays=["24gb"])).to_train < 20e9


def test_tokens_bound_what_goes_through_the_model_and_one_example_of_the_longest_always_does() -> None:
    def tokens(*settings: str, recipe: str = "mistral_gsm8k") -> int:
        return tokens_at_once(load_recipe(recipe, [f"training.memory.{setting}" for setting in settings]))

    pair = 2 * (256 + 512)
    assert tokens() == 6144 == 4 * pair
    assert tokens(recipe="mistral_mbpp") == 6144 == 2 * 2 * (1024 + 512)
    assert tokens("micro_batch_size=2") == 2 * pair
    assert tokens("micro_batch_tokens=1000") == pair
    assert tokens("micro_batch_tokens=null") == 32 * pair
    assert mistral("training.memory.micro_batch_tokens=3072").training["activations"] < 0.51 * mistral().training["activations"]


@pytest.mark.parametrize("lora", [Lora(r=4), None])
@pytest.mark.parametrize("computed", [2, 4])
def test_activations_of_a_layer_are_those_that_torch_keeps(lora: Lora | None, computed: int) -> None:
    shape = Shape(96, 256, 3, 6, 6, 16, 200, False)
    width = 2 if lora and computed == 2 else 4
    estimated = layer_activations(shape, lora, width, computed)
    assert kept_for_gradients(shape, lora, width, computed) == pytest.approx(estimated, rel=0.03)


def kept_for_gradients(shape: Shape, lora: Lora | None, width: int, computed: int) -> float:
    """Bytes that torch keeps of a token in one layer, on the CPU; under autocast where two bytes are computed with."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import LlamaConfig, LlamaForCausalLM

    def kept(layers: int, tokens: int) -> int:
        config = LlamaConfig(
            hidden_size=shape.hidden,
            intermediate_size=shape.intermediate,
            num_hidden_layers=layers,
            num_attention_heads=shape.heads,
            num_key_value_heads=shape.kv_heads,
            head_dim=shape.head_dim,
            vocab_size=shape.vocabulary,
        )
        modules: Any = LlamaForCausalLM(config).to(torch.bfloat16 if width == 2 else torch.float32)
        core = modules.model
        if lora is not None:
            adapter = LoraConfig(task_type="CAUSAL_LM", r=lora.r, target_modules=lora.target_modules)
            modules = get_peft_model(modules, adapter)
            modules.enable_input_require_grads()
        weights = {weight.untyped_storage().data_ptr() for weight in modules.parameters()}
        held = {}

        def pack(tensor: torch.Tensor) -> torch.Tensor:
            storage = tensor.untyped_storage()
            if storage.data_ptr() not in weights:
                held[storage.data_ptr()] = tensor, storage.nbytes()
            return tensor

        hooks = torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor)
        with hooks, torch.autocast("cpu", torch.bfloat16, enabled=computed == 2):
            core(input_ids=torch.zeros(1, tokens, dtype=torch.long), use_cache=False)
        return sum(size for _, size in held.values())

    few, many = 64, 128
    return (kept(3, many) - kept(3, few) - kept(1, many) + kept(1, few)) / (2 * (many - few))


def test_a_7b_model_keeps_what_was_measured_of_a_token() -> None:
    shape = shipped_shapes()["mistralai/Mistral-7B-v0.1"]
    layer, last_norm = layer_activations(shape, Lora(r=32), 2, 2), 4 * shape.hidden
    assert layer + last_norm == pytest.approx(246e3, rel=0.01)  # measured of one layer of its size, the last norm with it


def test_all_parameters_of_a_7b_model_fit_on_80_gb_and_an_8b_model_says_that_it_does_not() -> None:
    full = mistral(overlays=["full"])
    assert {name: round(size / 1e9) for name, size in full.training.items()} == {
        "weights": 29,
        "gradients": 29,
        "optimizer": 15,
        "bfloat16 copies": 0,
        "activations": 1,  # copies of a layer, never of all at once
    }
    assert full.to_train < 77e9
    larger = sized(load_recipe("llama3_gsm8k", overlays=["full"]))
    assert (full.smallest(), larger.smallest()) == (80, 141)
    unchecked = mistral("training.memory.gradient_checkpointing=false", overlays=["full"])
    assert unchecked.training["bfloat16 copies"] == 2 * PARAMETERS


def test_states_in_eight_bits_are_in_32_for_the_embeddings() -> None:
    embedded = 32000 * 4096
    assert mistral(overlays=["full"]).training["optimizer"] == 2 * (PARAMETERS - embedded) + 8 * embedded


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
