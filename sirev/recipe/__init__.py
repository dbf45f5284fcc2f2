"""Recipes: descriptions of runs, one validated YAML file each, from which stages take their parameters."""

from sirev.recipe.load import (
    Overlays,
    find_recipe,
    load_recipe,
    name_with_model,
    overlay_names,
    recipe_names,
)
from sirev.recipe.overrides import Overrides, override_list, with_model
from sirev.recipe.sections import Recipe
from sirev.recipe.unsafe import allow_unsafe_code
from sirev.shipped import recipe_folder
from sirev.suggest import suggest
from sirev.training_kinds import METHODS, Kind, Method

__all__ = [
    "METHODS",
    "Kind",
    "Method",
    "Overlays",
    "Overrides",
    "Recipe",
    "allow_unsafe_code",
    "find_recipe",
    "load_recipe",
    "name_with_model",
    "overlay_names",
    "override_list",
    "recipe_folder",
    "recipe_names",
    "suggest",
    "with_model",
]
