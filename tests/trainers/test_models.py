from __future__ import annotations

import json
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model

from sirev.trainers.models import ModelFolders, load_merged, load_model, load_tokenizer, save_model
from sirev.trainers.pretrain import build_model, build_tokenizer

SIZES = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "layers": 1,
    "heads": 1,
    "kv_heads": 1,
    "head_dim": 32,
    "initializer_range": 0.06,
    "rope_theta": 10000.0,
}


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
