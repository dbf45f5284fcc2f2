"""Series for figures, from a comparison: runs by method, statistics by path, curves and their mean over seeds.

Plain Python, without matplotlib. Shares are in 0..1.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sirev.metrics.comparison.contents import Field, ImprovementSet
from sirev.metrics.comparison.nulls import is_null
from sirev.metrics.statistic import Statistic, absent, mean_over_seeds
from sirev.reporting.sections.run_rows import ModelData, RunData, Study, measured

Curve = list[tuple[float, Statistic]]
"""Statistics over t, or over N of pass@N, in ascending order of the abscissa."""


@dataclass(frozen=True)
class MethodRuns:
    """A method's runs, one per seed, and its place among the methods, which gives its colour and marker."""

    name: str
    runs: list[RunData]
    place: int

    @property
    def last(self) -> int:
        """The last t that every run reached; 0 without an iteration."""
        return min((_times(run)[-1] if _times(run) else 0 for run in self.runs), default=0)


def methods(comparison: Study) -> list[MethodRuns]:
    """The methods in the order of the comparison's runs, without null runs."""
    return _grouped(run for run in comparison.get("runs", []) if not is_null(run["method"]))


def null_groups(comparison: Study, name: str) -> list[MethodRuns]:
    """Null runs whose name begins with `name`; for gold solutions, an entry per method whose steps they copy."""
    return _grouped(run for run in comparison.get("runs", []) if run["method"].startswith(name))


def _grouped(runs: Iterable[RunData]) -> list[MethodRuns]:
    by_name: dict[str, list[RunData]] = {}
    for run in runs:
        by_name.setdefault(str(run["label"] if measured(run) else run["method"]), []).append(run)
    return [MethodRuns(name, runs, place) for place, (name, runs) in enumerate(by_name.items())]


def iteration(run: RunData, t: int) -> ModelData | None:
    """M_t's entry in a run; None if there is none."""
    return next((i for i in run.get("iterations", []) if i["t"] == t), None)


def improvement_set(run: RunData, t: int) -> ImprovementSet | None:
    """IS(t) of a run: the problems that M_t gains over M_1; None if unknown."""
    found = iteration(run, t)
    return found.get("improvement_set") if found else None


def stat(node: Any, *path: str) -> Statistic:
    """The statistic at a path of keys; if a key is missing, a statistic without a value and with the reason."""
    for key in path:
        node = node.get(key) if isinstance(node, dict) else None
    if not isinstance(node, dict) or "value" not in node:
        return absent("not measured")
    if node["value"] is None:
        return absent(str(node.get("reason") or "not measured"), int(node.get("n") or 0))
    low, high = (v if v is not None and math.isfinite(v) else None for v in (node.get("low"), node.get("high")))
    return {"value": float(node["value"]), "low": low, "high": high, "n": int(node.get("n") or 0), "reason": None}


def path_of(field: Field, *keys: str) -> tuple[str, ...]:
    """The path of a statistic in an iteration. mypy checks the first key."""
    return (field, *keys)


def over_t(run: RunData, path: Iterable[str]) -> Curve:
    """A statistic of every M_t of a run."""
    return [(float(i["t"]), stat(i, *path)) for i in run.get("iterations", [])]


def over_n(node: Any, *path: str) -> Curve:
    """pass@N over N, from the mapping at a path, whose keys are numbers as text."""
    for key in path:
        node = node.get(key) if isinstance(node, dict) else None
    if not isinstance(node, dict):
        return []
    return [(float(n), stat(node, n)) for n in sorted((n for n in node if n.isdigit()), key=int)]


def seeds_mean(curves: Sequence[Curve]) -> Curve:
    """The mean over seeds at each abscissa, with a value where every seed has one. A single curve is its own mean.

    The scatter over seeds is visible in their thin lines.
    """
    if len(curves) == 1:
        return list(curves[0])
    found = [dict(curve) for curve in curves]
    places = sorted(set().union(*found)) if found else []
    return [(x, mean_over_seeds([curve.get(x, absent("not every seed has it")) for curve in found])) for x in places]


def values(curve: Curve) -> list[float]:
    """The values of a curve, without missing ones."""
    return [one["value"] for _, one in curve if one["value"] is not None]


def has_values(curves: Iterable[Curve]) -> bool:
    """Whether any curve has a value."""
    return any(values(curve) for curve in curves)


def step_names(found: Iterable[MethodRuns]) -> list[str]:
    """The user's names of M_1, M_2, ...; empty if the runs have none or different ones."""
    names = {tuple(run.get("steps") or ()) for method in found for run in method.runs}
    return list(names.pop()) if len(names) == 1 else []


def times(found: Iterable[MethodRuns]) -> list[int]:
    """All t of the given methods, ascending."""
    return sorted({t for method in found for run in method.runs for t in _times(run)})


def _times(run: RunData) -> list[int]:
    return [int(i["t"]) for i in run.get("iterations", [])]


def numbers(keys: Iterable[str]) -> list[str]:
    """Keys that are numbers as text, in numerical order; then the others, by name."""
    return sorted(keys, key=lambda key: (0, float(key), key) if key.replace(".", "", 1).isdigit() else (1, 0.0, key))


def model(t: float) -> str:
    """M_t with Unicode subscripts: "M₁"."""
    return "M" + str(int(t)).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))


def draws_of(found: Iterable[MethodRuns]) -> int:
    """The largest number of draws per problem; 0 if unknown.

    It comes from votes, which are over all draws, and from pass@N, which has powers of two alone.
    """
    sizes = (
        int(n)
        for method in found
        for run in method.runs
        for i in run.get("iterations", [])
        for n in (*(i.get("majority") or {}), *(i.get("pass_at_n") or {}))
        if n.isdigit()
    )
    return max(sizes, default=0)
