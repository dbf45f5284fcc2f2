from __future__ import annotations

import numpy as np

from sirev.reporting.long_form import long_form
from tests.metrics.comparison.studies import study
from tests.reporting.test_sections import shown


def test_verdicts_outcomes_and_claims_are_in_the_words_of_the_tables() -> None:
    made = shown(study(np.random.default_rng(3), 60, seeds=(0, 1, 2)))
    rows = [row for row in long_form([made], verdicts=True) if row["statistic"].startswith(("verdict", "claim"))]
    texts = {row["text"] for row in rows} - {None}
    outcomes, observed = {"held", "up", "down", "open"}, {"HELD", "FELL", "ROSE", "OPEN", "SELECTED", "NEW"}
    assert {"inconclusive", "open", "OPEN"} <= texts
    assert texts - outcomes - observed <= {"inconclusive", "not measured", "progress or no change"}
    reasons = [row["reason"] for row in rows if row["reason"]]
    assert any("pass@N is open" in reason for reason in reasons)
    assert not any("can't" in reason or "can tell" in reason for reason in reasons)
