"""The source of pass@1 in reports: greedy answers, or draws where there are none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

GREEDY = "greedy"


def pass_at_1_source(runs: Iterable[Mapping[str, Any]]) -> str:
    """ "greedy", or what the pass@1 of runs of a comparison is estimated from, such as "mean of 8 draws"."""
    return "; ".join(dict.fromkeys(str(run.get("pass_at_1_from", GREEDY)) for run in runs)) or GREEDY


def pass_at_1_name(runs: Iterable[Mapping[str, Any]]) -> str:
    """ "greedy pass@1" or, say, "pass@1, mean of 8 draws"."""
    source = pass_at_1_source(runs)
    return "greedy pass@1" if source == GREEDY else f"pass@1, {source}"
