from __future__ import annotations

import json
import re
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from sirev.execution.children import gpu
from sirev.execution.footprint import Footprint, footprint
from sirev.grading.sandbox import TIERS, Found, Tier, tiers
from sirev.machine import doctor
from sirev.machine.doctor import examine, gpu_memory_finding
from sirev.machine.findings import Finding
from sirev.recipe import Recipe, load_recipe
from sirev.store.store import Store
from tests.base_model import save_base_model
from tests.conftest import Command
from tests.hub_cache import COMMIT, OTHER, HubCache

ROWS = '{"question": "q", "answer": "a\\n#### 1"}\n'


def found(recipe: Recipe | None, what: str, store: Path) -> Finding:
    """The finding about one thing."""
    (finding,) = [finding for finding in examine(recipe, Store(store)) if finding.what == what]
    assert "\n" not in finding.line()
    assert finding.well or finding.remedies
    return finding


def gsm8k(*overrides: str) -> Recipe:
    return load_recipe("smollm2_gsm8k", ["evaluation.ood.math_algebra.task.data.path=none", "engine=transformers", *overrides])


def test_python_packages_and_store_are_looked_at_without_a_recipe(tmp_path: Path) -> None:
    findings = {finding.what: finding for finding in examine(None, Store(tmp_path / "store"))}
    assert findings["Python"].found == ".".join(map(str, sys.version_info[:3]))
    assert {f"package {name}" for name in ("torch", "trl", "transformers", "datasets", "pydantic")} <= set(findings)
    assert "package pytest" not in findings  # what develops sirev is not needed to run it
    assert all(findings[name].well for name in ("Python", "package torch", "package trl", "sandbox", "GPU"))
    assert findings["store"].found.startswith(f"{tmp_path / 'store'}, ")
    assert not {"base model", "data"} & set(findings)
    assert not (tmp_path / "store").exists()


def test_variables_that_children_do_not_get_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("VLLM_ATTENTION_BACKEND", "ACCELERATE_MIXED_PRECISION", "CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS"):
        monkeypatch.setenv(name, "1")
    (finding,) = [finding for finding in examine(None, Store(tmp_path)) if finding.what == "environment"]
    assert finding.status == "note"
    named = finding.found.partition(": ")[0].split(", ")
    assert {"ACCELERATE_MIXED_PRECISION", "VLLM_ATTENTION_BACKEND"} <= set(named)
    assert not {"CUDA_VISIBLE_DEVICES", "OMP_NUM_THREADS"} & set(named)
    monkeypatch.setenv(finding.remedies[0].command.partition("=")[0], finding.remedies[0].command.partition("=")[2])
    assert not [finding for finding in examine(None, Store(tmp_path)) if finding.what == "environment"]


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
    assert "sirev iterate --recipe tiny" in needs.line()
    assert found(gsm8k(), "GPU", tmp_path).status == "absent"  # neither well nor amiss: nothing needs it


def test_the_embedded_recipe_needs_neither_model_nor_data(tmp_path: Path) -> None:
    findings = list(examine(load_recipe("tiny"), Store(tmp_path)))
    assert not {"base model", "data"} & {finding.what for finding in findings}
    assert all(finding.well for finding in findings if finding.needed)


def test_a_local_model_is_looked_into(tmp_path: Path, hub: HubCache) -> None:
    folder = tmp_path / "model"
    missing = found(gsm8k(f"model={folder}"), "base model", tmp_path)
    assert (missing.found, missing.well, missing.needed) == (f"there is no folder {folder}", False, True)
    folder.mkdir()
    assert (
        found(gsm8k(f"model={folder}"), "base model", tmp_path).found
        == f"model: {folder} holds no model: there is no config.json"
    )
    save_base_model(folder)
    there = found(gsm8k(f"model={folder}"), "base model", tmp_path)
    assert (there.found, there.status) == (str(folder), "ok")


