"""Names of runs: a run's id, a recipe's name for all its runs, or the beginning of one run's id."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sirev.errors import BadInput
from sirev.listing import listed


def runs_meant(name: str, ids: Sequence[str], recipe_of: Callable[[str], str], of_store: str = "") -> list[str]:
    """The ids that a name means, none if there is none; BadInput for the beginning of several.

    `recipe_of` gives the recipe of a run; it is asked of the runs whose ids begin with the name, as ids do with their recipe's,
    so that another run's damaged file is in nobody's way.
    """
    if name in ids:
        return [name]
    likely = [run_id for run_id in ids if name and run_id.startswith(f"{name}-")]
    of_recipe = [run_id for run_id in likely if recipe_of(run_id) == name]
    return of_recipe or one_run(name, ids, of_store)


def one_run(name: str, ids: Sequence[str], of_store: str = "") -> list[str]:
    """The id that is the name or begins so, if there is one; BadInput, naming them, for the beginning of several.

    `of_store`, such as "of s3://bucket/study ", says whose runs they are.
    """
    if name in ids:
        return [name]
    beginning = [run_id for run_id in ids if name and run_id.startswith(name)]
    if len(beginning) > 1:
        raise BadInput(f"several runs {of_store}begin with {name!r}: {listed(sorted(beginning))}")
    return beginning
