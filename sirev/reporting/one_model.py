"""A single measured model on the screen: accuracy and diversity, without a comparison."""

from __future__ import annotations

from collections.abc import Mapping

from sirev.metrics.families.accuracy import NO_DRAWS
from sirev.metrics.statistic import Statistic
from sirev.reporting.pass_at_1 import GREEDY, pass_at_1_source
from sirev.reporting.sections.run_rows import RunData, at, measured
from sirev.reporting.tables import ABSENT, percent, with_interval

_VARIETIES = {"distinct_equations": "distinct equations", "distinct_programs": "distinct programs"}


def is_one_model(run: RunData) -> bool:
    """Whether a run holds answers of a single model, made elsewhere."""
    return measured(run) and len(run["iterations"]) == 1


def one_model(run: RunData) -> list[tuple[str, str]]:
    """(measure, value in words) rows: pass@k, coverage, majority vote, variety, unread and cut-off answers."""
    (model,) = run["iterations"]
    source = pass_at_1_source([run])
    rows = [("pass@1", f"{_valued(model['pass_at_1'])}, {'greedy' if source == GREEDY else source}")]
    curve = {int(k): one for k, one in model["pass_at_n"].items() if one["value"] is not None and int(k) > 1}
    rows += [(f"pass@{k}", _valued(one)) for k, one in sorted(curve.items())]
    solved = at(model, ("coverage", "solved", "test"))
    if solved["value"] is None and solved["reason"] == NO_DRAWS:
        rows.append(("pass@k, variety", f"not measured: {NO_DRAWS}"))
    else:
        rows.append(("solved", f"{_valued(solved)} of the problems, by at least one draw"))
        rows += _votes(model["majority"])
        rows += _variety(model["diversity"].get("all", {}))
    ends: Mapping[str, Statistic] = model["greedy"] if source == GREEDY else model  # type: ignore[assignment]
    rows.append(("no answer read", f"{_valued(ends['unanswered'])}"))
    rows.append(("cut off", f"{_valued(ends['truncated'])}"))
    return rows


def _votes(majority: Mapping[str, Statistic]) -> list[tuple[str, str]]:
    voted = {int(k): one for k, one in majority.items() if one["value"] is not None and int(k) > 1}
    return [(f"maj@{k}", _valued(voted[k])) for k in sorted(voted)[-1:]]


def _variety(diversity: Mapping[str, object]) -> list[tuple[str, str]]:
    forms = [(words, at(diversity, (name,))) for name, words in _VARIETIES.items()]
    forms.append(("Distinct-N", at(diversity, ("distinct_n", "mean"))))
    said = [f"{words} {percent(one)}%" for words, one in forms if one["value"] is not None]
    return [("variety", ", ".join(said) + " of the draws")] if said else [("variety", ABSENT)]


def _valued(one: Statistic) -> str:
    return f"{with_interval(one)}%" if one["value"] is not None else f"{ABSENT} ({one['reason'] or 'not measured'})"
