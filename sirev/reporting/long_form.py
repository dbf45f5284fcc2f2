"""The numbers of a report in long form: one row per value, for spreadsheets and data frames."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sirev.metrics.families import SHOWN
from sirev.reporting.sections import SECTIONS

REPORT_COLUMNS = (
    "run",
    "recipe",
    "method",
    "seed",
    "t",
    "step",
    "statistic",
    "value",
    "low",
    "high",
    "n",
    "unit",
    "p",
    "text",
    "reason",
)
"""`value`, `low`, `high`, `n` and `p` are numbers or missing. `text` has words, `reason` why a value is missing, and `step` the
user's name of M_t, for completions and models made elsewhere."""
WORD_COLUMNS = ("run", "recipe", "method", "step", "statistic", "unit", "text", "reason")
"""The columns of text; all others hold numbers."""
COUNT_COLUMNS = ("seed", "t", "n")
"""The columns of integers."""
UNITS = {
    **{part: unit for shown in SHOWN for part, unit in shown.units.items()},
    "crossing": "samples",
    "seconds": "seconds",
    **dict.fromkeys(("size", "examples", "dropped", "steps"), "count"),
    **dict.fromkeys(("reach.gained", "reach.lost", "new.N", "problems"), "count"),
    **dict.fromkeys([f"support.{name}" for name in ("first", "later", "shrinkage", "expansion")], "count"),
    "support.k": "samples",
    **dict.fromkeys(("p", "holm"), "probability"),
    **dict.fromkeys(
        ("difference", "smallest", "shortfall", "new.bound", "change", "composition", "narrowing"), "change of share"
    ),
    **dict.fromkeys(("disparity_change", "mean_disparity_change"), "change of share"),
}
"""Part of a statistic's name -> its unit. All other statistics are shares, from 0 to 1."""
_WORDS = ("reason", "test", "training")
"""Text fields: without a value they have no row."""

LongRow = dict[str, Any]


def long_form(studies: Sequence[Mapping[str, Any]], verdicts: bool) -> list[LongRow]:
    """A row per value of the iterations, pass@1 first; with `verdicts`, also rows of verdicts, outcomes and claims.

    `studies` are those of a report's JSON form. Shares are from 0 to 1, their changes from -1 to 1. If pass@1 is not from greedy
    answers, its `text` is the source.
    """
    rows: list[LongRow] = []
    for study in studies:
        for run in study["runs"]:
            named = {"run": run["id"], "recipe": run["recipe"], "method": run["method"], "seed": run["seed"]}
            source = {"pass_at_1": {"text": run["pass_at_1_from"]}} if "pass_at_1_from" in run else {}
            for iteration in run["iterations"]:
                at = {**named, **_model(run, iteration["t"])}
                statistics = named_values(_in_order(iteration))
                rows += ({**at, **row, **source.get(row["statistic"], {})} for row in statistics)
            if verdicts:
                judged = [one for one in study["verdicts"] if (one["method"], one["seed"]) == (run["method"], run["seed"])]
                rows += ({**named, **_model(run, one["t"]), **row} for one in judged for row in _verdict(one))
        if verdicts:
            for claim in study["methods"]:
                rows += ({"recipe": study["recipe"], "method": claim["method"], **row} for row in _claim(claim))
    return [{column: row.get(column) for column in REPORT_COLUMNS} for row in rows]


def _model(run: Mapping[str, Any], t: int) -> LongRow:
    return {"t": t, "step": run["steps"][t - 1] if run.get("steps") else None}


def _in_order(iteration: Mapping[str, Any]) -> dict[str, Any]:
    first = {field: iteration[field] for field in SECTIONS["accuracy"][1] if field in iteration}
    return first | {field: value for field, value in iteration.items() if field != "t"}


def named_values(values: Mapping[str, Any], above: str = "") -> Iterator[LongRow]:
    """A row per number and word of nested mappings, by dotted name, without lists."""
    for key, value in values.items():
        name = f"{above}{key}"
        if isinstance(value, Mapping) and not {"value", "reason"} <= set(value):
            yield from named_values(value, f"{name}.")
        elif isinstance(value, Mapping):
            yield {"statistic": name, "unit": _unit(name), **{k: value.get(k) for k in ("value", "low", "high", "n", "reason")}}
        elif isinstance(value, str):
            yield {"statistic": name, "text": value}
        elif not isinstance(value, list) and not (value is None and key in _WORDS):
            yield {"statistic": name, "unit": _unit(name), "value": value}


def _verdict(verdict: Mapping[str, Any]) -> Iterator[LongRow]:
    yield {
        "statistic": "verdict",
        "text": verdict["verdict"],
        "reason": verdict["reason"],
    }
    yield {"statistic": "verdict.narrower", "value": int(verdict["narrower"])}
    yield from _observations("verdict", verdict)
    for name, outcome in verdict["outcomes"].items():
        change = {k: outcome["difference"][k] for k in ("value", "low", "high", "n", "reason")}
        yield {
            "statistic": f"verdict.{name}",
            "unit": "change of share",
            **change,
            "p": outcome["holm"],
            "text": outcome["is"],
        }


def _observations(above: str, judged: Mapping[str, Any]) -> Iterator[LongRow]:
    """A row per observation with its word, and a row with the number that hold of the paper's three."""
    for name, found in judged["observations"].items():
        yield {"statistic": f"{above}.observations.{name}", "text": found["is"], "reason": found["reason"]}
    yield {"statistic": f"{above}.observed", "unit": "count", "value": judged["observed"], "n": judged["observable"]}


def _claim(claim: Mapping[str, Any]) -> Iterator[LongRow]:
    yield {
        "statistic": "claim",
        "text": claim["claim"],
        "n": len(claim["seeds"]),
        "reason": claim["reason"],
    }
    yield from _observations("claim", claim)
    for name, mean in claim["mean"].items():
        for over, change in (("problems", mean["difference"]), ("seeds", mean["seeds"])):
            values = {k: change[k] for k in ("value", "low", "high", "n", "reason")}
            yield {"statistic": f"claim.{name}.over_{over}", "unit": "change of share", **values}


def _unit(name: str) -> str:
    parts = name.split(".")
    for i in reversed(range(len(parts))):
        for part in (".".join(parts[i : i + 2]), parts[i]):
            if part in UNITS:
                return UNITS[part]
    return "share"
