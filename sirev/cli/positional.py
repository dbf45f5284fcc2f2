"""Positional arguments of a command: a recipe, a step, a section."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sirev.errors import BadInput
from sirev.quoting import as_typed


def one_recipe(command: str, word: str | None, option: str | None) -> str:
    """The recipe, named as an argument or by `--recipe`; BadInput for none, and for two."""
    if word is not None and option is not None and word != option:
        raise BadInput(f"two recipes were named, {word} and --recipe {option}; sirev {command} takes one")
    named = word if word is not None else option
    if named is None:
        raise BadInput(
            f"no recipe was named: sirev {command} RECIPE, such as sirev {command} tiny (`sirev recipes` lists them), "
            f"or --recipe RECIPE; try 'sirev {command} --help'"
        )
    return named


def recipe_and_step(command: str, words: Sequence[str], option: str | None) -> tuple[str, str | None]:
    """The recipe and the step, or None; with `--recipe`, a single word is the step. Raises BadInput."""
    if len(words) > 2:
        raise BadInput(f"sirev {command} takes a recipe and a step, not {' '.join(words)}")
    if option is not None and len(words) == 1 and words[0] != option:
        return option, words[0]
    first, step = (*words, None, None)[:2]
    return one_recipe(command, first, option), step


def section_and_recipes(
    words: Sequence[str], options: Sequence[str], model: str | None, store: Path | None
) -> tuple[str | None, list[str]]:
    """The section of a report and its recipes. A word that is a section's name is one, any other is a recipe.

    A recipe that is named like a section can be given by `--recipe`. With `model`, the recipes' names include it. Raises
    BadInput for two sections, for a run, and for a word that is not a stored recipe and resembles a section.
    """
    known = _sections()
    chosen = [word for word in words if word in known]
    if len(chosen) > 1:
        raise BadInput(f"sirev report shows one section or all of them, not {' and '.join(chosen)}")
    recipes = [word for word in words if word not in known]
    for word in recipes:
        _check_word(word, known, store)
    named = [*recipes, *options]
    if model is not None:
        from sirev.recipe import name_with_model

        if not named:
            raise BadInput(f"--model {model}: with which recipe? {as_typed('sirev', 'report', 'RECIPE', '--model', model)}")
        named = [name_with_model(recipe, model) for recipe in named]
    return (chosen[0] if chosen else None), named


def report_words(recipes: Sequence[str]) -> list[str]:
    """The words that name recipes to `sirev report`: their names, after `--recipe` if one is also the name of a section."""
    known = _sections()
    return [word for recipe in recipes for word in (["--recipe"] if recipe in known else []) + [recipe]]


def _sections() -> list[str]:
    from sirev.cli.report import FILES, PAPERS
    from sirev.reporting.sections import ALL, SECTIONS

    return [ALL, *SECTIONS, *FILES, *PAPERS]


def _check_word(word: str, sections: Sequence[str], store: Path | None) -> None:
    """Raise BadInput for a run, and for a word that resembles a section and no recipe that was run."""
    from sirev.store.store import Store
    from sirev.suggest import nearest, suggest

    if word.endswith((".yaml", ".yml")):
        return
    runs = Store(store).runs.all()
    of_runs = sorted({run.recipe for run in runs})
    if word not in of_runs and any(run.id.startswith(word) and len(word) > len(run.recipe) for run in runs):
        raise BadInput(f"{word} is a run: {as_typed('sirev', 'report', '--run', word)}")
    if word not in of_runs and not nearest(word, of_runs) and nearest(word, sections):
        raise BadInput(f"unknown section {word!r}{suggest(word, sections)}")
