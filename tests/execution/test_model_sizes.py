from __future__ import annotations

import json
from pathlib import Path

import pytest

from sirev.execution.model_sizes import Shape, shape_of, shipped_shapes
from sirev.recipe.sections import Architecture, Lora, Model, Pretrain
from tests.base_model import save_base_model
from tests.hub_cache import COMMIT, HubCache


@pytest.mark.parametrize(
    ("name", "parameters", "kv_bytes"),
    [
        ("meta-llama/Llama-2-7b-hf", 6_738_415_616, 524_288),
        ("mistralai/Mistral-7B-v0.1", 7_241_732_096, 131_072),
        ("meta-llama/Meta-Llama-3-8B", 8_030_261_248, 131_072),
        ("HuggingFaceTB/SmolLM2-135M-Instruct", 134_515_008, 23_040),
    ],
)
def test_the_models_of_the_recipes_are_known_without_a_download(hub: HubCache, name: str, parameters: int, kv_bytes: int) -> None:
    shape = shape_of(Model(name=name, revision=COMMIT))
    assert shape is not None
    assert shape.parameters == parameters
    assert shape.kv_bytes(2) == kv_bytes


def test_every_known_model_has_its_shape() -> None:
    assert all(shape.heads % shape.kv_heads == 0 for shape in shipped_shapes().values())


def test_a_local_model_is_counted_by_its_configuration(tmp_path: Path) -> None:
    model, _ = save_base_model(tmp_path / "model")
    shape = shape_of(Model(name=str(tmp_path / "model")))
    assert shape is not None
    assert shape.parameters == sum(weight.numel() for weight in model.parameters())


def test_a_cached_model_is_counted_by_its_configuration(hub: HubCache, tmp_path: Path) -> None:
    model, _ = save_base_model(tmp_path / "model")
    hub.model("some/model", tmp_path / "model")
    for revision in (COMMIT, None):
        shape = shape_of(Model(name="some/model", revision=revision))
        assert shape is not None
        assert shape.parameters == sum(weight.numel() for weight in model.parameters())


@pytest.mark.parametrize("modules", [["q_proj", "v_proj"], Lora().target_modules])
def test_an_adapter_has_as_many_weights_as_peft_makes(tmp_path: Path, modules: list[str]) -> None:
    from peft import LoraConfig, get_peft_model

    model, _ = save_base_model(tmp_path / "model")
    shape = shape_of(Model(name=str(tmp_path / "model")))
    adapted = get_peft_model(model, LoraConfig(r=3, target_modules=modules, task_type="CAUSAL_LM"))
    assert shape is not None
    assert shape.adapter(Lora(r=3, target_modules=modules)) == adapted.get_nb_trainable_parameters()[0]


def test_the_embedded_model_has_the_sizes_that_the_recipe_gives_it() -> None:
    sizes = Architecture(hidden_size=64, layers=1)
    shape = shape_of(Model(architecture=sizes, pretrain=Pretrain(sequences=1, levels=[1])))
    assert shape is not None
    assert (shape.hidden, shape.layers, shape.tied) == (64, 1, True)


@pytest.mark.parametrize("config", ["", "{", "[]", "{}", '{"num_attention_heads": 4}', '{"text_config": {}}'])
def test_a_configuration_that_says_too_little_has_no_shape(tmp_path: Path, config: str) -> None:
    (tmp_path / "config.json").write_text(config)
    assert shape_of(Model(name=str(tmp_path))) is None


def test_a_model_that_is_nowhere_has_no_shape(hub: HubCache, tmp_path: Path) -> None:
    assert shape_of(Model(name="some/model")) is None
    assert shape_of(Model(name=str(tmp_path / "none"))) is None


@pytest.mark.parametrize("odd", [{"hidden_size": "64"}, {"num_attention_heads": 0}, {"num_hidden_layers": None}])
def test_a_configuration_with_impossible_sizes_has_no_shape(tmp_path: Path, odd: dict[str, object]) -> None:
    good = {"hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 100}
    (tmp_path / "config.json").write_text(json.dumps(good))
    assert shape_of(Model(name=str(tmp_path))) == Shape(64, 96, 2, 4, 4, 16, 100, False)
    (tmp_path / "config.json").write_text(json.dumps(good | odd))
    assert shape_of(Model(name=str(tmp_path))) is None
