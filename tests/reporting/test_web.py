from __future__ import annotations

import base64
import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest

import sirev
from sirev.errors import BadInput
from sirev.reporting.web import explorer, write_page
from tests.conftest import Study


def test_the_page_is_one_file_that_asks_nobody_for_anything(smoke: Study, tmp_path: Path) -> None:
    report = sirev.report(recipes=["tiny_smoke"], store=smoke.store)
    path = write_page(report, smoke.store, tmp_path / "new" / "report.html")
    text = path.read_text()
    assert "default-src 'none'" in text
    assert not re.findall(r'(?:src|href)="(?!data:|#)[^"]+"', text)
    assert text.index('id="verdicts"') < text.index('id="figures"') < text.index('id="tables"') < text.index('id="explorer"')
    assert list(path.parent.iterdir()) == [path]


def test_the_explorer_has_every_problem_with_answers_at_every_t(smoke: Study) -> None:
    report = sirev.report(recipes=["tiny_smoke"], store=smoke.store)
    found = explorer(report.studies[0], smoke.store, draws=3)
    assert len(found["index"]["problems"]["id"]) == 24
    assert [run["label"] for run in found["index"]["runs"]] == ["sft 0", "dpo 0", "sft-dpo 0"]
    assert found["index"]["runs"][0]["steps"] == [1, 2, 3]
    counts = found["index"]["runs"][0]["counts"][0]
    assert {of for _, of in counts} == {16}
    grades = smoke.artifact("sft", "grade/draws:1").rows("grades")
    assert sum(right for right, _ in counts) == sum(row["correct"] for row in grades)


def test_answers_that_the_store_lost_are_missing_and_nothing_else_is(smoke: Study, smoke_copy: Path) -> None:
    store = sirev.Store(smoke_copy)
    report = sirev.report(recipes=["tiny_smoke"], store=store)
    run = store.runs.get(smoke.of("sft").id)
    assert run is not None
    store.objects.path(run.pins["sample/test/greedy:2"].artifact).unlink()
    found = explorer(report.studies[0], sirev.Store(smoke_copy), draws=2)
    right = found["index"]["runs"][0]["right"]
    assert set(right[1]) == {-1}
    assert -1 not in right[0]


def test_runs_of_several_studies_are_no_page(smoke_copy: Path, tmp_path: Path) -> None:
    sirev.iterate("tiny_smoke", methods=["sft"], overrides=["evaluation.draws.n=8"], store=smoke_copy)
    report = sirev.report(recipes=["tiny_smoke"], store=smoke_copy)
    with pytest.raises(BadInput, match="a page shows runs of one recipe"):
        write_page(report, sirev.Store(smoke_copy), tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


def unpacked(page: str) -> list[Any]:
    """What the page's data elements hold."""
    return [json.loads(gzip.decompress(base64.b64decode(found))) for found in re.findall(r">(H4sI[^<]+)<", page)]


def test_texts_travel_packed(smoke: Study, tmp_path: Path) -> None:
    report = sirev.report(recipes=["tiny_smoke"], methods=["sft"], store=smoke.store)
    page = write_page(report, smoke.store, tmp_path / "report.html").read_text()
    text = smoke.artifact("sft", "sample/test/greedy:1").rows("completions")[0]["text"]
    assert text not in page
    assert text in json.dumps(unpacked(page))
