from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import sirev
from sirev.errors import BadInput
from sirev.reporting.headline import as_text, headline
from sirev.reporting.sections import SECTIONS, run_rows
from sirev.reporting.selection import others_in_words
from tests.conftest import Study
from tests.typed import misfits

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
    assert whole["schema"] == 3
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


def test_without_a_section_a_terminal_gets_one_screen_and_all_on_request(
    smoke: Study, capsys: pytest.CaptureFixture[str]
) -> None:
    told = sirev.report(recipes=["tiny_smoke"], store=smoke.store)
    told.print(asked="--recipe tiny_smoke")
    screen = capsys.readouterr().out
    assert screen == as_text(headline(told.studies, f"--recipe tiny_smoke --store {smoke.store.path}"))
    assert "sirev report all --recipe tiny_smoke" in screen
    told.print(everything=True)
    tables = capsys.readouterr().out
    assert tables.count("\n") > 150
    assert not any(line.endswith(" ") for line in tables.splitlines())
    whole = sirev.report("all", recipes=["tiny_smoke"], store=smoke.store)
    whole.print()
    assert "Training of M_t" in capsys.readouterr().out
    assert set(whole.to_dict()["studies"][0]["runs"][0]["iterations"][0]) == {
        "t",
        *(field for _, fields in SECTIONS.values() for field in fields),
    }


def test_what_a_report_is_made_from_is_what_its_types_say(smoke: Study) -> None:
    (study,) = sirev.report("all", recipes=["tiny_smoke"], store=smoke.store).studies
    assert list(misfits(study, run_rows.Study)) == []


def test_one_seed_is_named_once_and_not_in_every_row(smoke: Study) -> None:
    tables = sirev.report(recipes=["tiny_smoke"], store=smoke.store).tables()
    assert not any("seed" in table.columns for table in tables)
    assert "All runs: seed 0." in tables[0].notes


@pytest.mark.parametrize("section", SECTIONS)
def test_a_section_holds_its_own_fields_alone(smoke: Study, section: str) -> None:
    told = sirev.report(section, recipes=["tiny_smoke"], store=smoke.store)
    assert set(told.to_dict()["studies"][0]["runs"][0]["iterations"][0]) == {"t", *SECTIONS[section][1]}
    assert told.tables()


def test_csv_has_a_row_per_value_with_its_unit_pass_at_1_first(smoke: Study) -> None:
    told = sirev.report(recipes=["tiny_smoke"], methods=["sft"], store=smoke.store)
    rows = list(csv.DictReader(io.StringIO(told.text("csv"))))
    assert rows[0]["statistic"] == "pass_at_1"
    of_run = [row for row in rows if row["run"]]
    by_name = {(row["t"], row["statistic"]): row for row in of_run}
    assert len(by_name) == len(of_run)
    iteration = told.to_dict()["studies"][0]["runs"][0]["iterations"][2]
    assert float(by_name["3", "pass_at_1"]["value"]) == iteration["pass_at_1"]["value"]
    assert by_name["3", "pass_at_1"]["unit"] == "share"
    assert by_name["3", "improvement_set.size"]["value"] == str(iteration["improvement_set"]["size"])
    assert by_name["3", "improvement_set.size"]["unit"] == "count"
    assert by_name["3", "against_m1.pass_at_1.difference"]["unit"] == "change of share"
    mean = iteration["diversity"]["all"]["distinct_n"]["mean"]["value"]
    assert float(by_name["3", "diversity.all.distinct_n.mean"]["value"]) == mean


@pytest.mark.parametrize("section", [None, "verdict"])
def test_csv_holds_the_verdicts_and_its_number_columns_are_numbers(smoke: Study, section: str | None) -> None:
    told = sirev.report(section, recipes=["tiny_smoke"], store=smoke.store)
    rows = list(csv.DictReader(io.StringIO(told.text("csv"))))
    for row in rows:
        for column in ("value", "low", "high", "n", "p"):
            assert row[column] != "-0.0"
            assert row[column] == "" or float(row[column]) is not None
    said = {(row["method"], row["statistic"]): row for row in rows if row["statistic"].startswith("verdict")}
    for verdict in told.studies[0]["verdicts"]:
        assert said[verdict["method"], "verdict"]["text"] == verdict["verdict"]
        observed = said[verdict["method"], "verdict.observations.variety"]
        assert observed["text"] == verdict["observations"]["variety"]["is"]
        outcome = verdict["outcomes"]["pass_at_n"]
        row = said[verdict["method"], "verdict.pass_at_n"]
        assert [float(row[k]) for k in ("value", "low", "high")] == [outcome["difference"][k] for k in ("value", "low", "high")]
        assert (float(row["p"]), row["text"]) == (outcome["holm"], outcome["is"])


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
    assert line == "tiny_smoke was run with 2 settings; this is the one run last (draws.n=8). The others:"
    digits = smoke.results[0].id.rpartition("-")[2]
    assert other == f"  sirev report html --run {digits} --store {smoke_copy} --output x-2.html  # draws.n=16"
    shown = sirev.report(runs=[digits], store=smoke_copy)
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
        if record.action["stage"] in ("compare", "overlap"):
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
    path = tmp_path / "store"
    with pytest.raises(BadInput, match=f"there is no store in {path}; run first: sirev iterate --recipe tiny --store {path}"):
        sirev.report(store=path)
    sirev.Store(path).create()
    with pytest.raises(BadInput, match=f"holds no run yet; run first: sirev iterate --recipe tiny --store {path}"):
        sirev.report(store=path)


