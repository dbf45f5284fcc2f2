"""Settings for comparing measured completions: the k, the margins, and the embedding model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any

from sirev.errors import BadInput
from sirev.extras import install_command
from sirev.recipe.sections import Embedding

_MARGINS = ("margin", "diversity_margin", "new_margin")
MOST_K = 100_000
"""The largest k of pass@k: far more than anyone draws."""


@dataclass(frozen=True)
class Judging:
    """Further k of pass@k, next to the powers of two, margins as in `evaluation.verdict`, and the embedding model, if any."""

    k: tuple[int, ...] = ()
    margins: Mapping[str, float] = field(default_factory=dict)
    embedding: Embedding | None = None

    def settings(self) -> dict[str, Any]:
        """The additions to a run's settings, as in a recipe's evaluation; empty for the defaults."""
        found: dict[str, Any] = {"k": list(self.k)} if self.k else {}
        if self.margins:
            found["verdict"] = dict(self.margins)
        if self.embedding is not None:
            found["embedding"] = self.embedding.model_dump(mode="json", exclude={"batch_size"})
        return found


def judging(k: Iterable[int], margins: Mapping[str, float | None], embedding: str | None) -> Judging:
    """The checked options; BadInput names a wrong one. `embedding`: MODEL, MODEL@REVISION or a folder."""
    wanted = sorted(set(k))
    for one in wanted:
        if isinstance(one, bool) or not isinstance(one, int) or not 1 <= one <= MOST_K:
            raise BadInput(f"--k: {one!r} is not a number of draws, 1 to {MOST_K:,}")
    given = {name: value for name in _MARGINS if (value := margins.get(name)) is not None}
    for name, value in given.items():
        if not 0 < value < 1:
            raise BadInput(f"--{name.replace('_', '-')}: {value:g} must be a share between 0 and 1, such as 0.03 for 3 points")
    return Judging(tuple(wanted), given, None if embedding is None else _embedding(embedding))


def _embedding(named: str) -> Embedding:
    if find_spec("sentence_transformers") is None:
        raise BadInput(f"--embedding: sentence-transformers is not installed: {install_command('train')}")
    from sirev.hub import is_local

    name, at, revision = named.rpartition("@")
    return Embedding(model=name, revision=revision) if at and name and not is_local(named) else Embedding(model=named)
