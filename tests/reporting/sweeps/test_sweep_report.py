from __future__ import annotations

import csv
import io
import json
import re

import pytest

from sirev.reporting.latex import escape
from sirev.reporting.sections import ALL
from sirev.reporting.sweeps.sweep_report import SWEEP_COLUMNS, SweepReport
from sirev.reporting.sweeps.swept_studies import SweptStudy
from tests.reporting.sweeps.made_sweeps import progress, report_of, swept

CELL = {
    *(
        "recipe",
        "model",
        "task",
        "settings",
        "method",
        "runs",
        "headline",
        "read_unlike",
        "possible",
        "judged",
        "alike",
        "claim",
        "reason",
    ),
    *("pass_at_1", "observations"),
}


@pytest.fixture(scope="module")
def studies() -> list[SweptStudy]:
    late = [progress("dpo", 0, "failed", 1, reason="CUDA out of memory")]
    return [
        swept("llama", methods=["sft"], settings={"dpo.beta": "0.1"}, late=late, later=0.2, ood=-0.2, distinct=(0.6, 0.3)),
        swept("mistral", methods=[], seeds=[], settings={"dpo.beta": "0.1"}, late=[progress("sft", 0, "not run", 0)]),
    ]


@pytest.fixture(scope="module")
def made(studies: list[SweptStudy]) -> SweepReport:
    return report_of(*studies, missing=["x is left out"])


def test_the_json_form_is_the_documented_schema(made: SweepReport) -> None:
    told = json.loads(made.text("json"))
    assert {*told} == {"schema", "sweep", "cells", "studies", "missing"}
    assert (told["schema"], told["sweep"], told["missing"], len(told["studies"])) == (1, "grid.yaml", ["x is left out"], 1)
    done, failed, idle = told["cells"]
    assert {*done} == {*failed} == {*idle} == CELL
    assert (done["model"], done["method"], done["settings"]) == ("llama", "sft", {"dpo.beta": "0.1"})
    assert (done["headline"], done["claim"], done["judged"], done["alike"]) == ("REVERSAL", "reversal", 3, 3)
    assert 0 < done["pass_at_1"]["first"] < done["pass_at_1"]["first"] + done["pass_at_1"]["change"]["value"] < 1
    assert [run["state"] for run in done["runs"]] == ["complete"] * 3
    assert failed["runs"] == [
        {"run": "r-dpo-s0-0a1b2c3d", "seed": 0, "state": "failed", "measured": 1, "T": 2, "reason": "CUDA out of memory"}
    ]
    assert (idle["headline"], idle["pass_at_1"], idle["judged"], idle["runs"][0]["state"]) == (None, None, 0, "not run")


def test_the_csv_has_every_run_of_the_grid_and_every_value_with_model_and_task(made: SweepReport) -> None:
    rows = list(csv.DictReader(io.StringIO(made.text("csv"))))
    assert tuple(rows[0]) == SWEEP_COLUMNS
    states = {(row["model"], row["method"], row["seed"]): row["text"] for row in rows if row["statistic"] == "state"}
    assert states == {
        **{("llama", "sft", str(seed)): "complete" for seed in range(3)},
        ("llama", "dpo", "0"): "failed",
        ("mistral", "sft", "0"): "not run",
    }
    values = [row for row in rows if row["statistic"] == "pass_at_1"]
    assert [(row["model"], row["task"], row["settings"], row["t"]) for row in values] == [
        ("llama", "sums", "dpo.beta=0.1", t) for t in "12" * 3
    ]
    assert {row["statistic"] for row in rows} >= {"verdict", "claim"}


@pytest.mark.parametrize("form", ["markdown", "latex"])
def test_a_paper_gets_the_grid_alone(made: SweepReport, form: str) -> None:
    text = made.text(form)  # type: ignore[arg-type]
    title = made.tables()[0].title
    if form == "latex":
        captions = re.findall(r"\\caption\{(.*)\}$", text, re.MULTILINE)
        assert captions
        assert [caption for caption in captions if not caption.startswith(escape(title))] == []
    else:
        assert text.count(title) == text.count("grid.yaml") == 1
    assert "REVERSAL" in text
    assert "CUDA out of memory" in text
    assert "Evidence" not in text


def test_a_section_has_its_own_tables_and_all_of_them_come_after_the_grid(studies: list[SweptStudy]) -> None:
    titles = [table.title for table in report_of(*studies, section="ood").tables()]
    assert not any("grid.yaml" in title for title in titles)
    assert titles
    whole = [table.title for table in report_of(*studies, section=ALL).tables()]
    assert "grid.yaml" in whole[0]
    assert {*titles} < {*whole}


def test_of_a_section_without_a_finished_run_there_is_the_grid(studies: list[SweptStudy]) -> None:
    (table,) = report_of(studies[1], section="ood").tables()
    assert table.rows[0][-1] == "–"
    assert "not run" in table.rows[0]


def test_a_notebook_shows_the_grid(made: SweepReport) -> None:
    assert made._repr_markdown_() == made.text("markdown")
    assert repr(made).startswith("SweepReport(grid.yaml: 3 of 5 runs finished;")
