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
from sirev.reporting.web import write_page
from tests.conftest import Study


def test_the_page_is_one_file_that_asks_nobody_for_anything(smoke: Study, tmp_path: Path) -> None:
    report = sirev.report(recipes=["tiny_smoke"], store=smoke.store)
    heard: list[str] = []
    page = write_page(report, smoke.store, tmp_path / "new" / "report.html", told=heard.append)
    text = page.path.read_text()
    assert page.missing == ()
    assert heard == ["reading the answers", "drawing the figures"]
    assert "default-src 'none'" in text
    assert not re.findall(r'(?:src|href)="(?!data:|#)[^"]+"', text)
    assert text.index("<h1>") < text.index('id="verdicts"') < text.index('id="figures"') < text.index('id="tables"')
    assert list(page.path.parent.iterdir()) == [page.path]


def test_runs_of_several_studies_are_no_page(smoke_copy: Path, tmp_path: Path) -> None:
    sirev.iterate("tiny_smoke", methods=["sft"], overrides=["evaluation.draws.n=8"], store=smoke_copy)
    report = sirev.report(runs=sirev.Store(smoke_copy).runs.ids(), store=smoke_copy)
    with pytest.raises(BadInput, match="a page is about one study"):
        write_page(report, sirev.Store(smoke_copy), tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


def test_an_incomplete_page_does_not_say_where_the_store_lies(smoke: Study, smoke_copy: Path, tmp_path: Path) -> None:
    report = sirev.report(recipes=["tiny_smoke"], methods=["sft"], store=smoke_copy)
    store = sirev.Store(smoke_copy)
    run = store.runs.get(smoke.of("sft").id)
    assert run is not None
    store.objects.path(run.pins["sample/test/greedy:2"].artifact).unlink()
    page = write_page(report, sirev.Store(smoke_copy), tmp_path / "report.html")
    text = page.path.read_text()
    assert "sirev store verify --repair</code>" in text
    assert str(smoke_copy) not in text
    assert page.mends[0] == f"sirev store verify --repair --store {smoke_copy}"


def unpacked(page: str) -> list[Any]:
    """What the page's data elements hold."""
    return [json.loads(gzip.decompress(base64.b64decode(found))) for found in re.findall(r">(H4sI[^<]+)<", page)]


def test_texts_travel_packed(smoke: Study, tmp_path: Path) -> None:
    report = sirev.report(recipes=["tiny_smoke"], methods=["sft"], store=smoke.store)
    page = write_page(report, smoke.store, tmp_path / "report.html").path.read_text()
    text = smoke.artifact("sft", "sample/test/greedy:1").rows("completions")[0]["text"]
    assert text not in page
    assert text in json.dumps(unpacked(page))