def test_a_cached_model_is_on_this_machine_at_its_revision_alone(tmp_path: Path, hub: HubCache) -> None:
    save_base_model(tmp_path / "model")
    hub.model("some/model", tmp_path / "model", COMMIT)
    for revision, well in ((COMMIT, True), ("null", True), ("main", True), (OTHER, False)):
        finding = found(gsm8k("model=some/model", f"model.revision={revision}"), "base model", tmp_path)
        assert (finding.well, finding.needed) == (well, True), finding
        assert ("on this machine" if well else "is not on this machine, and the Hub can't be reached: ") in finding.found


def test_data_and_those_of_suites_are_looked_for_one_by_one(tmp_path: Path, hub: HubCache) -> None:
    recipe = load_recipe("smollm2_gsm8k", ["engine=transformers"])
    assert not found(recipe, "data", tmp_path).well
    hub.dataset("openai/gsm8k", {"train": [{"question": "q"}]}, commit="740312add88f781978c0658806c59bc2815b9866")
    assert found(recipe, "data", tmp_path).found == "openai/gsm8k at 740312add88f, on this machine"
    suite = found(recipe, "data of math_algebra", tmp_path)
    assert not suite.well
    assert suite.found.startswith("DigitalLearningGmbH/MATH-lighteval at 0530c78699ea is not on this machine")
    assert suite.line().endswith(
        "; go online once, so that it is cached, or name local files: --set evaluation.ood.math_algebra.task.data.path=FOLDER"
        ", or go without: --set evaluation.ood.math_algebra=null"
    )


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
    overrides = [f"{part}.grader.sandbox={asked}" for part in ("training", "evaluation", "evaluation.ood.humaneval")]
    finding = found(load_recipe("mistral_mbpp", ["engine=transformers", *overrides]), "sandbox", tmp_path)
    assert (finding.well, finding.needed) == (well, True)
    assert finding.found.startswith(f"tier {tier}: ")
    assert all(f"no tier {better}: {better} is off" in finding.found for better in refused)


def test_a_recipe_without_programs_needs_no_sandbox(tmp_path: Path, hub: HubCache) -> None:
    assert not found(load_recipe("mistral_gsm8k"), "sandbox", tmp_path).needed


def test_what_a_recipe_can_do_without_is_offered(tmp_path: Path, hub: HubCache) -> None:
    assert "or go without: --set evaluation.embedding=null" in found(gsm8k(), "embedding model", tmp_path).line()


@pytest.mark.skipif(find_spec("vllm") is not None, reason="vLLM is installed")
def test_another_engine_is_offered_where_vllm_is_missing(tmp_path: Path, hub: HubCache) -> None:
    finding = found(load_recipe("mistral_gsm8k"), "vLLM", tmp_path)
    assert finding.status == "missing"
    assert finding.line().endswith("[vllm]', or sample without it, slowly: --set engine=transformers")
    checkout = Path(__file__).resolve().parents[2]
    assert f"pip install --constraint {checkout}/constraints-gpu.txt '{checkout}[vllm]'" in finding.line()


def test_the_disk_that_is_asked_for_goes_with_the_size_of_the_model(tmp_path: Path, hub: HubCache) -> None:
    save_base_model(tmp_path / "model")
    overrides = ["training.parameters=full", "training.lora=null"]
    small = found(gsm8k(f"model={tmp_path / 'model'}", *overrides), "scratch", tmp_path)
    assert small.found.endswith("take up to 0.5 GB")
    assert not small.needed
    large = found(load_recipe("mistral_gsm8k", overlays=["full"]), "scratch", tmp_path)
    assert large.found.endswith("take up to 115.9 GB")  # 29 GB of weights as 32-bit, 14.5 GB of states; twice, and M_t
    assert large.needed


@pytest.mark.parametrize(
    ("overlays", "size", "status", "words"),
    [
        ([], 80, "ok", " GB to sample, of 80 GB"),
        ([], 24, "note", "train with less in memory at a time: --overlay 24gb"),
        (["24gb"], 24, "ok", " GB to sample, of 24 GB"),
        (["24gb"], 12, "missing", "take a smaller model, or a GPU with more memory"),
        (["full"], 48, "missing", "take a smaller model, or a GPU with more memory"),
    ],
)
def test_whether_the_memory_of_a_gpu_suffices(overlays: list[str], size: int, status: str, words: str) -> None:
    recipe = load_recipe("mistral_gsm8k", overlays=overlays)
    finding = gpu_memory_finding(recipe, sized(recipe), size * 1e9)
    assert finding.status == status
    assert words in finding.line()


