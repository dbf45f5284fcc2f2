"""Resolution of run names: a run id, a recipe's name for all its runs, or the beginning of one run id."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sirev.errors import BadInput
from sirev.listing import listed


def runs_meant(name: str, ids: Sequence[str], recipe_of: Callable[[str], str], of_store: str = "") -> list[str]:
    """The run ids that `name` stands for, possibly none; BadInput for the beginning of several ids.

    `recipe_of` returns the recipe of a run. It is called only for runs whose ids begin with the name, since ids begin with
    their recipe's name; so a damaged file of another run does no harm.
    """
    if name in ids:
        return [name]
    likely = [run_id for run_id in ids if name and run_id.startswith(f"{name}-")]
    of_recipe = [run_id for run_id in likely if recipe_of(run_id) == name]
    return of_recipe or one_run(name, ids, of_store)


def one_run(name: str, ids: Sequence[str], of_store: str = "") -> list[str]:
    """The id that equals `name` or begins with it, in a list, empty if none does; BadInput if several do.

    `of_store`, such as "of s3://bucket/study ", names their store in the message.
    """
    if name in ids:
        return [name]
    beginning = [run_id for run_id in ids if name and run_id.startswith(name)]
    if len(beginning) > 1:
        raise BadInput(f"several runs {of_store}begin with {name!r}: {listed(sorted(beginning))}")
    return beginning
