"""The numbers of arXiv 2407.05013 (Wu, Li, Liu: "Progress or Regress?"), from published.json, by recipe.

`sirev.reporting.against_paper` compares a study with them.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from sirev.errors import BadInput
from sirev.tasks.registry import TASKS

PAPER: dict[str, Any] = json.loads(files("sirev.reporting").joinpath("published.json").read_text(encoding="utf-8"))
"""The content of published.json. "rows" has a row per model and task: coverage (a share), and pass@1 in % of M_1 and of each
method's best M_t, as printed in the table of Figure 2; pass@1 of M_1 to M_5 by method ("over_t"), read off Figure 1; "shapes"
and "reached", read off the other figures; "inconsistencies": disagreements of the paper's figures and its table, and numbers
that fit no reading. "read_off" has the way of reading and the largest error per figure."""
MODELS: dict[str, str] = PAPER["models"]
"""First part of a recipe's name -> the paper's model."""
TEST_PROBLEMS = {name: task.published["test"] for name, task in TASKS.items() if "test" in task.published}
"""Size of each test set, in problems, for the sampling error of a published number."""
T: int = PAPER["T"]
"""The paper's last iteration."""
Z = 1.959964
"""Half-width of a 95% interval, in standard errors."""
PASS_AT_1 = ("pass_at_1",)
"""The path of pass@1 in an iteration of a comparison."""

Path = tuple[str, ...]


@dataclass(frozen=True)
class PublishedShape:
    """A quantity at M_1 and at M_5 of each method, read off a figure of the paper."""

    name: str
    figure: int
    first: float
    """In %."""
    last: dict[str, float]
    path: Path
    """Its path in an iteration of a comparison."""
    between: dict[str, dict[int, float]] = field(default_factory=dict)
    """Method -> t -> value, for points between the ends that the ends do not show."""


@dataclass(frozen=True)
class Published:
    """The paper's numbers for one model and task. Coverage is a share; accuracies are in %."""

    model: str
    task: str
    coverage: float
    first: float
    """pass@1 of M_1."""
    best: dict[str, float]
    """Method -> its largest pass@1 over t."""
    over_t: dict[str, list[float]]
    """Method -> pass@1 of M_1 to M_5, read off Figure 1; M_1 too, so that a curve is of one source."""
    shapes: tuple[PublishedShape, ...] = ()
    reached: tuple[int, int] | None = None
    """M_1's pass@64 on every IS(t), in %: least and largest."""
    inconsistencies: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Published:
        """Parse a row of published.json."""
        shapes = tuple(_shape(one) for one in row.get("shapes", ()))
        reached = (row["reached"][0], row["reached"][1]) if "reached" in row else None
        plain = (row["model"], row["task"], row["coverage"], row["first"], row["best"], row["over_t"])
        return cls(*plain, shapes, reached, tuple(row.get("inconsistencies", ())), tuple(row.get("notes", ())))

    @property
    def recipe(self) -> str:
        """The name of the recipe that reruns it."""
        return f"{next(prefix for prefix, model in MODELS.items() if model == self.model)}_{self.task}"

    @property
    def problems(self) -> int:
        return TEST_PROBLEMS[self.task]

    @property
    def advised(self) -> tuple[str, ...]:
        """The methods that the paper's rule names for its own coverage."""
        return ("dpo", "sft-dpo") if self.coverage > 0.5 else ("sft",)

    @property
    def winner(self) -> str:
        return max(self.best, key=lambda method: self.best[method])

    @property
    def exception(self) -> str | None:
        """A sentence on a row that the paper's own rule gets wrong (mistral-7b on math); None for the others."""
        if self.winner in self.advised:
            return None
        return (
            f"An exception to the paper's rule, in its own table: coverage {100 * self.coverage:.1f}% stands for "
            f"{' or '.join(self.advised)}, yet {self.winner} is best at {self.best[self.winner]}."
        )

    def at(self, method: str, t: int) -> float | None:
        """pass@1 of M_t in %, read off Figure 1; None if the paper has no such t."""
        curve = self.over_t.get(method, [])
        return curve[t - 1] if 1 <= t <= len(curve) else None

    def error(self, method: str) -> float:
        """The largest error of a value of `at`, in points."""
        return float(PAPER["read_off"]["1"]["error"][self.task][method])

    def curves(self, path: Path) -> dict[str, list[tuple[int, float]]]:
        """Method -> (t, value in %) of the statistic at a path of an iteration; {} if the paper's figures do not show it."""
        if path == PASS_AT_1:
            return {method: list(enumerate(curve, 1)) for method, curve in self.over_t.items()}
        found = next((shape for shape in self.shapes if shape.path == path), None)
        if found is None:
            return {}
        return {
            method: [(1, found.first), *sorted(found.between.get(method, {}).items()), (T, last)]
            for method, last in found.last.items()
        }


def _shape(row: Mapping[str, Any]) -> PublishedShape:
    between = {method: {int(t): value for t, value in points.items()} for method, points in row.get("between", {}).items()}
    return PublishedShape(row["name"], row["figure"], row["first"], row["last"], tuple(row["path"]), between)