def test_an_unfinished_run_is_left_out_and_said(smoke: Study, smoke_copy: Path) -> None:
    store = sirev.Store(smoke_copy)
    run = smoke.run("dpo", store)
    run.status = "running"
    del run.pins["compare"]
    store.runs.save(run)
    told = sirev.report(recipes=["tiny_smoke"], store=smoke_copy)
    assert [r["method"] for r in told.runs] == ["sft", "sft-dpo"]
    assert told.notes == (f"{run.id} is not finished, and is left out; `sirev iterate` continues it",)


@pytest.mark.slow
def test_all_seeds_of_the_methods_that_were_run_last_are_shown(smoke_copy: Path) -> None:
    sirev.iterate("tiny_smoke", methods=["dpo"], seeds=[1], store=smoke_copy)
    told = sirev.report(store=smoke_copy)
    assert {(r["method"], r["seed"]) for r in told.runs} == {("dpo", 0), ("dpo", 1)}
    (claim,) = told.studies[0]["methods"]
    assert claim["seeds"] == [0, 1]


def test_while_other_seeds_go_on_the_finished_ones_are_shown(smoke: Study, smoke_copy: Path) -> None:
    store = sirev.Store(smoke_copy)
    run = smoke.run("sft", store)
    going = replace(run, id=run.id.replace("-s0-", "-s1-"), seed=1, invocation=f"9{run.invocation}", status="running", pins={})
    store.runs.save(going)
    told = sirev.report(store=smoke_copy)
    assert {r["seed"] for r in told.runs} == {0}
    assert told.notes == (f"{going.id} is not finished, and is left out; `sirev iterate` continues it",)
    with pytest.raises(BadInput, match="none of these runs is finished"):
        sirev.report(store=smoke_copy, runs=[going.id])


def test_what_the_store_lacks_is_named_with_what_mends_it(smoke: Study, smoke_copy: Path) -> None:
    store = sirev.Store(smoke_copy)
    run = smoke.run("dpo", store)
    pin = run.pins["train:3"]
    store.records.path(pin.key, pin.artifact).unlink()
    told = sirev.report("training", recipes=["tiny_smoke"], store=smoke_copy)
    (sentence,) = told.missing
    assert sentence.startswith(
        f"the store {smoke_copy} has no record of {run.id}:3:train; compute them again with `sirev iterate"
    )
    assert told.to_dict()["missing"] == [sentence]
    assert f"Missing: {sentence}." in told.text("markdown")
    assert sirev.report(recipes=["tiny_smoke"], store=smoke_copy).missing == ()  # which rests on no training


def test_a_study_that_can_not_be_compared_is_left_out_of_several(smoke: Study, smoke_copy: Path) -> None:
    (other,) = sirev.iterate("tiny_smoke", methods=["sft"], overrides=["evaluation.draws.n=8"], store=smoke_copy)
    store = sirev.Store(smoke_copy)
    alone = store.runs.get(other.id)
    assert alone is not None
    store.records.path(alone.pins["compare"].key, alone.pins["compare"].artifact).unlink()
    told = sirev.report(runs=[smoke.of("sft").id, other.id], store=smoke_copy)
    assert [run["id"] for run in told.runs] == [smoke.of("sft").id]
    assert len(told.missing) == 1
    assert other.id in told.missing[0]
    with pytest.raises(BadInput, match="has no record of the comparison"):
        sirev.report(runs=[other.id], store=smoke_copy)


def test_a_figure_is_the_image_that_the_command_writes(smoke: Study, tmp_path: Path) -> None:
    from sirev.reporting.figures import write_figures

    report = sirev.report(recipes="tiny_smoke", store=smoke.store)
    figure = report.figure("pass-at-1")
    write_figures(report.studies[0], tmp_path, ["svg"])
    assert figure._repr_svg_() == (tmp_path / "pass-at-1.svg").read_text()
    assert "pass@1" in repr(figure)
    assert "<svg" not in repr(figure)


def test_a_figure_is_of_one_study_and_has_a_known_name(smoke: Study) -> None:
    report = sirev.report(recipes="tiny_smoke", store=smoke.store)
    with pytest.raises(BadInput, match=r"no figure 'pass-at-2'.*pass-at-1"):
        report.figure("pass-at-2")
    with pytest.raises(BadInput, match="this report has 2 studies"):
        replace(report, studies=report.studies * 2).figure("pass-at-1")


def test_labels_of_several_recipes_have_all_their_names(smoke: Study) -> None:
    told = sirev.report("training", recipes=["tiny_smoke"], store=smoke.store)
    (study,) = told.studies
    both = replace(told, studies=[study, {**study, "recipe": "other"}]).text("latex")
    labels = re.findall(r"\\label\{(.*?)\}", both)
    assert labels
    assert len({*labels}) == len(labels)
    assert all(label.startswith("tab:tiny-smoke-other-") for label in labels)
