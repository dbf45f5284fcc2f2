"""The source of pass@1 in reports: greedy answers, or draws if there are none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

GREEDY = "greedy"


def pass_at_1_source(runs: Iterable[Mapping[str, Any]]) -> str:
    """The source of the runs' pass@1: "greedy", or such as "mean of 8 draws"."""
    return "; ".join(dict.fromkeys(str(run.get("pass_at_1_from", GREEDY)) for run in runs)) or GREEDY


def pass_at_1_name(runs: Iterable[Mapping[str, Any]]) -> str:
    """The name of pass@1 with its source: "greedy pass@1", or such as "pass@1, mean of 8 draws"."""
    source = pass_at_1_source(runs)
    return "greedy pass@1" if source == GREEDY else f"pass@1, {source}"
