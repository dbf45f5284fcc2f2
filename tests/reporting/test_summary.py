from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import sirev
from sirev.errors import BadInput
from sirev.reporting.sections import SECTIONS
from sirev.reporting.selection import others_in_words
from tests.conftest import Study

STATISTIC = {"value", "low", "high", "n", "reason"}


def statistics(found: Any) -> Iterator[dict[str, Any]]:
    """Every statistic in a tree."""
    if isinstance(found, dict):
        if set(found) >= STATISTIC:
            yield found
        else:
            for value in found.values():
                yield from statistics(value)
    elif isinstance(found, list):
        for value in found:
            yield from statistics(value)


def test_the_json_form_is_the_documented_schema(smoke: Study) -> None:
    whole = json.loads(sirev.report(recipes=["tiny_smoke"], store=smoke.store).text("json"))
    assert whole["schema"] == 2
    (study,) = whole["studies"]
    assert (study["recipe"], study["headline"], study["suites"]) == ("tiny_smoke", 16, ["levels_1_to_3"])
    assert [(run["method"], run["seed"]) for run in study["runs"]] == [("sft", 0), ("dpo", 0), ("sft-dpo", 0)]
    assert [found["method"] for found in study["verdicts"]] == ["sft", "dpo", "sft-dpo"]
    for run in study["runs"]:
        assert [i["t"] for i in run["iterations"]] == [1, 2, 3]
        for i in run["iterations"]:
            wanted = {field for _, fields in SECTIONS.values() for field in fields} - {"training"}
            assert set(i) == {"t", *wanted}
            assert set(i["pass_at_n"]) == {"1", "2", "4", "8", "16"}
            assert set(i["ood"]["levels_1_to_3"]["levels"]) == {"1", "2", "3"}
    found = list(statistics(whole))
    assert len(found) > 1000
    for one in found:
        if one["value"] is None:
            assert one["reason"], one
            assert one["low"] is None
            assert one["high"] is None
        else:
            assert one["n"] > 0
            assert one["low"] is None or one["high"] is None or one["low"] <= one["high"]


@pytest.mark.parametrize("section", SECTIONS)
def test_a_section_holds_its_own_fields_alone(smoke: Study, section: str) -> None:
    told = sirev.report(section, recipes=["tiny_smoke"], store=smoke.store)
    assert set(told.to_dict()["studies"][0]["runs"][0]["iterations"][0]) == {"t", *SECTIONS[section][1]}
    assert told.tables()


def test_csv_has_a_row_a_statistic_and_the_same_values(smoke: Study) -> None:
    told = sirev.report(recipes=["tiny_smoke"], methods=["sft"], store=smoke.store)
    rows = list(csv.DictReader(io.StringIO(told.text("csv"))))
    by_name = {(row["t"], row["statistic"]): row for row in rows}
    iteration = told.to_dict()["studies"][0]["runs"][0]["iterations"][2]
    assert float(by_name["3", "pass_at_1"]["value"]) == iteration["pass_at_1"]["value"]
    assert by_name["3", "improvement_set.size"]["value"] == str(iteration["improvement_set"]["size"])
    mean = iteration["diversity"]["all"]["distinct_n"]["mean"]["value"]
    assert float(by_name["3", "diversity.all.distinct_n.mean"]["value"]) == mean
    assert len(by_name) == len(rows)


def test_markdown_is_well_formed(smoke: Study) -> None:
    text = sirev.report(recipes=["tiny_smoke"], store=smoke.store).text("markdown")
    for block in text.split("### ")[1:]:
        lines = [line for line in block.splitlines() if line.startswith("|")]
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) <= 1, block  # a table of nothing has notes alone
    assert text.count("| --- |") > 10


def test_methods_and_runs_narrow_the_report(smoke: Study) -> None:
    chosen = sirev.report(recipes=["tiny_smoke"], methods=["dpo", "sft"], store=smoke.store)
    assert [run["method"] for run in chosen.runs] == ["sft", "dpo"]
    one = sirev.report(runs=[smoke.of("dpo").id], store=smoke.store)
    assert [run["id"] for run in one.runs] == [smoke.of("dpo").id]


