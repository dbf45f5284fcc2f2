from __future__ import annotations

from pathlib import Path

import pytest

from sirev.recipe import load_recipe, name_with_model
from sirev.recipe.model_names import model_slug, named_after

SNAPSHOT = "/home/me/.cache/huggingface/hub/models--Qwen--Qwen2.5-1.5B/snapshots/8faed761d45a263340a0528343f099c05c9a4323"


@pytest.mark.parametrize(
    ("model", "slug"),
    [
        ("Qwen/Qwen2.5-1.5B", "qwen2.5-1.5b"),
        ("gpt2", "gpt2"),
        ("/models/My Model (v2)/", "my-model-v2"),
        ("./checkpoint-500", "checkpoint-500"),
        (SNAPSHOT, "qwen2.5-1.5b"),
        ("/models/模型", "model"),
        ("a/" + 90 * "x", 60 * "x"),
    ],
)
def test_a_model_is_called_by_the_last_part_of_its_name_in_letters_that_a_run_may_have(model: str, slug: str) -> None:
    assert model_slug(model) == slug


def test_a_folder_without_a_name_is_called_as_it_is_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "Mine").mkdir()
    monkeypatch.chdir(tmp_path / "Mine")
    assert model_slug(".") == "mine"


@pytest.mark.parametrize(
    ("recipe", "own", "name"),
    [
        ("gsm8k", None, "gpt2-gsm8k"),
        ("mistral_gsm8k", "mistralai/Mistral-7B-v0.1", "gpt2-gsm8k"),
        ("llama2_math", "meta-llama/Llama-2-7b-hf", "gpt2-math"),
        ("tiny", None, "gpt2-tiny"),
        ("my_sums", "HuggingFaceTB/SmolLM2-135M", "gpt2-my_sums"),
        ("smollm2_sums", "HuggingFaceTB/SmolLM2-135M", "gpt2-sums"),
        ("qwen2.5-1.5b-gsm8k", "Qwen/Qwen2.5-1.5B", "gpt2-gsm8k"),
    ],
)
def test_the_model_stands_where_the_recipe_named_its_own(recipe: str, own: str | None, name: str) -> None:
    assert named_after(recipe, own, "openai-community/gpt2") == name


def test_a_recipe_that_is_run_with_another_model_is_called_after_it_however_that_is_said(tmp_path: Path) -> None:
    overlay = tmp_path / "phi.yaml"
    overlay.write_text("model: microsoft/phi-2\n")
    assert load_recipe("gsm8k", model="Qwen/Qwen2.5-1.5B").name == "qwen2.5-1.5b-gsm8k"
    assert load_recipe("mistral_gsm8k", ["model=Qwen/Qwen2.5-1.5B"]).name == "qwen2.5-1.5b-gsm8k"
    assert load_recipe("mistral_gsm8k", [], [overlay]).name == "phi-2-gsm8k"
    assert name_with_model("gsm8k", "./Phi-2") == "phi-2-gsm8k"


def test_the_same_model_and_a_name_that_was_given_leave_the_name_as_it_is() -> None:
    mistral = load_recipe("mistral_gsm8k")
    assert load_recipe("mistral_gsm8k", [f"model={mistral.model.name}"]).name == "mistral_gsm8k"
    assert load_recipe("mistral_gsm8k", ["model.revision=main"]).name == "mistral_gsm8k"
    assert load_recipe("gsm8k", ["name=mine"], model="gpt2").name == "mine"
