from __future__ import annotations

import base64
import gzip
import json
import re
from pathlib import Path
from typing import Any

import pytest

import sirev
from sirev.reporting.summary import Report
from sirev.reporting.web import for_others, write_page
from sirev.study.step_names import COMPARISON, stage_of
from tests.cli.test_report import measured
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


def test_several_studies_stand_side_by_side_and_then_in_parts(tmp_path: Path) -> None:
    for name in ("mine", "yours"):
        measured(tmp_path, name, 2)
    measured(tmp_path, "mine", 4)
    store = sirev.Store(tmp_path / "store")
    report = sirev.report(runs=store.runs.ids(), store=store)
    text = write_page(report, store, tmp_path / "report.html").path.read_text()
    parts = re.findall(r'<section id="(study-[^"]+)"', text)
    assert len(parts) == 3
    assert "study-yours" in parts
    assert all(text.count(f'href="#{part}"') == 2 for part in parts)  # at the top, and from its line of the overview
    ids = re.findall(r' id="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    assert text.index('id="figure-grid-pass-at-1"') < text.index('id="figure-yours-pass-at-1"') < text.index('id="tables"')
    assert "sirev report html --recipe yours --output yours.html" in text
    assert 'id="explorer"' not in text
    assert not re.findall(r'(?:src|href)="(?!data:|#)[^"]+"', text)


def test_a_study_that_is_left_out_does_not_say_where_the_store_lies(tmp_path: Path) -> None:
    for name, right in (("mine", 2), ("yours", 3), ("theirs", 4)):
        measured(tmp_path, name, right)
    store = sirev.Store(tmp_path / "store")
    lost = next(run for run in store.runs.all() if run.recipe == "theirs")
    for step, pin in lost.pins.items():
        if step.partition("/")[0] in ("measure", "compare"):
            store.objects.path(pin.artifact).unlink(missing_ok=True)
    for runs in (store.runs.ids(), [run.id for run in store.runs.all() if run.recipe != "yours"]):
        report = sirev.report(runs=runs, store=sirev.Store(store.path))
        assert [line for line in report.missing if str(store.path) in line]
        text = write_page(report, store, tmp_path / "report.html").path.read_text()
        assert "theirs is left out" in text
        assert str(store.path) not in text


@pytest.mark.parametrize("place", ["store", "."])
def test_words_stay_where_the_stores_path_is_a_word_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    for name, right in (("mine", 2), ("theirs", 4)):
        measured(tmp_path, name, right)
    monkeypatch.chdir(tmp_path if place == "store" else tmp_path / "store")
    store = sirev.Store(place)
    (lost,) = [run for run in store.runs.all() if run.recipe == "theirs"]

    def told() -> str:
        report = sirev.report(runs=store.runs.ids(), store=sirev.Store(place))
        (line,) = for_others(report, store).missing
        return line

    for step, pin in lost.pins.items():
        if stage_of(step) == "measure":
            manifest = store.artifact(pin.artifact).manifest
            store.objects.path(manifest["files"]["measures.json"]["sha256"]).unlink(missing_ok=True)
    store.objects.path(lost.pins[COMPARISON].artifact).unlink()
    assert told() == (
        f"theirs is left out: the store lacks the measures of {lost.id}'s M_1 (greedy); compute them again with "
        "`sirev measure theirs --step ...` (the same command as before), or pull or import the runs again"
    )
    pin = lost.pins[COMPARISON]
    record = store.records.path(pin.key, pin.artifact)
    record.chmod(0o644)
    record.write_bytes(b"?")
    at = f"records/{pin.key[:2]}/{pin.key}/{pin.artifact}.json"
    assert told() == f"theirs is left out: {at} is damaged; mend the store with: sirev store verify --repair"


@pytest.mark.parametrize("place", ["store", "a b", "/x/y"])
def test_what_is_missing_from_a_store_or_damaged_in_it_is_still_a_sentence(place: str) -> None:
    said = [
        f"object 0a is missing from {place}; compute it again",
        f"object 0a in {place} was damaged and has been removed",
        f"the manifest 0a in {place} is damaged; answers in {place}s stay",
    ]
    assert for_others(Report([], None, missing=tuple(said)), sirev.Store(place)).missing == (
        "object 0a is missing from the store; compute it again",
        "object 0a in the store was damaged and has been removed",
        f"the manifest 0a in the store is damaged; answers in {place}s stay",
    )


def test_an_incomplete_page_does_not_say_where_the_store_lies(smoke: Study, smoke_copy: Path, tmp_path: Path) -> None:
    report = sirev.report(recipes=["tiny_smoke"], methods=["sft"], store=smoke_copy)
    store = sirev.Store(smoke_copy)
    run = smoke.run("sft", store)
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