def test_the_driver_is_asked_for_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    driver = tmp_path / "nvidia-smi"
    driver.write_text("#!/bin/sh\necho 'NVIDIA A10G, 23028, 22515'\n")
    driver.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(doctor, "gpu", lambda: True)
    recipe = load_recipe("mistral_gsm8k", ["engine=transformers", "engine.batch_size=16"])
    assert found(recipe, "GPU", tmp_path).found == "NVIDIA A10G, 24 GB, 24 GB free"
    size = found(recipe, "GPU memory", tmp_path)
    assert size.found.endswith(" GB to sample, of 24 GB")
    assert size.line().count("--set 'training.memory=") == 1
    driver.write_text("#!/bin/sh\nexit 9\n")
    assert found(recipe, "GPU", tmp_path).found == "there, but nvidia-smi does not answer"


def test_a_gpu_counts_before_a_torch_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "gpu", lambda: False)
    monkeypatch.setattr(doctor, "gpu_device", lambda: True)
    assert not doctor.could_use_gpu()  # the torch that is here is for CPUs
    monkeypatch.setattr(doctor, "versions", lambda packages: {})
    assert doctor.could_use_gpu()


def test_what_trains_is_told_in_one_finding_with_one_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    versions = doctor.versions
    monkeypatch.setattr(doctor, "versions", lambda packages: {} if packages[0] in ("trl", "vllm") else versions(packages))
    recipe = load_recipe("mistral_gsm8k")
    libraries = [finding for finding in doctor.findings(recipe, Store(tmp_path), ("libraries", "engine")) if finding.missing]
    (line,) = [finding.line() for finding in libraries]
    assert line.startswith("libraries: trl, vllm not installed; install them: pip install ")
    assert line.endswith("[vllm]'")


def sized(recipe: Recipe) -> Footprint:
    size = footprint(recipe)
    assert size is not None
    return size


def test_the_command_exits_1_where_the_recipe_can_not_run_and_0_where_it_can(command: Command, tmp_path: Path) -> None:
    done = command("doctor", "--recipe", "tiny_smoke", "--store", tmp_path / "store")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "tiny_smoke can run here."
    assert "package " not in done.stdout
    assert re.search(r"^  package pydantic  +2\.", command("doctor", "--verbose").stdout, re.M)
    done = command("doctor", "--recipe", "smolm2_gsm8k", "--store", tmp_path / "store")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert not (tmp_path / "store").exists()


def lacking(tmp_path: Path) -> list[str]:
    """Arguments for a recipe of which both models and all data are missing."""
    settings = ["engine=transformers", "model=./none", f"task.data.path={tmp_path}", "evaluation.embedding={model: ./nor}"]
    settings.append(f"evaluation.ood.math_algebra.task.data.path={tmp_path}")
    return ["--recipe", "smollm2_gsm8k", *(part for setting in settings for part in ("--set", setting))]


def test_what_is_missing_comes_first_with_commands_on_lines_of_their_own(command: Command, tmp_path: Path) -> None:
    done = command("doctor", *lacking(tmp_path), "--store", tmp_path / "store")
    assert (done.returncode, done.stderr) == (1, "")
    lines = done.stdout.splitlines()
    assert lines[0] == "Missing"
    assert "  base model            there is no folder ./none" in lines
    assert "  embedding model       there is no folder ./nor" in lines
    assert "--set evaluation.embedding=null" in [line.strip() for line in lines]
    assert lines[-1] == "none-gsm8k can't run here: 4 requirements are missing."


def test_json_says_whether_it_can_run(command: Command, tmp_path: Path) -> None:
    told = json.loads(command("doctor", *lacking(tmp_path), "--format", "json").stdout)
    assert (told["recipe"], told["can_run"]) == ("none-gsm8k", False)
    missing = [finding["what"] for finding in told["findings"] if finding["status"] == "missing"]
    assert missing == ["base model", "embedding model", "data", "data of math_algebra"]
    assert json.loads(command("doctor", "--format", "json").stdout)["can_run"] is None