def test_of_several_settings_the_newest_are_shown_and_the_others_are_commands_to_copy(smoke: Study, smoke_copy: Path) -> None:
    sirev.iterate("tiny_smoke", methods=["sft"], overrides=["evaluation.draws.n=8"], store=smoke_copy)
    told = sirev.report(recipes=["tiny_smoke"], store=smoke_copy)
    assert [(run["label"], run["id"]) for run in told.runs] == [("sft", told.selection.shown[0][0].id)]
    line, other = others_in_words(told.selection, "html", smoke_copy, Path("x.html"))
    assert line == "tiny_smoke was run with 2 settings; this is the newest (draws.n=8). The others:"
    runs = " ".join(f"--run {result.id}" for result in smoke.results)
    assert other == f"  sirev report html {runs} --store {smoke_copy} --output x-2.html  # draws.n=16"
    shown = sirev.report(runs=[result.id for result in smoke.results], store=smoke_copy)
    assert shown.runs == sirev.report(recipes=["tiny_smoke"], store=smoke.store).runs
    assert others_in_words(shown.selection) == []
    sirev.iterate("tiny_smoke", store=smoke_copy)  # a replay is what was run last
    assert {run["id"] for run in sirev.report(recipes=["tiny_smoke"], store=smoke_copy).runs} == {r.id for r in smoke.results}


def test_runs_of_one_name_are_told_apart_by_what_was_set(smoke: Study, smoke_copy: Path) -> None:
    (other,) = sirev.iterate("tiny_smoke", methods=["sft"], overrides=["evaluation.draws.n=8"], store=smoke_copy)
    told = sirev.report(runs=[smoke.of("sft").id, other.id], store=smoke_copy)
    assert sorted(run["label"] for run in told.runs) == ["sft draws.n=16", "sft draws.n=8"]


def test_a_report_of_what_was_compared_needs_no_other_object(smoke: Study, smoke_copy: Path) -> None:
    store = sirev.Store(smoke_copy)
    before = sirev.report(recipes=["tiny_smoke"], store=store).to_dict()
    kept = set()
    for record in store.records.all():
        if record.action["stage"] == "compare":
            artifact = store.artifact(record.artifact)
            kept |= {artifact.digest, *(entry["sha256"] for entry in artifact.manifest["files"].values())}
    for path in (smoke_copy / "objects").rglob("*"):
        if path.is_file() and path.parent.name + path.name not in kept:
            path.unlink()
    assert sirev.report(recipes=["tiny_smoke"], store=smoke_copy).to_dict() == before


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"section": "accurcy"}, "did you mean 'accuracy'"),
        ({"recipes": ["tiny"]}, "no run of a recipe 'tiny'"),
        ({"methods": ["ppo"]}, "unknown method 'ppo'"),
        ({"runs": ["tiny_smoke-stf"]}, "no run 'tiny_smoke-stf'; did you mean"),
    ],
)
def test_what_is_not_there_is_one_clear_line(smoke: Study, request_: dict[str, Any], words: str) -> None:
    with pytest.raises(BadInput, match=words) as caught:
        sirev.report(**request_, store=smoke.store)
    assert "\n" not in str(caught.value)


def test_an_empty_store_says_what_to_run_first(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="run first: sirev iterate --recipe tiny"):
        sirev.report(store=tmp_path / "store")


def test_an_unfinished_run_is_left_out_and_said(smoke: Study, smoke_copy: Path) -> None:
    store = sirev.Store(smoke_copy)
    run = store.runs.get(smoke.of("dpo").id)
    assert run is not None
    run.status = "running"
    del run.pins["compare"]
    store.runs.save(run)
    told = sirev.report(recipes=["tiny_smoke"], store=smoke_copy)
    assert [r["method"] for r in told.runs] == ["sft", "sft-dpo"]
    assert told.notes == (f"{run.id} is not finished and left out; `sirev iterate` goes on with it",)
