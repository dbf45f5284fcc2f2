"""`sirev recipes`: what comes with sirev, and a recipe with all that it builds on filled in."""

from __future__ import annotations

import yaml

from sirev.recipe import describe_recipes, load_recipe, overlay_names
from sirev.recipe.load import read_recipe


def ls() -> None:
    """A line a recipe, then a line an overlay."""
    found, overlays = describe_recipes(), overlay_names()
    width = max(map(len, (*found, *overlays)))
    for name, description in found.items():
        print(f"{name:<{width}}  {description}")
    print("\nOverlays, for --overlay:")
    for name, description in overlays.items():
        print(f"{name:<{width}}  {description}")


def show(name: str, overrides: list[str], overlays: list[str]) -> None:
    """The resolved recipe as YAML: every setting with its value, and the files it came from, in their order."""
    recipe = load_recipe(name, overrides, overlays)
    print("# " + "\n# ".join(["Resolved from:", *read_recipe(name, overrides, overlays).origins()]))
    print(yaml.safe_dump(recipe.settings(), sort_keys=False, default_flow_style=None, width=120), end="")
