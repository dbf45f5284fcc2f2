from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from sirev.errors import BadInput
from sirev.recipe import load_recipe, recipe_folder
from sirev.recipe.checks import check
from sirev.recipe.draft import Source
from sirev.recipe.load import MODELINE
from sirev.recipe.schema import recipe_schema
from sirev.recipe.sections import Recipe
from sirev.recipe.yaml_reading import parse_yaml

jsonschema = pytest.importorskip("jsonschema", reason="jsonschema comes with nbclient, of the extra dev")

SHIPPED = sorted(recipe_folder().rglob("*.yaml"))


@cache
def validator() -> Any:
    jsonschema.Draft7Validator.check_schema(recipe_schema())
    return jsonschema.Draft7Validator(recipe_schema())


def complaints(text: str) -> list[str]:
    return [error.message for error in validator().iter_errors(parse_yaml(text))]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: str(path.relative_to(recipe_folder())))
def test_every_file_that_comes_with_sirev_fits_the_schema_that_its_first_line_names(path: Path) -> None:
    text = path.read_text()
    first = text.splitlines()[0]
    assert first.startswith(MODELINE)
    assert (path.parent / first.removeprefix(MODELINE)).resolve() == (recipe_folder() / "schema.json").resolve()
    assert complaints(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "model: org/name",
        "engine: vllm",
        "training: {grader: math}",
        "evaluation: {grader: './closeness.py:close'}",
        "evaluation: {grader: {seconds: 3}}",
        "task: {dev: 500}",
        "task: {name: python, class: 'doubling.py:Doubling'}",
        "training: {lora: null}",
        "evaluation: {ood: null}",
        "evaluation: {ood: {math_algebra: null}}",
        "evaluation: {embedding: {model: org/name}}",
        "defaults: [paper, ./mine.yaml]",
    ],
)
def test_what_a_part_of_a_recipe_may_say_fits(text: str) -> None:
    assert complaints(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "learning_rate: 1e-4",
        "T: 1",
        "T: '5'",
        "methods: [ppo]",
        "engine: vlm",
        "engine: {name: vllm, patience: 3}",
        "engine: {nam: vllm}",
        "task: {name: gsm8k, subjects: [Algebra]}",
        "training: {grader: maths}",
        "training: {sft: {learning_rate: 0}}",
        "training: {initial: null}",
        "evaluation: {ood: {7 levels: {levels: [7], problems: 60}}}",
        "evaluation: {ood: {longer: {levels: [7], draw: 3}}}",
        "defaults: paper",
    ],
)
def test_what_is_refused_when_a_recipe_is_loaded_does_not_fit(text: str, tmp_path: Path) -> None:
    assert complaints(text)
    (tmp_path / "wrong.yaml").write_text(text)
    with pytest.raises(BadInput):
        load_recipe("gsm8k", overlays=[tmp_path / "wrong.yaml"], model="org/name")


def test_a_grader_that_needs_more_than_its_name_is_not_written_as_its_name_alone() -> None:
    assert complaints("training: {grader: python}")
    assert not complaints("training: {grader: {name: python, function: 'a.py:f'}}")


def test_fields_are_told_in_the_words_of_their_docstrings() -> None:
    definitions = recipe_schema()["definitions"]
    assert definitions["Select"]["properties"]["max_per_problem"]["description"].startswith("Answers (SFT) or pairs (DPO) kept")
    inherited = definitions["TaskSuite"]["properties"]["draws"]
    assert inherited["description"] == definitions["LevelsSuite"]["properties"]["draws"]["description"]
    assert "description" not in definitions["Sampling"]["properties"]["n"]


WRONG = ("a word", "", -1, 0, 1, 0.5, 2.5, True, None, [], ["a word"], {}, {"name": "a word"})
"""What may be put in the place of any value, whether it fits there or not."""
TOGETHER = {"missing", "union_tag_not_found", "value_error"}
"""Kinds of pydantic's errors that are about several fields, which the schema leaves to the recipe once it is put together."""


def leaves(node: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The path of every value and of every section."""
    if path:
        yield path
    for key, value in node.items() if isinstance(node, dict) else ():
        yield from leaves(value, (*path, key))


def changed(settings: dict[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """The settings with another value at a path."""
    copied: dict[str, Any] = json.loads(json.dumps(settings))
    section = copied
    for key in path[:-1]:
        section = section[key]
    section[path[-1]] = value
    return copied


def refusals(data: dict[str, Any]) -> set[str]:
    """Why a recipe of this content is not loaded, as kinds of pydantic's errors; "value_error" for a check between sections."""
    source = Source(Path("mine.yaml"))
    source.merge({"name": "mine", **data}, "mine.yaml")
    try:
        check(Recipe.model_validate(source.data), source)
    except ValidationError as error:
        return {one["type"] for one in error.errors()}
    except BadInput:
        return {"value_error"}
    return set()


@pytest.mark.parametrize(
    "recipe",
    ["tiny_smoke", *(pytest.param(name, marks=pytest.mark.slow) for name in ("llama2_csqa", "mistral_gsm8k", "mistral_mbpp"))],
)
def test_the_schema_refuses_just_what_a_recipe_is_refused_for(recipe: str) -> None:
    settings = {key: value for key, value in load_recipe(recipe).settings().items() if key != "name"}
    assert not refusals(settings)
    tried = [(path, value) for path in leaves(settings) for value in WRONG]
    sections = dict.fromkeys(path[:-1] for path in leaves(settings))
    tried += [((*section, "unheard_of"), 1) for section in sections if section != ("evaluation", "ood")]
    for path, value in tried:
        asked = changed(settings, path, value)
        why, said = refusals(asked), [error.message for error in validator().iter_errors(asked)]
        if not why:
            assert not said, (path, value, said)
        elif not why & TOGETHER:
            assert said, (path, value, why)
