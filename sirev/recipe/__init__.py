"""Recipes: what to run. One YAML file, validated here; the stages above take their parameters from it."""

from sirev.recipe.load import describe_recipes, find_recipe, load_recipe, overlay_names, recipe_folder, recipe_names
from sirev.recipe.sections import METHODS, Kind, Method, Recipe
from sirev.recipe.suggest import suggest
from sirev.recipe.unsafe import allow_unsafe_code

__all__ = [
    "METHODS",
    "Kind",
    "Method",
    "Recipe",
    "allow_unsafe_code",
    "describe_recipes",
    "find_recipe",
    "load_recipe",
    "overlay_names",
    "recipe_folder",
    "recipe_names",
    "suggest",
]
