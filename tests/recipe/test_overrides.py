from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sirev.errors import BadInput
from sirev.recipe import load_recipe, override_list, with_model

SETTINGS = {"T": 3, "training": {"sft": {"learning_rate": 1e-5, "select": {"max_per_problem": None}}}, "methods": ("sft", "dpo")}
SAID = [
    "T=3",
    "training.sft.learning_rate=1e-05",
    "training.sft.select.max_per_problem=null",
    "methods=[sft, dpo]",
    "schedule=null",
]


def refused(*overrides: str, recipe: str = "tiny", model: str | None = None) -> str:
    with pytest.raises(BadInput) as caught:
        load_recipe(recipe, overrides, model=model)
    return str(caught.value)


def test_a_mapping_says_what_a_list_says() -> None:
    assert load_recipe("tiny", {**SETTINGS, "schedule": None}) == load_recipe("tiny", SAID)
    dotted = {"training.sft.learning_rate": 1e-5, "training.sft.select": {"max_per_problem": None}}
    assert load_recipe("tiny", dotted) == load_recipe("tiny", SAID[1:3])


def test_values_from_numpy_and_paths_are_plain_ones(tmp_path: Path) -> None:
    settings = {"T": np.int64(3), "training.sft.learning_rate": np.float64(1e-4), "task.levels": np.array([2, 3])}
    assert override_list(settings) == ["T=3", "training.sft.learning_rate=0.0001", "task.levels=[2, 3]"]
    assert load_recipe("gsm8k", {"model": tmp_path}).model.name == str(tmp_path)
    with pytest.raises(BadInput, match=r"overrides: T: <object .* can't be a setting"):
        load_recipe("tiny", {"T": object()})


def test_a_text_alone_is_a_list_of_one() -> None:
    assert load_recipe("tiny", "T=3") == load_recipe("tiny", ["T=3"])
    assert load_recipe("mistral_gsm8k", (), "24gb") == load_recipe("mistral_gsm8k", (), ["24gb"])


def test_a_model_may_name_its_revision_and_is_text_whatever_it_looks_like(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load_recipe("gsm8k", model="Qwen/Qwen2.5-1.5B@8faed76").model
    assert (model.name, model.revision) == ("Qwen/Qwen2.5-1.5B", "8faed76")
    for name in ("null", "1e3", "12", "a: b", "[x]", "./a@b", "/a/b@c"):
        model = load_recipe("gsm8k", model=name).model
        assert (model.name, model.revision) == (name, None)
    (tmp_path / "model@2").mkdir()
    monkeypatch.chdir(tmp_path)
    assert load_recipe("gsm8k", model=Path("model@2")).model.name == "model@2"


def test_more_can_be_said_about_a_model_but_not_another_name() -> None:
    assert load_recipe("gsm8k", ["model.chat_template=true"], model="gpt2").model.chat_template
    assert with_model("gpt2", ["T=3"]) == ["model=gpt2", "T=3"]
    for override in ("model=phi", "model.name=phi"):
        line = f"--model gpt2 and --set {override} both name the model; leave one out"
        assert refused(override, recipe="gsm8k", model="gpt2") == line
    assert refused(recipe="gsm8k", model="") == "--model: expected ORGANISATION/NAME, ORGANISATION/NAME@REVISION or a folder"


RATES = "'training.initial.learning_rate', 'training.sft.learning_rate' or 'training.dpo.learning_rate'?"


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("lr=8", f"the recipe has no field 'lr'; did you mean {RATES}"),
        ("learning_rate=8", f"did you mean {RATES}"),
        ("training.lr=8", f"training has no field 'lr'; did you mean {RATES}"),
        ("training.sft.LR=8", "training.sft has no field 'LR'; did you mean 'learning_rate'?"),
        ("beta=0.2", "did you mean 'training.dpo.beta'?"),
        ("n=8", "did you mean 'sampling.n' or 'evaluation.draws.n'?"),
        ("Temperature=1", "did you mean 'sampling.temperature' or 'evaluation.draws.temperature'?"),
        ("sft.epochs=2", "did you mean 'training.sft.epochs'?"),
        ("lora.r=2", "did you mean 'training.lora.r'?"),
        ("hidden_size=64", "did you mean 'model.architecture.hidden_size'?"),
        ("t=3", "did you mean 'T'?"),
        ("Sampling.n=3", "did you mean 'sampling'?"),
        ("sampling.beta=3", "sampling has no field 'beta'; did you mean 'training.dpo.beta'?"),
        ("seed=3", "that is a separate option: --seed"),
    ],
)
def test_a_field_in_the_wrong_place_by_another_word_or_in_other_letters_is_found(override: str, words: str) -> None:
    assert words in refused(override)


def test_what_trains_all_parameters_of_a_recipe_with_lora_is_said() -> None:
    line = refused("training.parameters=full", recipe="mistral_gsm8k")
    assert line.startswith("--set training.parameters=full: training.parameters: full: training.lora would not be read; ")
    assert line.endswith("use --overlay full instead, or add --set training.lora=null")
    assert load_recipe("mistral_gsm8k", ["training.parameters=full", "training.lora=null"]).training.parameters == "full"
