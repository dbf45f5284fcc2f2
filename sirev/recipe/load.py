"""Loading of recipes: YAML, defaults, overlays and overrides."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from sirev.errors import BadInput
from sirev.inputs import require_plain_file
from sirev.recipe.checks import check
from sirev.recipe.complaints import explain_error
from sirev.recipe.draft import Source
from sirev.recipe.model_names import named_after
from sirev.recipe.overrides import Overrides, lay_over, with_model
from sirev.recipe.sections import Recipe
from sirev.recipe.yaml_reading import read_mapping
from sirev.shipped import names_in, recipe_folder
from sirev.suggest import suggest
from sirev.tasks.registry import TASKS

Overlays = Sequence[str | Path] | str | Path
_MODEL = ("model", "name")
MODELINE = "# yaml-language-server: $schema="
"""The start of a YAML file's first line that names its schema, by a URL or a path relative to the file's folder."""


def recipe_names() -> list[str]:
    """The names of the recipes that come with sirev."""
    return names_in(recipe_folder())


def load_recipe(
    recipe: str | Path,
    overrides: Overrides = (),
    overlays: Overlays = (),
    model: str | os.PathLike[str] | None = None,
    *,
    trains: bool = True,
) -> Recipe:
    """Load a recipe by name or path, lay overlays and overrides over it, validate it.

    `overrides` are "key.sub=value" as after `--set`, or a mapping such as {"T": 3, "training.sft.epochs": 2}. `model` is the
    base model: ORGANISATION/NAME of the Hub, with @REVISION or without, or a folder. A recipe that runs with another model than
    its own gets a name with that model (`sirev.recipe.model_names`), unless the overrides give a name. With `trains` False, the
    task needs no training problems.

    Raises BadInput naming the file (or the override), the key, its value and what is allowed.
    """
    source = read_recipe(recipe, overrides, overlays, model)
    try:
        loaded = Recipe.model_validate(source.data)
    except ValidationError as error:
        raise BadInput(explain_error(error, source)) from None
    check(loaded, source, trains=trains)
    return loaded


def read_recipe(
    recipe: str | Path, overrides: Overrides = (), overlays: Overlays = (), model: str | os.PathLike[str] | None = None
) -> Source:
    """The assembled recipe, not validated: its `defaults`, itself, overlays and overrides, in this order."""
    source = Source(find_recipe(recipe))
    own = read_mapping(source.path)
    names = own.pop("defaults", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise BadInput(f"{source.path}: defaults: a list of names of files in {recipe_folder() / 'defaults'}")
    for path in (_part("defaults", name) for name in names):
        source.merge(read_mapping(path), str(path))
    source.merge({"name": source.path.stem, **own}, str(source.path))
    name, own_model = source.value(("name",)), source.value(_MODEL)
    overlays = [overlays] if isinstance(overlays, str | Path) else overlays
    for path in (_part("overlays", overlay) for overlay in overlays):
        source.merge(read_mapping(path), str(path))
    for override in with_model(model, overrides):
        lay_over(source, override)
    new_model = source.value(_MODEL)
    if isinstance(new_model, str) and new_model != own_model and isinstance(name, str) and source.value(("name",)) == name:
        source.data["name"] = named_after(name, own_model if isinstance(own_model, str) else None, new_model)
    name_of_task = source.value(("task", "name"))
    task = TASKS.get(name_of_task) if isinstance(name_of_task, str) else None
    if grader := task.default_grader if task else None:
        for part in ("training", "evaluation"):
            if isinstance(source.data.get(part), dict):
                source.data[part].setdefault("grader", {"name": grader})
    return source


def name_with_model(recipe: str | Path, model: str) -> str:
    """The name of a recipe that runs with this model."""
    return str(read_recipe(recipe, model=model).value(("name",)))


def names_a_model(source: Source) -> bool:
    """Whether a recipe gives its model; a task recipe leaves that to `model`."""
    return source.value(("model",)) is not None


def overlay_names() -> dict[str, str]:
    """Name of an overlay that comes with sirev -> its first comment."""
    files = sorted((recipe_folder() / "overlays").glob("*.yaml"))
    return {path.stem: _first_comment(path) for path in files}


def _first_comment(path: Path) -> str:
    """A file's first comment, below the line that names its schema."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return next(line for line in lines if not line.startswith(MODELINE)).lstrip("# ")


def find_recipe(recipe: str | Path) -> Path:
    """The file of a recipe by name or path; BadInput if there is none."""
    unknown = f"unknown recipe {str(recipe)!r}"
    for name in recipe_names():
        if str(recipe).endswith(f"-{name}"):  # the name of its runs with another model
            unknown += f"; runs with this name come from: {name} --model ORGANISATION/NAME"
    return _file(recipe, recipe_folder(), "recipe", unknown)


def _part(kind: str, name: str | Path) -> Path:
    """The file of a default or overlay, by name or path."""
    return _file(name, recipe_folder() / kind, kind, f"unknown name {str(name)!r} in {kind}")


def _file(name: str | Path, folder: Path, kind: str, unknown: str) -> Path:
    """A YAML file by its path, or by its name in a `folder` of sirev's own; BadInput if there is none."""
    text = str(name)
    if text.endswith((".yaml", ".yml")) or "/" in text:
        path = Path(text)
        require_plain_file(path)
        if not path.is_file():
            shipped = folder / f"{path.stem}.yaml"
            hint = f"; the one that comes with sirev is called {path.stem}" if shipped.is_file() else _file_called(text)
            raise BadInput(f"no {kind} file {text}{hint}")
        return path
    path = folder / f"{text}.yaml"
    if not path.is_file():
        raise BadInput(f"{unknown}{_file_called(text) or suggest(text, names_in(folder))}")
    return path


def _file_called(text: str) -> str:
    """A hint at a file that was named without its ending; empty if there is none."""
    for ending in (".yaml", ".yml"):
        if text and Path(f"{text}{ending}").is_file():
            return f"; there is a file {text}{ending} here: use {text}{ending}"
    return ""
