from __future__ import annotations

import json
from pathlib import Path

from sirev.recipe import load_recipe, recipe_folder, recipe_names
from sirev.recipe.load import names_a_model, read_recipe
from tests.conftest import Command


def test_the_list_has_groups_and_fits_80_columns(command: Command) -> None:
    shown = command("recipes").stdout
    assert max(map(len, shown.splitlines())) <= 80
    tasks, whole, overlays = shown.split("\n\n")
    assert tasks.startswith("Tasks, for your own model: --model ORGANISATION/NAME or --model FOLDER:\n")
    named = [[line.split()[0] for line in group.splitlines()[1:]] for group in (tasks, whole, overlays)]
    assert {"csqa", "gsm8k", "math", "mbpp"} <= {*named[0]}
    assert named[1] == [name for name in recipe_names() if names_a_model(read_recipe(name))]
    assert sorted(named[0] + named[1]) == recipe_names()
    assert named[2] == ["24gb", "dev", "full"]


def test_the_list_as_json(command: Command) -> None:
    told = json.loads(command("recipes", "--format", "json").stdout)
    names_model = {one["name"]: one["names_model"] for one in told["recipes"]}
    assert list(names_model) == recipe_names()
    assert (names_model["gsm8k"], names_model["mistral_gsm8k"]) == (False, True)
    assert told["overlays"][0]["name"] == "24gb"


def test_a_shown_task_is_a_recipe_that_still_asks_for_a_model(command: Command, tmp_path: Path) -> None:
    shown = command("recipes", "gsm8k", "--set", "T=3").stdout
    assert "# It names no model" in shown
    (tmp_path / "gsm8k.yaml").write_text(shown)
    assert load_recipe(tmp_path / "gsm8k.yaml", model="gpt2") == load_recipe("gsm8k", ["T=3"], model="gpt2")
    assert json.loads(command("recipes", "gsm8k", "--format", "json", "--set", "T=3").stdout)["T"] == 3


def test_a_task_with_a_model_is_shown_whole(command: Command) -> None:
    told = json.loads(command("recipes", "gsm8k", "--model", "Qwen/Qwen2.5-1.5B@abc", "--format", "json").stdout)
    assert told == load_recipe("gsm8k", model="Qwen/Qwen2.5-1.5B@abc").settings()
    assert told["name"] == "qwen2.5-1.5b-gsm8k"


def test_the_schema_is_the_one_that_the_recipes_name(command: Command) -> None:
    assert command("recipes", "--schema").stdout == (recipe_folder() / "schema.json").read_text(), (
        "write it anew: sirev recipes --schema > recipes/schema.json"
    )


def test_a_schema_of_one_recipe_there_is_not(command: Command) -> None:
    refused = command("recipes", "tiny", "--set", "T=3", "--schema")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr == "sirev: error: RECIPE and --set: not with --schema\n"
