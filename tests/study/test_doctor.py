from __future__ import annotations

import sys
from pathlib import Path

import pytest

from sirev.grading.sandbox import TIERS, Found, Tier, tiers
from sirev.recipe import Recipe, load_recipe
from sirev.store.store import Store
from sirev.study.crew import gpu
from sirev.study.doctor import Finding, examine
from tests.base_model import save_base_model
from tests.conftest import Command
from tests.hub_cache import COMMIT, OTHER, HubCache

ROWS = '{"question": "q", "answer": "a\\n#### 1"}\n'


def found(recipe: Recipe | None, what: str, store: Path) -> Finding:
    """The finding about one thing."""
    (finding,) = [finding for finding in examine(recipe, Store(store)) if finding.what == what]
    assert "\n" not in finding.found + finding.remedy
    assert finding.well or finding.remedy
    return finding


def gsm8k(*overrides: str) -> Recipe:
    return load_recipe("smollm2_gsm8k", ["evaluation.ood.math_algebra.task.data.path=none", "engine=transformers", *overrides])


def test_python_packages_and_store_are_looked_at_without_a_recipe(tmp_path: Path) -> None:
    findings = {finding.what: finding for finding in examine(None, Store(tmp_path / "store"))}
    assert findings["Python"].found == ".".join(map(str, sys.version_info[:3]))
    assert {"torch", "trl", "transformers", "datasets", "pydantic"} <= set(findings)
    assert "pytest" not in findings  # what develops sirev is not needed to run it
    assert all(findings[name].well for name in ("Python", "torch", "trl", "sandbox", "GPU"))
    assert findings["store"].found.startswith(f"{tmp_path / 'store'}, ")
    assert not {"model", "data"} & set(findings)
    assert not (tmp_path / "store").exists()


