"""Values of each M_t for trackers: the numbers of a report that form curves over t, and the headline."""

from __future__ import annotations

from typing import Any

from sirev.metrics.comparison.contents import Comparison
from sirev.reporting.long_form import named_values
from sirev.reporting.observed import verdict_in_words

_HEADLINE = "headline"
_SHOWN = ("pass_at_1", "mean_accuracy", "pass_at_n", "diversity", "ood", "reach", "improvement_set", "lost_set")
"""Fields of an iteration. Size-matched values are left out, because they change with the runs of the study."""
_LEFT_OUT = {
    *("matched", "unread", "levels", "mean_levels", "support", "split", "crossing", "p", "new", "rest", "reroll", "shortfall"),
    *("m1_pass_at_n", "disparity_change", "mean_disparity_change"),
}


def tracked_values(comparison: Comparison, t: int) -> dict[str, float | str]:
    """Name -> value of M_t, for a comparison of one run. Names are those of the report's CSV, with `/` for each dot.

    The headline is included if the comparison has a verdict on this M_t.
    """
    (run,) = comparison["runs"]
    iteration: dict[str, Any] = next({**one} for one in run["iterations"] if one["t"] == t)
    rows = named_values({name: iteration[name] for name in _SHOWN if name in iteration})
    found: dict[str, float | str] = {
        row["statistic"].replace(".", "/"): float(row["value"])
        for row in rows
        if row.get("value") is not None and not _LEFT_OUT & {*row["statistic"].split(".")}
    }
    verdict = next((one for one in comparison["verdicts"] if one["t"] == t), None)
    return found if verdict is None else {**found, _HEADLINE: verdict_in_words(verdict)}
