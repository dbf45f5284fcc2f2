from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from sirev.errors import BadInput
from sirev.recipe import Recipe, find_recipe, load_recipe, recipe_folder, recipe_names


def refused(*overrides: str, recipe: str | Path = "tiny") -> str:
    """The one line that a recipe with these overrides is refused with."""
    with pytest.raises(BadInput) as caught:
        load_recipe(recipe, overrides)
    line = str(caught.value)
    assert "\n" not in line
    return line


def written(tmp_path: Path, **changes: object) -> Path:
    data = yaml.safe_load(find_recipe("tiny_smoke").read_text()) | changes
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(data))
    return path


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_that_comes_with_sirev_is_valid_and_says_what_it_is(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    assert recipe.description


def test_the_embedded_recipes_come_with_sirev() -> None:
    assert {"tiny", "tiny_smoke"} <= set(recipe_names())


def test_a_recipe_is_found_by_path(tmp_path: Path) -> None:
    assert load_recipe(written(tmp_path)).name == "mine"


def test_an_installed_package_has_its_recipes_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "recipes").mkdir()
    monkeypatch.setattr("sirev.recipe.load.__file__", str(tmp_path / "recipe" / "load.py"))
    assert recipe_folder() == tmp_path / "recipes"


def test_overrides_are_typed_as_yaml() -> None:
    recipe = load_recipe(
        "tiny",
        ["T=3", "training.sft.learning_rate=1e-3", "training.sft.select.max_per_problem=null", "methods=[sft, sft-dpo]"],
    )
    assert recipe.T == 3
    assert recipe.training.sft is not None
    assert recipe.training.sft.learning_rate == 1e-3
    assert recipe.training.sft.select.max_per_problem is None
    assert recipe.methods == ["sft", "sft-dpo"]


def test_an_override_reaches_a_section_that_the_file_leaves_out() -> None:
    recipe = load_recipe("tiny", ["training.parameters=lora", "training.lora.r=4"])
    assert recipe.training.lora is not None
    assert (recipe.training.lora.r, recipe.training.lora.alpha) == (4, 32)


def test_the_order_of_sft_dpo_is_dpo_first_then_in_turn() -> None:
    recipe = load_recipe("tiny")
    assert recipe.steps("sft-dpo") == ["dpo", "sft", "dpo", "sft"]
    assert recipe.steps("dpo") == ["dpo"] * 4
    assert load_recipe("tiny", ["schedule=[sft, dpo]"]).steps("sft-dpo") == ["sft", "dpo", "sft", "dpo"]


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["T=1"], ["--set T=1", "greater than or equal to 2"]),
        (["T=2.5"], ["T", "2.5"]),
        (["T=three"], ["T", "'three'", "integer"]),
        (["sampling.n=0"], ["sampling.n", "0", "greater than or equal to 1"]),
        (["sampling.temperature=-1"], ["sampling.temperature", "-1"]),
        (["sampling.temperature=0"], ["sampling.temperature", "above 0"]),
        (["evaluation.draws.temperature=0"], ["evaluation.draws.temperature", "above 0"]),
        (["sampling.top_p=1.5"], ["sampling.top_p", "1.5", "less than or equal to 1"]),
        (["sampling.topp=0.9"], ["--set sampling.topp=0.9", "no field 'topp'", "did you mean 'top_p'"]),
        (["training.sft.lr=1"], ["training.sft has no field 'lr'", "learning_rate"]),
        (["T"], ["expected key.sub=value"]),
        (["=3"], ["expected key.sub=value"]),
        (["T=[1"], ["not a YAML value"]),
        (["T.x=1"], ["T has no field 'x'"]),
        (["methods=[sft, ppo]"], ["methods", "ppo", "sft", "dpo"]),
        (["methods=[]"], ["methods"]),
        (["methods=[sft]"], ["training.dpo", "no method of this recipe reads it"]),
        (["methods=[sft, sft]", "training.dpo=null"], ["named twice"]),
        (["training.sft=null"], ["training.sft", "missing, and required"]),
        (["training.lora.r=4"], ["training.lora", "training.parameters: lora"]),
        (["methods=[dpo]", "schedule=[sft]", "training.sft=null"], ["schedule", "only the method sft-dpo reads it"]),
        (["sampling.problems=9999"], ["sampling.problems", "1500"]),
        (["model.architecture.kv_heads=3"], ["model.architecture", "heads (4) must be a multiple of kv_heads (3)"]),
        (["model.architecture.head_dim=7"], ["model.architecture", "head_dim (7) must be even"]),
        (["task.levels=[9]"], ["task.levels", "less than or equal to 7"]),
        (["task.style_weights.haiku=1"], ["task.style_weights has no field 'haiku'"]),
        (["evaluation.ood.levels_1_to_6.prblems=3"], ["levels_1_to_6 has no field 'prblems'", "did you mean 'problems'"]),
        (["name=a/b"], ["name", "a/b"]),
        (["evaluation.ood={a:b: {levels: [1], problems: 3}}"], ["evaluation.ood"]),
        (["evaluation.ood.more=3"], ["evaluation.ood.more", "3"]),
    ],
)
def test_an_impossible_override_is_one_clear_line(overrides: list[str], words: list[str]) -> None:
    line = refused(*overrides)
    for word in words:
        assert word in line


def test_a_misspelt_field_names_file_key_and_what_is_allowed(tmp_path: Path) -> None:
    path = written(tmp_path, samplng={"n": 3})
    line = refused(recipe=path)
    assert str(path) in line
    assert "samplng: no such field; did you mean 'sampling'?" in line


def test_a_misspelt_field_deep_down_names_its_siblings(tmp_path: Path) -> None:
    data = yaml.safe_load(find_recipe("tiny_smoke").read_text())
    data["training"]["dpo"]["betta"] = 0.1
    line = refused(recipe=written(tmp_path, training=data["training"]))
    assert "training.dpo.betta: no such field; did you mean 'beta'?" in line


def test_a_missing_field_is_named(tmp_path: Path) -> None:
    data = yaml.safe_load(find_recipe("tiny_smoke").read_text())
    del data["sampling"]["n"]
    assert "sampling.n: missing, and required" in refused(recipe=written(tmp_path, sampling=data["sampling"]))


def test_unknown_names_suggest_the_nearest() -> None:
    assert "did you mean 'tiny'" in refused(recipe="tinny")
    assert "no recipe file ./none.yaml" in refused(recipe="./none.yaml")


@pytest.mark.parametrize(
    ("text", "words"), [("a: [1", "not YAML"), ("- 1\n", "a mapping"), ("", "a mapping"), ("\x00", "not YAML")]
)
def test_a_file_that_is_no_recipe_is_named(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text(text)
    line = refused(recipe=path)
    assert str(path) in line
    assert words in line


def test_a_folder_or_bytes_are_no_recipe(tmp_path: Path) -> None:
    path = tmp_path / "bytes.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    assert "can't be read" in refused(recipe=path)


def test_settings_are_plain_json_with_defaults_filled_in() -> None:
    settings = load_recipe("tiny").settings()
    assert settings["init_from"] == "previous"
    assert Recipe.model_validate(settings) == load_recipe("tiny")
