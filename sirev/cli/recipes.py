"""`sirev recipes`: the list of recipes and overlays, and resolved recipes."""

from __future__ import annotations

from collections.abc import Mapping

import yaml

from sirev.cli.lines import print_lines, print_text
from sirev.cli.options import check_format
from sirev.printing import out, out_json
from sirev.recipe import load_recipe, overlay_names, recipe_names
from sirev.recipe.load import names_a_model, read_recipe

ANY_MODEL = "ORGANISATION/NAME"
"""Placeholder for the model of a task recipe while its other settings are resolved."""


def list_recipes(form: str) -> None:
    """Print one line per recipe, with those without a model first, then one per overlay."""
    check_format(form)
    sources = {name: read_recipe(name) for name in recipe_names()}
    told = {name: str(source.data.get("description", "")) for name, source in sources.items()}
    whole = {name: words for name, words in told.items() if names_a_model(sources[name])}
    tasks = {name: words for name, words in told.items() if name not in whole}
    overlays = overlay_names()
    if form == "json":
        listed = [{"name": name, "description": words, "names_model": name in whole} for name, words in told.items()]
        out_json({"recipes": listed, "overlays": [{"name": name, "description": words} for name, words in overlays.items()]})
        return
    width = max(map(len, (*told, *overlays)))
    _print_group("Tasks, for your own model: --model ORGANISATION/NAME or --model FOLDER", tasks, width)
    out("")
    _print_group("Recipes", whole, width)
    out("")
    _print_group("Overlays, for --overlay", overlays, width)


def show_recipe(name: str, overrides: list[str], overlays: list[str], form: str) -> None:
    """Print a resolved recipe as YAML or JSON: every setting; in YAML, also its source files, in their order."""
    check_format(form)
    source = read_recipe(name, overrides, overlays)
    if names_a_model(source):
        settings = load_recipe(name, overrides, overlays).settings()
    else:
        settings = load_recipe(name, [f"model={ANY_MODEL}", *overrides], overlays).settings()
        settings["name"] = source.value(("name",))
        del settings["model"]
    if form == "json":
        out_json(settings)
        return
    told = ["Resolved from:", *source.origins()]
    if "model" not in settings:
        told.append(f"It names no model; `sirev iterate` asks for --model {ANY_MODEL} or --model FOLDER")
    print_lines([f"# {line}" for line in told], after="#   ")
    print_text(yaml.safe_dump(settings, sort_keys=False, default_flow_style=None, width=120), after=None)


def show_schema(form: str) -> None:
    """Print the JSON schema of recipes for editors, in any form."""
    check_format(form)
    from sirev.recipe.schema import recipe_schema

    out_json(recipe_schema())


def _print_group(title: str, lines: Mapping[str, str], width: int) -> None:
    out(f"{title}:")
    for name, words in lines.items():
        out(f"{name:<{width}}  {words}")
