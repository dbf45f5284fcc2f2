"""Run ids: a recipe's name, method, seed, and a digest of the recipe's settings; then the number of the realisation."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sirev.recipe import Recipe
from sirev.store.digests import canonical_json
from sirev.study.nulls import RETRAINED

OUTSIDE_RUN_IDS = (
    ("name",),
    ("description",),
    ("methods",),
    ("gpu",),
    ("training", "memory"),
    ("training", "checkpoint_minutes"),
    ("evaluation", "verdict"),
    ("evaluation", "score"),
    ("evaluation", "embedding", "batch_size"),
    ("evaluation", "overlap_n"),
    ("evaluation", "k"),
)
"""Settings of a recipe that change no measure: a run continues if they change."""
ABSENT_IN_RUN_IDS: dict[tuple[str, ...], Any] = {
    ("evaluation", "temperatures"): [],
    ("evaluation", "embedding"): None,
    ("evaluation", "ood", "*", "draws"): None,
    ("evaluation", "ood", "*", "draws_at"): "ends",
    ("evaluation", "ood", "*", "question"): "forward",
    ("task", "disjoint"): False,
    ("model", "pretrain", "inverse_share"): 0.0,
    ("engine", "batch_invariant"): False,
}
"""Fields added later, with the values that mean the earlier behaviour, at which they are left out; `*` is any name."""
_NOTHING = object()


def run_id(recipe: Recipe, method: str, seed: int, retrained: int = RETRAINED) -> str:
    """The id of a run's first realisation, from recipe, method, seed and settings; `retrained` counts only for "null-retrain"."""
    count = f"-{retrained}" if method == "null-retrain" and retrained != RETRAINED else ""
    return f"{recipe.name}-{method}{count}-s{seed}-{settings_digits(recipe.settings())}"


def settings_digits(settings: dict[str, Any]) -> str:
    """Eight hexadecimal digits for a recipe's settings; those that change no measure are removed from `settings` in place."""
    for (*path, field), absent in ABSENT_IN_RUN_IDS.items():
        for place in _places(settings, path):
            if place.get(field, _NOTHING) == absent:
                del place[field]
    for *path, field in OUTSIDE_RUN_IDS:
        for place in _places(settings, path):
            place.pop(field, None)
    if settings["engine"] is not None:
        keyed = ("name", "dtype", "batch_invariant")
        settings["engine"] = {field: value for field, value in settings["engine"].items() if field in keyed}
    return hashlib.sha256(canonical_json(settings)).hexdigest()[:8]


def _places(settings: Any, path: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The sections of settings at a path, possibly none."""
    if not isinstance(settings, dict):
        return
    if not path:
        yield settings
        return
    first, *rest = path
    for inner in settings.values() if first == "*" else [settings.get(first)]:
        yield from _places(inner, rest)


def realisation_id(first: str, realisation: int) -> str:
    """The id of a realisation of the run whose first one has the id `first`."""
    return first if realisation == 1 else f"{first}-r{realisation}"


def latest_realisation(first: str, ids: Iterable[str]) -> int:
    """The number of the latest realisation of run `first` among `ids`; 0 if there is none."""
    form = re.compile(re.escape(first) + r"(?:-r(\d+))?")
    return max((int(match[1] or 1) for name in ids if (match := form.fullmatch(name))), default=0)
