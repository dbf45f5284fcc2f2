"""Seeded subsets of problems: a limit, and a dev split held out of train. They depend only on ids and seed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from sirev.errors import BadInput

ProblemRows = Sequence[dict[str, str]]


def limited(problems: ProblemRows, n: int, seed: int) -> list[dict[str, str]]:
    """`n` problems drawn with `seed`, in the given order; a smaller `n` with the same seed draws a subset of them. BadInput."""
    return _split(problems, n, seed)[0]


def hold_out(problems: ProblemRows, n: int, seed: int) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """(rest, dev): `n` problems drawn with `seed` as dev, and all others, both in the given order; BadInput if none is left."""
    dev, rest = _split(problems, n, seed)
    if not rest:
        raise BadInput(f"a dev split of {n} leaves nothing of the {len(problems)} problems to train on")
    return rest, dev


def _split(problems: ProblemRows, n: int, seed: int) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    if not 1 <= n <= len(problems):
        raise BadInput(f"{n} problems were asked for, and only {len(problems)} are there")
    # Ranked by a hash of the id, not shuffled: adding or removing a problem leaves the order of the others.
    ranked = sorted(problems, key=lambda problem: (_rank(problem["id"], seed), problem["id"]))
    drawn = {problem["id"] for problem in ranked[:n]}
    return [p for p in problems if p["id"] in drawn], [p for p in problems if p["id"] not in drawn]


def _rank(id_: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}/{id_}".encode()).digest()
