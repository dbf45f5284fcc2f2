"""pass@1 that is estimated from draws is called so wherever it is shown."""

from __future__ import annotations

import csv
import io

import pytest

from sirev.metrics.comparison.compare import compare
from sirev.metrics.comparison.inputs import ComparisonSettings, RunMeasures
from sirev.metrics.families.measures import Measures
from sirev.reporting.figures import SENTENCES
from sirev.reporting.gathering import run_data
from sirev.reporting.page.cards import verdicts_as_html
from sirev.reporting.pass_at_1 import pass_at_1_name, pass_at_1_source
from sirev.reporting.sections.run_rows import Study
from sirev.reporting.summary import Report
from sirev.store.runs import Run
from tests.metrics.comparison.studies import draws


@pytest.fixture
def study() -> Study:
    """Two steps of which draws alone are known."""
    models = {t: Measures(None, draws(8, {f"p{i:02d}": min(8, i % 6 + t) for i in range(60)})) for t in (1, 2)}
    found = compare([RunMeasures("samples", 0, models)], "text", None, ComparisonSettings(replicates=200, from_draws=True))
    settings = {"training": {"parameters": "none"}, "steps": ["before", "after"]}
    run = Run("mine-samples-s0-00000000", "mine", "samples", 0, 1, settings, "", "complete")
    return {"recipe": "mine", **found, "runs": [run_data(run, one) for one in found["runs"]]}


def test_pass_at_1_is_of_greedy_answers_unless_a_comparison_says_otherwise() -> None:
    drawn = {"pass_at_1_from": "mean of 8 draws"}
    assert (pass_at_1_source([{}]), pass_at_1_name([{}])) == ("greedy", "greedy pass@1")
    assert (pass_at_1_source([drawn, drawn]), pass_at_1_name([drawn])) == ("mean of 8 draws", "pass@1, mean of 8 draws")
    assert pass_at_1_source([{}, drawn]) == "greedy; mean of 8 draws"


def test_tables_cards_and_figures_name_the_draws(study: Study) -> None:
    tables = {table.title: table for table in Report([study], None).tables()}
    assert "pass@1 on test, mean of 8 draws (%)" in tables
    assert not any("greedy" in title for title in tables)
    said = " ".join(cell for table in tables.values() for row in table.rows for cell in row)
    assert "A pass@1, mean of 8 draws" in said
    assert "pass@1 (mean of 8 draws) rose" in said
    notes = " ".join(note for table in tables.values() for note in table.notes)
    assert "pass@1: mean of 8 draws" in notes
    assert "not measured: needs greedy answers" in notes
    page = verdicts_as_html(study)
    assert "pass@1, mean of 8 draws" in page
    assert "greedy pass@1" not in page
    assert SENTENCES["pass-at-1"](study).startswith("pass@1, mean of 8 draws in % from M₁ to the last model")
    rows = csv.DictReader(io.StringIO(Report([study], None).text("csv")))
    assert [row["text"] for row in rows if row["statistic"] == "pass_at_1"] == ["mean of 8 draws"] * 2
    assert SENTENCES["trade-off"](study).startswith("pass@1, mean of 8 draws against")