def test_a_store_that_can_not_be_written_is_noted(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    finding = found(None, "store", tmp_path / "file" / "store")
    assert (finding.well, finding.needed) == (False, False)
    assert "can't be written (replays and reports still work)" in finding.found


def test_a_recipe_that_requires_a_gpu_says_so_where_there_is_none(tmp_path: Path) -> None:
    if gpu():
        pytest.skip("there is a GPU here")
    needs = found(load_recipe("mistral_gsm8k", ["engine=transformers"]), "GPU", tmp_path)
    assert (needs.well, needs.needed) == (False, True)
    assert "sirev iterate --recipe tiny" in needs.remedy
    assert found(gsm8k(), "GPU", tmp_path).well


def test_the_embedded_recipe_needs_neither_model_nor_data(tmp_path: Path) -> None:
    findings = list(examine(load_recipe("tiny"), Store(tmp_path)))
    assert not {"model", "data"} & {finding.what for finding in findings}
    assert all(finding.well for finding in findings if finding.needed)


def test_a_local_model_is_looked_into(tmp_path: Path, hub: HubCache) -> None:
    folder = tmp_path / "model"
    missing = found(gsm8k(f"model={folder}"), "model", tmp_path)
    assert (missing.found, missing.well, missing.needed) == (f"there is no folder {folder}", False, True)
    folder.mkdir()
    assert found(gsm8k(f"model={folder}"), "model", tmp_path).found == f"model: {folder} holds no model: there is no config.json"
    save_base_model(folder)
    assert found(gsm8k(f"model={folder}"), "model", tmp_path) == Finding("model", str(folder), True, True, missing.remedy)


def test_a_cached_model_is_on_this_machine_at_its_revision_alone(tmp_path: Path, hub: HubCache) -> None:
    save_base_model(tmp_path / "model")
    hub.model("some/model", tmp_path / "model", COMMIT)
    for revision, well in ((COMMIT, True), ("null", True), ("main", True), (OTHER, False)):
        finding = found(gsm8k("model=some/model", f"model.revision={revision}"), "model", tmp_path)
        assert (finding.well, finding.needed) == (well, True), finding
        assert ("on this machine" if well else "is not on this machine, and the Hub can't be asked: ") in finding.found


def test_data_and_those_of_suites_are_looked_for_one_by_one(tmp_path: Path, hub: HubCache) -> None:
    recipe = load_recipe("smollm2_gsm8k", ["engine=transformers"])
    assert not found(recipe, "data", tmp_path).well
    hub.dataset("openai/gsm8k", {"train": [{"question": "q"}]}, commit="740312add88f781978c0658806c59bc2815b9866")
    assert found(recipe, "data", tmp_path).found == "openai/gsm8k at 740312add88f, on this machine"
    suite = found(recipe, "data of math_algebra", tmp_path)
    assert not suite.well
    assert suite.found.startswith("DigitalLearningGmbH/MATH-lighteval at 0530c78699ea is not on this machine")
    assert suite.remedy == "go online once, or name local files: --set evaluation.ood.math_algebra.task.data.path=FOLDER"


def test_local_data_are_looked_for_file_by_file(tmp_path: Path, hub: HubCache) -> None:
    recipe = gsm8k(f"task.data.path={tmp_path}")
    (tmp_path / "train.jsonl").write_text(ROWS)
    finding = found(recipe, "data", tmp_path)
    assert (finding.found, finding.well) == (f"there is no {tmp_path}/test.jsonl", False)
    (tmp_path / "test.jsonl.gz").write_text("")
    assert found(recipe, "data", tmp_path).found == f"{tmp_path}/train.jsonl, {tmp_path}/test.jsonl.gz"


def test_data_of_which_only_one_split_is_named_are_missing_the_other(tmp_path: Path, hub: HubCache) -> None:
    (tmp_path / "mine.jsonl").write_text(ROWS)
    finding = found(gsm8k(f"task.data.train={tmp_path / 'mine.jsonl'}"), "data", tmp_path)
    assert not finding.well
    assert finding.found.startswith("task.data: no file for the split test")


def test_explanations_are_looked_for_too(tmp_path: Path, hub: HubCache) -> None:
    overrides = ["engine=transformers", "task.rationales=ecqa", f"task.explanations.path={tmp_path / 'ecqa.jsonl'}"]
    recipe = load_recipe("mistral_csqa", overrides)
    assert found(recipe, "explanations", tmp_path).found == f"there is no {tmp_path / 'ecqa.jsonl'}"
    (tmp_path / "ecqa.jsonl").write_text("{}\n")
    assert found(recipe, "explanations", tmp_path).well


@pytest.mark.parametrize(("tier", "asked", "well"), [("A", "B", True), ("B", "B", True), ("C", "B", False), ("C", "C", True)])
def test_a_recipe_that_runs_programs_needs_the_tier_that_it_asks_for(
    tier: Tier, asked: str, well: bool, tmp_path: Path, hub: HubCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused: dict[Tier, str] = {better: f"{better} is off" for better in TIERS[: TIERS.index(tier)]}
    monkeypatch.setattr(tiers, "best_tier", lambda: Found(tier, refused))
    overrides = [f"{part}.grader.sandbox={asked}" for part in ("training", "evaluation")]
    finding = found(load_recipe("mistral_mbpp", ["engine=transformers", *overrides]), "sandbox", tmp_path)
    assert (finding.well, finding.needed) == (well, True)
    assert finding.found.startswith(f"tier {tier}: ")
    assert all(f"no tier {better}: {better} is off" in finding.found for better in refused)


def test_a_recipe_without_programs_needs_no_sandbox(tmp_path: Path, hub: HubCache) -> None:
    assert not found(load_recipe("mistral_gsm8k"), "sandbox", tmp_path).needed


def test_the_command_exits_1_where_the_recipe_can_not_run_and_0_where_it_can(command: Command, tmp_path: Path) -> None:
    done = command("doctor", "--recipe", "tiny_smoke", "--store", tmp_path / "store")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("\nThe recipe tiny_smoke can run here.\n")
    arguments = ["--set", "engine=transformers", "--set", "model=./none", "--set", f"task.data.path={tmp_path}"]
    arguments += [
        "--set",
        "evaluation.embedding={model: ./nor}",
        "--set",
        f"evaluation.ood.math_algebra.task.data.path={tmp_path}",
    ]
    done = command("doctor", "--recipe", "smollm2_gsm8k", *arguments, "--store", tmp_path / "store")
    assert (done.returncode, done.stderr) == (1, "")
    assert "MISSING model         there is no folder ./none\n" in done.stdout
    assert "MISSING embeddings    there is no folder ./nor\n" in done.stdout
    assert done.stdout.endswith("\nThe recipe smollm2_gsm8k can not run here: 4 missing.\n")
    done = command("doctor", "--recipe", "smolm2_gsm8k", "--store", tmp_path / "store")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert not (tmp_path / "store").exists()