ROWS: dict[str, Published] = {row.recipe: row for row in map(Published.of, PAPER["rows"])}
"""Name of the recipe that reruns it -> row, all twelve."""


def published(recipe_name: str, settings: Mapping[str, Any] | None = None) -> Published | None:
    """The paper's row for a recipe; None if it has none.

    The first part of the recipe's name (llama2_, mistral_, llama3_) gives the model. The settings give the task; without
    settings, the second part of the name does.
    """
    model, _, rest = recipe_name.partition("_")
    task = (settings or {}).get("task", {}).get("name") or rest.partition("_")[0]
    return ROWS.get(f"{model}_{task}")


def published_or_refused(recipe_name: str, settings: Mapping[str, Any] | None = None) -> Published:
    """The paper's row for a recipe, as `published` finds it. Raises BadInput, with the known recipes, if there is none."""
    if (found := published(recipe_name, settings)) is None:
        raise BadInput(f"the paper has no numbers for the recipe {recipe_name!r} (it has: {', '.join(ROWS)})")
    return found


def standard_error(per_cent: float, problems: int) -> float:
    """The binomial standard error of an accuracy, in points."""
    return math.sqrt(per_cent * (100 - per_cent) / problems)


def how_read(figures: Iterable[int]) -> list[str]:
    """A sentence per figure of the paper on how it was read."""
    return [f"{PAPER['read_off'][str(figure)]['how']}." for figure in sorted(set(figures))]


def as_data(rows: Mapping[str, Published], methods: Iterable[str]) -> dict[str, Any]:
    """The JSON form of the given rows and methods. Shares are in 0..1, as everywhere in JSON."""
    chosen = list(methods)
    return {
        "source": PAPER["source"],
        "T": T,
        "read_off": {figure: _read_off(one) for figure, one in PAPER["read_off"].items()},
        "rows": [_row(recipe, row, chosen) for recipe, row in rows.items()],
    }


def _read_off(one: Mapping[str, Any]) -> dict[str, Any]:
    error = one.get("error")
    if isinstance(error, Mapping):
        error = {task: {method: _share(points) for method, points in of.items()} for task, of in error.items()}
    return {"how": one["how"], "error": error if error is None or isinstance(error, dict) else _share(error)}


def _row(recipe: str, row: Published, methods: list[str]) -> dict[str, Any]:
    return {
        "recipe": recipe,
        "model": row.model,
        "task": row.task,
        "problems": row.problems,
        "coverage": row.coverage,
        "first": _share(row.first),
        "best": {method: _share(row.best[method]) for method in methods},
        "pass_at_1": {method: [_share(value) for value in row.over_t[method]] for method in methods},
        "shapes": [
            {
                "statistic": ".".join(shape.path),
                "figure": shape.figure,
                "over_t": {method: {str(t): _share(value) for t, value in row.curves(shape.path)[method]} for method in methods},
            }
            for shape in row.shapes
        ],
        "reached": None if row.reached is None else [_share(end) for end in row.reached],
        "inconsistencies": list(row.inconsistencies),
        "notes": list(row.notes),
    }


def _share(per_cent: float) -> float:
    return round(per_cent / 100, 6)


def as_rows(rows: Mapping[str, Published], methods: Iterable[str]) -> list[dict[str, Any]]:
    """The given rows in long form, as in the CSV: a row per published value. `text` marks values that were read off figures.

    `low` and `high` of an accuracy are 1.96 binomial standard errors away, for the size of the test set.
    """
    made: list[dict[str, Any]] = []
    for recipe, row in rows.items():
        made.append({"recipe": recipe, "t": 1, "statistic": "published.coverage", "value": row.coverage, "unit": "share"})
        accuracy = {"n": row.problems, "unit": "share"}
        made.append({"recipe": recipe, "t": 1, "statistic": "published.pass_at_1", **accuracy, **_with_error(row.first, row)})
        for method in methods:
            named = {"recipe": recipe, "method": method}
            best = _with_error(row.best[method], row)
            made.append({**named, "statistic": "published.best_pass_at_1", **accuracy, **best})
            read = {**accuracy, "text": f"read off Figure 1, within {row.error(method):g} points"}
            for t, value in enumerate(row.over_t[method], 1):
                made.append({**named, "t": t, "statistic": "published.pass_at_1", **read, **_with_error(value, row)})
            for shape in row.shapes:
                said = {
                    "statistic": f"published.{'.'.join(shape.path)}",
                    "unit": "share",
                    "text": f"read off Figure {shape.figure}",
                }
                made += [{**named, "t": t, "value": _share(value), **said} for t, value in row.curves(shape.path)[method]]
    return made


def _with_error(per_cent: float, row: Published) -> dict[str, float]:
    half = Z * standard_error(per_cent, row.problems)
    return {"value": _share(per_cent), "low": _share(per_cent - half), "high": _share(per_cent + half)}
