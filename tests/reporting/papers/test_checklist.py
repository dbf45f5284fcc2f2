from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import sirev
from sirev.reporting.papers.checklist import AUTHORS, PARTLY, checklist
from sirev.store.checkout import hand_out
from sirev.store.store import Store
from tests.conftest import Study
from tests.reporting.papers.recorded_studies import GPU, record, recorded


def of_smoke(store: Store) -> str:
    return checklist(sirev.report(recipes=["tiny_smoke"], store=store).studies, store)


def answers(text: str) -> dict[str, str]:
    """Title of a question -> its answer."""
    found = re.findall(r"^### \d+\. (.+)\n\n.+\n\n\*\*Answer:\*\* (.+)$", text, re.M)
    assert len(found) == text.count("**Answer:**")
    return dict(found)


def justification(text: str, title: str) -> str:
    return text.partition(f". {title}\n")[2].partition("**Justification:** ")[2].partition("\n")[0]


def table(text: str, title: str) -> list[list[str]]:
    """The rows of a table of facts."""
    lines = text.partition(f"### {title}\n\n")[2].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def test_every_question_has_an_answer_and_only_what_is_recorded_is_answered(smoke: Study) -> None:
    found = answers(of_smoke(smoke.store))
    assert len(found) == 16
    answered = {title for title, answer in found.items() if answer != AUTHORS}
    assert answered == {
        "Experimental result reproducibility",
        "Experimental setting/details",
        "Experiment statistical significance",
        "Experiments compute resources",
        "Licenses for existing assets",
        "Declaration of LLM usage",
    }


def test_the_facts_of_a_study_are_those_of_its_runs(smoke: Study) -> None:
    text = of_smoke(smoke.store)
    assert ["train", "64"] in table(text, "Splits")
    assert ["training.sft.learning_rate", "0.002"] in table(text, "Hyper-parameters")
    assert table(text, "Seeds") == [["sft", "0"], ["dpo", "0"], ["sft-dpo", "0"]]
    assert ["sirev", sirev.__version__] in table(text, "Versions")
    trained = next(row for row in table(text, "Hardware and time") if row[0] == "train")
    pins = {pin for run in smoke.store.runs.all() for step, pin in run.pins.items() if step.startswith("train:")}
    assert trained[3] == str(len(pins))
    assert ["T", "5", "3"] in table(text, "Deviations from arXiv 2407.05013")


def test_a_step_without_a_record_is_unknown_and_named(smoke_copy: Path, smoke: Study) -> None:
    store = Store(smoke_copy)
    run = smoke.run("dpo", store)
    pin = run.pins["sample/test:3"]
    store.records.path(pin.key, pin.artifact).write_bytes(b"damaged")
    text = of_smoke(store)
    assert answers(text)["Experimental result reproducibility"] == PARTLY
    assert f"1 step without a record (unknown): {run.id}:3:sample/test." in text
    assert "1 step without a time on record: unknown." in text
    assert "Of 1 step the time is not recorded, or only in part." in justification(text, "Experiments compute resources")


def test_hours_are_those_measured_and_memory_is_left_open(tmp_path: Path) -> None:
    study, store = recorded(tmp_path, "mistral_gsm8k", seeds=(0, 1, 2))
    store.records.add(record("train", seconds=1800.0))
    text = checklist([study], store)
    told = justification(text, "Experiments compute resources")
    assert f"The steps took 2.00 GPU hours on {GPU} (measured)." in told
    assert f"All other steps in the store took 0.50 GPU hours on {GPU}." in told
    assert answers(text)["Experiments compute resources"] == PARTLY
    assert "Commit of sirev: " + "c" * 40 + " with changes." in text


def test_three_seeds_have_an_interval_over_seeds_and_fewer_are_named(tmp_path: Path) -> None:
    study, store = recorded(tmp_path / "three", "mistral_gsm8k", seeds=(0, 1, 2))
    assert "three seeds" not in justification(checklist([study], store), "Experiment statistical significance")
    study, store = recorded(tmp_path / "two", "mistral_gsm8k", seeds=(0, 1), methods=["sft"])
    told = justification(checklist([study], store), "Experiment statistical significance")
    assert "Clopper-Pearson's where each problem counts 0 or 1" in told
    assert told.count("sft of mistral_gsm8k") == 1
    assert ["mean over seeds", "seeds (sft: 2)", "none: three seeds are needed"] in table(checklist([study], store), "Error bars")


def test_what_was_made_elsewhere_is_not_answered_with_yes(tmp_path: Path) -> None:
    study, store = recorded(tmp_path, "mistral_gsm8k", methods=["sft"])
    (run,) = store.runs.all()
    models = [{"step": "base", "name": "org/a", "revision": "main"}]
    store.runs.save(replace(run, settings={**run.settings, "steps": ["base"], "models": models}))
    text = checklist([study], store)
    for title in ("Experimental result reproducibility", "Experimental setting/details"):
        assert answers(text)[title] == PARTLY
        assert "How the models of mistral_gsm8k were trained is unknown." in justification(text, title)
    told = justification(text, "Experiments compute resources")
    assert "What training the models of mistral_gsm8k took is unknown." in told
    assert "training.sft.learning_rate" not in text
    assert "No model was trained here." in text
    assert "the table Deviations says so" not in text


