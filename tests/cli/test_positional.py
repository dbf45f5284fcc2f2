from __future__ import annotations

from pathlib import Path

import pytest

from sirev.cli.positional import one_recipe, recipe_and_step, report_words, section_and_recipes
from sirev.errors import BadInput
from tests.conftest import Study


def test_a_recipe_is_a_word_or_an_option() -> None:
    assert one_recipe("plan", "tiny", None) == one_recipe("plan", None, "tiny") == one_recipe("plan", "tiny", "tiny") == "tiny"
    with pytest.raises(BadInput, match=r"two recipes were named, tiny and --recipe gsm8k; sirev plan takes one"):
        one_recipe("plan", "tiny", "gsm8k")
    with pytest.raises(BadInput, match=r"no recipe was named: sirev plan RECIPE, .*--recipe RECIPE; try 'sirev plan --help'"):
        one_recipe("plan", None, None)


@pytest.mark.parametrize(
    ("words", "option", "meant"),
    [
        (["tiny"], None, ("tiny", None)),
        (["tiny", "train:2"], None, ("tiny", "train:2")),
        (["train:2"], "tiny", ("tiny", "train:2")),
        (["tiny"], "tiny", ("tiny", None)),
        (["tiny", "2"], "tiny", ("tiny", "2")),
        ([], "tiny", ("tiny", None)),
    ],
)
def test_a_step_comes_after_the_recipe(words: list[str], option: str | None, meant: tuple[str, str | None]) -> None:
    assert recipe_and_step("why", words, option) == meant


def test_two_recipes_or_none_for_a_step_are_refused() -> None:
    with pytest.raises(BadInput, match="two recipes were named"):
        recipe_and_step("why", ["tiny", "train:2"], "gsm8k")
    with pytest.raises(BadInput, match="no recipe was named"):
        recipe_and_step("why", [], None)


@pytest.mark.parametrize(
    ("words", "options", "model", "meant"),
    [
        ([], [], None, (None, [])),
        (["tiny_smoke"], [], None, (None, ["tiny_smoke"])),
        (["diversity", "tiny_smoke"], [], None, ("diversity", ["tiny_smoke"])),
        (["tiny_smoke", "html"], ["tiny"], None, ("html", ["tiny_smoke", "tiny"])),
        (["mine.yaml"], [], None, (None, ["mine.yaml"])),
        (["null"], ["null"], None, ("null", ["null"])),  # by the option even a recipe that is called like a section
        (["ood", "gsm8k"], [], "Qwen/Qwen2.5-1.5B", ("ood", ["qwen2.5-1.5b-gsm8k"])),
    ],
)
def test_words_of_a_report_are_sections_or_recipes(
    smoke: Study, words: list[str], options: list[str], model: str | None, meant: tuple[str | None, list[str]]
) -> None:
    assert section_and_recipes(words, options, model, smoke.store.path) == meant


def test_two_sections_a_misspelt_one_and_a_model_without_a_recipe_are_refused(smoke: Study, tmp_path: Path) -> None:
    for place in (smoke.store.path, tmp_path / "none"):
        with pytest.raises(BadInput, match="unknown section 'accurcy'; did you mean 'accuracy'"):
            section_and_recipes(["accurcy", "tiny_smoke"], [], None, place)
    run = smoke.of("sft").id
    with pytest.raises(BadInput, match=f"^{run} is a run: sirev report --run {run}$"):
        section_and_recipes([run], [], None, smoke.store.path)
    with pytest.raises(BadInput, match="shows one section or all of them, not verdict and ood"):
        section_and_recipes(["verdict", "ood"], [], None, tmp_path)
    with pytest.raises(BadInput, match="--model gpt2: with which recipe"):
        section_and_recipes(["ood"], [], "gpt2", tmp_path)


def test_a_recipe_is_named_by_its_option_where_it_is_called_like_a_section() -> None:
    assert report_words(["mine", "accuracy"]) == ["mine", "--recipe", "accuracy"]
