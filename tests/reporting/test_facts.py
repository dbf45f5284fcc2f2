"""The facts in the page's head, from the store alone."""

from __future__ import annotations

import json
from importlib import metadata
from pathlib import Path

import sirev
from sirev.recipe import load_recipe
from sirev.reporting.facts import facts_of
from sirev.store.runs import Run
from sirev.store.store import Store
from tests.conftest import Study


def test_the_facts_of_an_iterated_study(smoke: Study) -> None:
    study = sirev.report(recipes=["tiny_smoke"], store=smoke.store).studies[0]
    facts = facts_of(study, smoke.store)
    rows, more = dict(facts.rows), dict(facts.more)
    recipe = load_recipe("tiny_smoke")
    draws = recipe.evaluation.draws
    assert facts.title == "A small model on made-up word problems"
    assert facts.subtitle == "Recipe tiny_smoke"
    assert rows["Methods"] == "sft, dpo, sft-dpo"
    assert rows["Models"] == "M_1 to M_3 (T = 3)"
    assert rows["Seeds"] == "0"
    assert rows["Training"] == "all parameters"
    assert rows["Test problems"] == "24"
    assert rows["Draws per test problem"].startswith(f"{draws.n}, temperature {draws.temperature:g}, top-p {draws.top_p:g}")
    assert rows["Engine"] == f"transformers {metadata.version('transformers')}"
    assert rows["Page made"].endswith(f"by sirev {sirev.__version__}")
    assert rows["Runs made"].endswith("UTC")
    assert more["Run ids"].split(", ") == [run["id"] for run in study["runs"]]
    assert more["Store"] == smoke.store.known_id
    assert sirev.__version__ in more["sirev that ran it"]


def test_the_facts_of_a_model_and_data_of_the_hub(tmp_path: Path) -> None:
    recipe = load_recipe("mistral_gsm8k", overrides=["model.name=Qwen/Qwen2.5-1.5B", "model.revision=null"])
    settings = recipe.model_dump(mode="json", by_alias=True)
    store = Store(tmp_path / "store")
    store.create()
    store.runs.save(
        Run("r-sft-s0-0123abcd", "mistral_gsm8k", "sft", 0, 1, settings, "2026-01-02T03:04:05.000000+00:00-1", "complete")
    )
    study = {"recipe": "mistral_gsm8k", "problems": 1319, "suites": ["math_algebra"], "runs": [{"id": "r-sft-s0-0123abcd"}]}
    facts = facts_of(study, store)
    rows = dict(facts.rows)
    assert facts.title == "Qwen2.5-1.5B on GSM8K"
    assert rows["Model"] == "Qwen/Qwen2.5-1.5B"
    assert rows["Data"] == "openai/gsm8k (main) at 740312add88f"
    assert rows["Training"].startswith("LoRA, r ")
    assert rows["Test problems"] == "1,319"
    assert rows["Other problems (OOD)"] == "math_algebra"
    assert rows["Engine"] == "vllm"
    assert rows["Runs made"] == "2 Jan 2026, 03:04 UTC"


def test_local_files_are_the_data_where_the_task_has_some_on_the_hub_too(tmp_path: Path) -> None:
    settings = load_recipe("mistral_gsm8k", overrides=["task.data.test=my.jsonl"]).settings()
    assert settings["task"]["data"]["hub"] == "openai/gsm8k"
    store = Store(tmp_path / "store")
    store.create()
    store.runs.save(Run("r-sft-s0-0123abcd", "mistral_gsm8k", "sft", 0, 1, settings, "2026-01-02", "complete"))
    facts = facts_of({"recipe": "mistral_gsm8k", "problems": 3, "suites": [], "runs": [{"id": "r-sft-s0-0123abcd"}]}, store)
    assert dict(facts.rows)["Data"] == "local: ./my.jsonl"


def test_the_facts_of_measured_completions(tmp_path: Path) -> None:
    for step, right in (("base", False), ("round-1", True)):
        rows = [{"id": f"p{i}", "text": f"{i}", "correct": right or i == 0} for i in range(4) for _ in range(2)]
        (tmp_path / f"{step}.jsonl").write_text("\n".join(map(json.dumps, rows)))
    steps = {step: tmp_path / f"{step}.jsonl" for step in ("base", "round-1")}
    store = Store(tmp_path / "store")
    sirev.measure("mine", steps=steps, store=store)
    study = sirev.report(recipes=["mine"], store=store).studies[0]
    facts = facts_of(study, store)
    rows = dict(facts.rows)
    assert (facts.title, facts.subtitle) == ("mine", "Measured completions")
    assert rows["Completions"] == "M_1 base: base.jsonl (2 per problem); M_2 round-1: round-1.jsonl (2 per problem)"
    assert rows["Test problems"] == "4"
    assert rows["Grader"] == "the files' own verdicts"
    assert "Engine" not in rows


def test_a_page_names_a_local_model_and_local_data_without_their_folders(tmp_path: Path) -> None:
    asked = ["model.name=/home/mallory/secret/model", "model.revision=null", "task.data.path=/home/mallory/rows"]
    settings = load_recipe("mistral_gsm8k", overrides=asked).settings()
    store = Store(tmp_path / "store")
    store.create()
    store.runs.save(Run("r-sft-s0-0123abcd", "mistral_gsm8k", "sft", 0, 1, settings, "2026", "complete"))
    facts = facts_of({"recipe": "mistral_gsm8k", "runs": [{"id": "r-sft-s0-0123abcd"}]}, store)
    assert facts.title == "model on GSM8K"
    assert dict(facts.rows)["Model"] == "./model"
    assert "mallory" not in str(facts)
