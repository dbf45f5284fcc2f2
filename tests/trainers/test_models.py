from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model

from sirev.errors import BadInput
from sirev.trainers.dispatch import ArchitectureParameters
from sirev.trainers.models import ModelFolders, load_merged, load_model, load_tokenizer, save_model
from sirev.trainers.pretrain import build_model, build_tokenizer

SIZES = ArchitectureParameters(
    hidden_size=32,
    intermediate_size=64,
    layers=1,
    heads=1,
    kv_heads=1,
    head_dim=32,
    initializer_range=0.06,
    rope_theta=10000.0,
)


def saved(folder: Path) -> tuple[object, Path]:
    torch.manual_seed(0)
    tokenizer = build_tokenizer()
    model = build_model(SIZES, tokenizer)
    folder.mkdir()
    save_model(model, tokenizer, folder)
    return model, folder


def test_a_saved_model_is_the_same_bytes_wherever_it_was_made(tmp_path: Path) -> None:
    _, one = saved(tmp_path / "one")
    (tmp_path / "deep" / "down").mkdir(parents=True)
    _, other = saved(tmp_path / "deep" / "down" / "other")
    assert {p.name: p.read_bytes() for p in one.iterdir()} == {p.name: p.read_bytes() for p in other.iterdir()}


def test_no_file_of_a_saved_model_names_a_path_or_can_run_code(tmp_path: Path) -> None:
    _, folder = saved(tmp_path / "model")
    for path in folder.iterdir():
        assert path.suffix in (".safetensors", ".json"), path
        assert str(tmp_path).encode() not in path.read_bytes()
        if path.suffix == ".json":
            json.loads(path.read_text())


def test_weights_and_tokens_survive(tmp_path: Path) -> None:
    model, folder = saved(tmp_path / "model")
    back = load_model(ModelFolders(folder))
    for name, weight in model.state_dict().items():  # type: ignore[attr-defined]
        assert torch.equal(weight, back.state_dict()[name])
    text = "Tom has 12 apples. Monday he buys 7. How many apples now?"
    assert load_tokenizer(ModelFolders(folder))(text) == build_tokenizer()(text)


@pytest.mark.parametrize("changed", ["chat_template.jinja", "tokenizer_config.json"])
def test_tokenizers_that_share_tokens_alone_are_told_apart_by_their_files(tmp_path: Path, changed: str) -> None:
    _, one = saved(tmp_path / "one")
    (one / "chat_template.jinja").write_text("{{ messages }}")
    for name in ("alike", "other"):
        (tmp_path / name).mkdir()
        for file in one.iterdir():
            (tmp_path / name / file.name).symlink_to(file)
    (tmp_path / "other" / changed).unlink()
    (tmp_path / "other" / changed).write_text("{}")
    files = ModelFolders(one).tokenizer_files()
    assert ModelFolders(tmp_path / "alike").tokenizer_files() == files
    assert ModelFolders(tmp_path / "other").tokenizer_files() != files


def test_an_adapter_is_saved_alone_and_knows_no_base_path(tmp_path: Path) -> None:
    _, base = saved(tmp_path / "base")
    model = get_peft_model(load_model(ModelFolders(base)), LoraConfig(r=4, target_modules=["q_proj"], task_type="CAUSAL_LM"))
    model.add_adapter("ref", model.peft_config["default"])  # what TRL keeps beside the policy
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_B.default" in name:
                weight.fill_(0.5)
    folder = tmp_path / "adapter"
    folder.mkdir()
    save_model(model, build_tokenizer(), folder)
    assert not [p for p in folder.rglob("*") if "ref" in p.name]
    assert all(str(tmp_path).encode() not in p.read_bytes() for p in folder.iterdir())
    merged = load_merged(ModelFolders(folder, base))
    plain = load_model(ModelFolders(base))
    name = "model.layers.0.self_attn.q_proj.weight"
    assert not torch.equal(merged.state_dict()[name], plain.state_dict()[name])


def without_a_layer(folder: Path) -> Path:
    """A model whose weights lack what its configuration promises."""
    saved(folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 2}))
    return folder


def test_weights_that_do_not_fit_their_configuration_are_refused_not_filled_up(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"do not fit its config\.json: \d+ are missing"):
        load_model(ModelFolders(without_a_layer(tmp_path / "model")))


@pytest.mark.parametrize("change", ["of another width", "for other modules"])
def test_an_adapter_that_does_not_fit_its_base_is_one_clear_line(tmp_path: Path, change: str) -> None:
    tokenizer = build_tokenizer()
    other = build_model(replace(SIZES, **({"hidden_size": 64} if change == "of another width" else {"layers": 2})), tokenizer)
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    save_model(get_peft_model(other, LoraConfig(task_type="CAUSAL_LM", r=2, target_modules=["q_proj"])), tokenizer, adapter)
    _, base = saved(tmp_path / "base")
    with pytest.raises(BadInput, match="does not fit the base model") as refused:
        load_model(ModelFolders(adapter, base))
    assert "\n" not in str(refused.value)
