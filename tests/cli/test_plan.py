from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from sirev.api.measure import measure
from sirev.api.plan import Plans, plans
from sirev.api.request import Request
from sirev.cli.plan import plan_lines
from sirev.store.store import Store
from tests.conftest import Command, Study

PAPER = ["mistral_gsm8k", "llama2_math", "llama3_mbpp", "mistral_csqa"]


def texts(planned: Plans, gpu: float | None = None, width: int = 80) -> list[str]:
    return [line.text for line in plan_lines(planned, planned.estimate(), gpu, width)]


@pytest.mark.parametrize("recipe", PAPER)
def test_it_answers_on_a_screen_of_24_lines_and_80_columns(recipe: str, smoke: Study) -> None:
    lines = texts(plans(Request.of(recipe, store=smoke.store)))
    assert len(lines) <= 22  # with the command and the next prompt
    assert max(map(len, lines)) <= 80


def test_a_stage_is_a_row_with_what_is_cached(smoke: Study) -> None:
    lines = texts(plans(Request.of("tiny_smoke", store=smoke.store, overrides=["training.sft.learning_rate=1e-3"])))
    (row,) = [line.split() for line in lines if line.startswith("train ")]
    steps, cached, to_run, unknown = map(int, row[1:5])
    assert steps == cached + to_run + unknown
    assert cached > 0
    assert to_run > 0
    assert any(line.startswith("Unknown   depends on what an earlier step yields") for line in lines)


def test_a_finished_study_is_its_table(smoke: Study) -> None:
    *_, last = texts(plans(Request.of("tiny_smoke", store=smoke.store)))
    assert last == "Nothing is left to compute."


@pytest.mark.parametrize(
    ("recipe", "overlays", "gpu", "words"),
    [
        ("mistral_gsm8k", ["24gb"], 24e9, "Fits      on 24 GB: yes; vLLM then samples "),
        (
            "mistral_gsm8k",
            [],
            24e9,
            "Fits      on 24 GB: no, too little to train; train with less in memory at a time: --overlay 24gb",
        ),
        ("mistral_gsm8k", [], 8e9, "Fits      on 8 GB: no, too little to train and to sample; take a smaller model"),
        ("mistral_gsm8k", ["24gb"], None, "Fits      on 24 GB or more; vLLM then samples "),
    ],
)
def test_whether_it_fits(recipe: str, overlays: list[str], gpu: float | None, words: str, tmp_path: Path) -> None:
    lines = texts(plans(Request.of(recipe, store=tmp_path / "store", overlays=overlays)), gpu, 400)
    assert any(line.startswith(words) for line in lines)
    assert not any("256 answers" in line for line in lines)


def test_a_recipe_that_never_ran_is_not_compared_with_another_one(smoke: Study) -> None:
    lines = texts(plans(Request.of("mistral_gsm8k", store=smoke.store)))
    assert not any(line.startswith("Because") or "->" in line for line in lines)


def test_the_command_takes_the_gpu_from_an_option_or_an_overlay(command: Command, tmp_path: Path) -> None:
    asked = ["plan", "--recipe", "mistral_gsm8k", "--store", tmp_path / "store"]
    assert "Fits      on 24 GB: yes" in command(*asked, "--overlay", "24gb").stdout
    assert "Fits      on 16 GB: no" in command(*asked, "--overlay", "24gb", "--gpu-memory", "16").stdout


def test_json_has_stages_runs_and_the_estimate(command: Command, smoke: Study) -> None:
    asked = ["plan", "--recipe", "tiny_smoke", "--store", smoke.store.path, "--set", "training.sft.learning_rate=1e-3"]
    told = json.loads(command(*asked, "--format", "json").stdout)
    assert told["recipe"] == "tiny_smoke"
    assert set(told["stages"]["train"]) == {"hit", "run", "unknown"}
    assert any(steps["train:2"] == "run" for steps in told["runs"].values())
    assert told["estimate"]["steps"]["train"] > 0
    assert told["estimate"]["footprint"]["to_train"] > 0
    assert command("plan", "--recipe", "tiny_smoke", "--format", "yaml").returncode == 2


@pytest.mark.parametrize("name", ["tiny_smoke", "other"])
def test_completions_made_elsewhere_are_no_earlier_run_of_the_recipe(name: str, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    rows = [{"id": f"p{i}", "completion": str(i), "correct": i > 5} for i in range(10)]
    for step in ("M1", "M2"):
        (tmp_path / f"{step}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    measured = store.runs.get(measure("mine", steps={s: tmp_path / f"{s}.jsonl" for s in ("M1", "M2")}, store=store).id)
    assert measured is not None
    store.runs.save(replace(measured, id=measured.id.replace("mine", name), recipe=name))
    assert any(line.startswith("Hours") for line in texts(plans(Request.of("tiny_smoke", store=store))))