def test_the_limitations_of_trained_models_name_the_table_of_deviations(tmp_path: Path) -> None:
    study, store = recorded(tmp_path, "mistral_gsm8k", methods=["sft"])
    assert justification(checklist([study], store), "Limitations").endswith("the table Deviations says so.")


def test_control_runs_alone_have_no_interval_over_seeds(tmp_path: Path) -> None:
    study, store = recorded(tmp_path, "mistral_gsm8k", methods=["null-retrain"])
    assert ["null-retrain (control)", "0"] in table(checklist([study], store), "Seeds")
    assert ["mean over seeds", "seeds ()", "none: three seeds are needed"] in table(checklist([study], store), "Error bars")


def test_the_licence_of_own_data_is_unknown(tmp_path: Path) -> None:
    study, store = recorded(tmp_path, "gsm8k", ["model.name=/home/mallory/m", "task.data.path=/home/mallory/rows"])
    text = checklist([study], store)
    assert "mallory" not in text
    assert answers(text)["Licenses for existing assets"] == PARTLY
    assert "local: ./rows, ./m" in justification(text, "Licenses for existing assets")
    assert "From local files, for the authors to publish: local: ./rows, ./m." in justification(
        text, "Open access to data and code"
    )


def test_names_of_a_stranger_are_no_markup(tmp_path: Path) -> None:
    study, store = recorded(tmp_path, "gsm8k", ["model.name=a/<script>b|[c](d"])
    text = checklist([study], store)
    assert "<script>" not in text
    assert "[c](d" not in text


def test_several_studies_have_facts_each_and_answers_together(tmp_path: Path, smoke: Study) -> None:
    studies = sirev.report(recipes=["tiny_smoke"], store=smoke.store).studies
    text = checklist([*studies, *studies], smoke.store)
    assert len(answers(text)) == 16
    assert text.count("## Recorded: ") == 2


def test_a_method_with_too_few_seeds_is_named_beside_one_with_enough(tmp_path: Path) -> None:
    study, store = recorded(tmp_path, "mistral_gsm8k", seeds=(0, 1, 2), methods=["sft"])
    more, _ = recorded(tmp_path, "mistral_gsm8k", methods=["dpo"])
    both: Any = {**study, "runs": [*study["runs"], *more["runs"]]}
    (row,) = [row for row in table(checklist([both], store), "Error bars") if row[0] == "mean over seeds"]
    assert row[1:] == [
        "seeds (sft: 3, dpo: 1)",
        "95%, t with one degree of freedom less than seeds; none for dpo: three seeds are needed",
    ]


@pytest.mark.slow
def test_models_that_a_loop_of_the_store_made_are_not_unknown_nor_trained_twice(
    smoke_copy: Path, smoke: Study, tmp_path: Path
) -> None:
    for t in (1, 2):
        hand_out(smoke.store, smoke.artifact("sft", f"train:{t}"), tmp_path / f"m{t}")
    steps = {"first": tmp_path / "m1", "second": tmp_path / "m2"}
    run = sirev.evaluate("mine", steps=steps, recipe="tiny_smoke", store=smoke_copy)
    text = checklist(sirev.report(runs=[run.id], store=smoke_copy).studies, Store(smoke_copy))
    assert "were trained is unknown" not in text
    assert "What training the models" not in text
    assert "The runs trained" not in text
    assert "train" not in {row[0] for row in table(text, "Hardware and time")}


def test_the_seed_of_an_evaluation_is_that_of_its_draws(tmp_path: Path) -> None:
    study, store = recorded(tmp_path, "mistral_gsm8k", methods=["sft"])
    (run,) = store.runs.all()
    models = [{"step": "base", "name": "org/a", "revision": "main"}]
    store.runs.save(replace(run, settings={**run.settings, "steps": ["base"], "models": models}))
    text = checklist([study], store)
    assert "the stage and t, never from the method" not in text
    assert "The seeds of trainings elsewhere are unknown." in text


def test_a_step_of_which_a_part_was_there_is_no_whole_measurement(tmp_path: Path) -> None:
    steps = {"sample/test:1": record("sample", tokens=100, tokens_now=40)}
    study, store = recorded(tmp_path, "mistral_gsm8k", steps=steps)
    text = checklist([study], store)
    assert "1 step found a part of the work done, by an interrupted attempt or by a run with fewer draws" in text
    assert "Of 1 step the time is not recorded, or only in part." in justification(text, "Experiments compute resources")


def test_problems_of_reasoning_gym_are_no_files_of_the_authors(tmp_path: Path) -> None:
    study, store = recorded(tmp_path, "mistral_gsm8k", methods=["sft"])
    (run,) = store.runs.all()
    task = {"name": "python", "class": "sirev.tasks.reasoning_gym:ReasoningGym", "options": {"dataset": "chain_sum"}}
    store.runs.save(replace(run, settings={**run.settings, "task": task}))
    text = checklist([study], store)
    assert "From local files" not in justification(text, "Open access to data and code")
    assert "reasoning-gym (chain_sum)" in justification(text, "Open access to data and code").replace("\\", "")
    (row,) = [row for row in table(text, "Data and licences") if row[0].startswith("reasoning-gym")]
    assert row[3] == "Apache-2.0"
