from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from subprocess import CompletedProcess, TimeoutExpired

import pytest

from sirev.execution.children import gpu
from sirev.execution.footprint import Footprint, footprint
from sirev.execution.scratch import SCRATCH
from sirev.grading.sandbox import TIERS, Found, Tier, tiers
from sirev.machine import doctor, trial
from sirev.machine.doctor import examine, gpu_memory_finding
from sirev.machine.findings import Finding
from sirev.recipe import Recipe, load_recipe
from sirev.recipe.load import names_a_model, read_recipe, recipe_names
from sirev.store.store import Store
from tests import fake_gpu
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
    assert "sirev iterate" not in needs.line_without_training()
    assert needs.line_without_training().endswith("--set gpu=optional")
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
        assert "/api/" not in finding.found  # of an address the host is enough


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
    assert suite.line_without_training().endswith(
        "; go online once, so that it is cached, or go without: --set evaluation.ood.math_algebra=null"
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
    assert not found(load_recipe("mistral_gsm8k", ["engine=transformers"]), "sandbox", tmp_path).needed


def test_what_a_recipe_can_do_without_is_offered(tmp_path: Path, hub: HubCache) -> None:
    assert "or go without: --set evaluation.embedding=null" in found(gsm8k(), "embedding model", tmp_path).line()


@pytest.mark.skipif(find_spec("vllm") is not None, reason="vLLM is installed")
def test_another_engine_is_offered_where_vllm_is_missing(tmp_path: Path, hub: HubCache) -> None:
    finding = found(load_recipe("mistral_gsm8k"), "vLLM", tmp_path)
    assert finding.status == "missing"
    assert finding.line().endswith("[vllm]', or sample without it, slowly: --set engine=transformers")
    checkout = Path(__file__).resolve().parents[2]
    assert f"pip install --constraint {checkout}/constraints-gpu.txt '{checkout}[vllm]'" in finding.line()


def vllm_is_here(patch: pytest.MonkeyPatch, *, for_gpus: bool) -> None:
    """Have a vLLM be installed, for GPUs alone or for CPUs alone, where torch uses no GPU."""
    patch.setenv("CUDA_VISIBLE_DEVICES", "")
    for name, value in {"for_gpus_alone": for_gpus, "for_cpus_alone": not for_gpus, "vllm_version": "0.32.0"}.items():
        patch.setattr(doctor, name, lambda value=value: value)
    patch.setattr(doctor.util, "find_spec", lambda name: object())
    patch.setattr(doctor, "_missing", lambda *extras: [])
    patch.setattr(doctor, "could_use_gpu", lambda: False)


def of_vllm(tmp_path: Path) -> Finding:
    """What is found of the vLLM of a recipe that has still to be trained."""
    found = doctor.findings(load_recipe("mistral_gsm8k"), Store(tmp_path), ("engine", "training"))
    (finding,) = [finding for finding in found if finding.what == "vLLM"]
    return finding


def test_a_vllm_for_gpus_is_refused_where_torch_uses_none(tmp_path: Path, hub: HubCache, monkeypatch: pytest.MonkeyPatch) -> None:
    vllm_is_here(monkeypatch, for_gpus=True)
    finding = of_vllm(tmp_path)
    assert (finding.status, finding.found) == ("missing", "0.32.0, a build for GPUs only")
    assert [remedy.command for remedy in finding.remedies] == ["--set engine=transformers"]


def test_a_vllm_whose_kernels_can_not_be_loaded_is_missing(
    tmp_path: Path, hub: HubCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    vllm_is_here(monkeypatch, for_gpus=False)
    said = "Traceback (most recent call last):\n  ...\nImportError: libcudart.so.13: cannot open shared object file\n"
    monkeypatch.setattr(trial, "run_python", lambda code, seconds: CompletedProcess([], 1, "", said))
    finding = of_vllm(tmp_path)
    assert finding.status == "missing"
    assert finding.found == "0.32.0 can't be imported: ImportError: libcudart.so.13: cannot open shared object file"
    assert finding.remedies[0].words == "install the vLLM that goes with this torch"


def test_a_vllm_that_never_comes_up_is_missing(tmp_path: Path, hub: HubCache, monkeypatch: pytest.MonkeyPatch) -> None:
    def endless(code: str, seconds: float) -> CompletedProcess[str]:
        raise TimeoutExpired([], seconds)

    vllm_is_here(monkeypatch, for_gpus=False)
    monkeypatch.setattr(trial, "run_python", endless)
    finding = of_vllm(tmp_path)
    assert (finding.status, finding.found) == ("missing", "0.32.0 can't be imported: did not finish in 120 s")


def test_the_disk_that_is_asked_for_goes_with_the_size_of_the_model(tmp_path: Path, hub: HubCache) -> None:
    save_base_model(tmp_path / "model")
    overrides = ["training.parameters=full", "training.lora=null"]
    small = found(gsm8k(f"model={tmp_path / 'model'}", *overrides), "scratch", tmp_path)
    assert small.found.endswith("take up to 0.5 GB")
    assert not small.needed
    large = found(load_recipe("mistral_gsm8k", ["engine=transformers"], overlays=["full"]), "scratch", tmp_path)
    assert large.found.endswith("take up to 117.4 GB")  # 29 GB of weights as 32-bit, 15.3 GB of states; twice, and M_t
    assert large.needed


def test_the_disk_is_that_of_the_folder_for_interrupted_trainings(
    tmp_path: Path, hub: HubCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SCRATCH, str(tmp_path / "shared" / "deep"))
    finding = found(load_recipe("mistral_gsm8k", ["engine=transformers"]), "scratch", tmp_path)
    assert finding.found.startswith(f"{tmp_path}/shared/deep, ")
    assert finding.remedies[0].command == f"export {SCRATCH}=FOLDER"


@pytest.mark.parametrize(
    ("overlays", "size", "status", "words"),
    [
        ([], 80, "ok", " GB to sample, of 80 GB"),
        ([], 48, "note", "train with less in memory at a time: --overlay 24gb"),
        ([], 32, "missing", "train with less in memory at a time: --overlay 24gb"),
        ([], 24, "missing", "train with less in memory at a time: --overlay 24gb"),
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


def test_a_training_on_data_whose_lengths_are_not_known_is_not_refused_for_its_longest_examples(tmp_path: Path) -> None:
    (tmp_path / "sums.yaml").write_text(
        "defaults: [paper, mistral]\ntask: {name: jsonl, data: {train: a.jsonl, test: b.jsonl}}\nsampling: {max_new_tokens: 64}\n"
        "training: {grader: gsm8k_strict}\nevaluation: {draws: {max_new_tokens: 64}, grader: gsm8k_strict}\n"
    )
    recipe = load_recipe(tmp_path / "sums.yaml")
    finding = gpu_memory_finding(recipe, sized(recipe), 32e9)
    assert finding.status == "note", finding.line()


@pytest.mark.parametrize("name", [name for name in recipe_names() if names_a_model(read_recipe(name))])
def test_a_shipped_recipe_is_refused_where_it_hopelessly_exceeds_the_gpu_and_nowhere_that_it_fits(name: str) -> None:
    recipe = load_recipe(name)
    for size in (24e9, 48e9, 80e9):
        finding = gpu_memory_finding(recipe, sized(recipe), size)
        expected = "ok" if sized(recipe).fits(size) else "note" if size > 40e9 else "missing"
        assert finding.status == expected, finding.line()
    assert gpu_memory_finding(recipe, sized(recipe), 80e9).well


def test_where_nothing_is_trained_memory_for_the_answers_suffices() -> None:
    recipe = load_recipe("mistral_gsm8k", overlays=["full"])
    finding = gpu_memory_finding(recipe, sized(recipe).untrained(), 24e9)
    assert finding.status == "ok"
    assert finding.found.endswith("GB to sample, of 24 GB")
    assert "to train" not in finding.found


def test_a_batch_of_answers_that_no_gpu_holds_is_refused_with_one_that_fits() -> None:
    recipe = load_recipe("mistral_gsm8k", ["engine=transformers"])  # whose batch is a whole shard
    finding = gpu_memory_finding(recipe, sized(recipe), 80e9)
    assert finding.status == "missing"
    (fewer,) = [remedy.command for remedy in finding.remedies if "batch_size" in remedy.command]
    enough = load_recipe("mistral_gsm8k", ["engine=transformers", fewer.removeprefix("--set ")])
    assert gpu_memory_finding(enough, sized(enough), 80e9).status == "ok"


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[Callable[..., None]]:
    """A GPU for this process's children, as it is told."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
        yield lambda **told: fake_gpu.install(tmp_path / "gpu", patch, **told)
    fake_gpu.forget()


SMALL = ("mistral_gsm8k", ["engine=transformers", "engine.batch_size=16"])


def test_torch_is_asked_for_the_gpu_and_its_memory(tmp_path: Path, hub: HubCache, fake: Callable[..., None]) -> None:
    fake(name="NVIDIA A10G", gigabytes=24.0, capability=(8, 6))
    recipe = load_recipe(*SMALL)
    assert found(recipe, "GPU", tmp_path).found == "NVIDIA A10G, 24 GB, 24 GB free, compute capability 8.6"
    size = found(recipe, "GPU memory", tmp_path)
    assert size.found.endswith(" GB to sample, of 24 GB")
    assert size.line().count("--set 'training.memory=") == 1


def test_a_driver_that_torch_can_not_use_keeps_what_requires_a_gpu_from_running(
    tmp_path: Path, hub: HubCache, fake: Callable[..., None]
) -> None:
    fake(usable=False, driver="550.54.15")
    required = found(load_recipe(*SMALL), "GPU", tmp_path)
    assert required.status == "missing"
    assert (
        "CUDA 13.0, which takes driver 580 or newer; the driver here is 550.54.15; install a newer NVIDIA driver"
        in required.line()
    )
    optional = found(gsm8k(), "GPU", tmp_path)  # it would be trained on the CPU
    assert (optional.status, optional.remedies[-1].command) == ("missing", "export CUDA_VISIBLE_DEVICES=")
    assert found(load_recipe("tiny"), "GPU", tmp_path).status == "note"


def test_without_a_torch_the_driver_is_asked(tmp_path: Path, fake: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    fake()
    versions = doctor.versions
    monkeypatch.setattr(doctor, "versions", lambda packages: {} if packages[0] == "torch" else versions(packages))
    told = list(doctor.findings(None, Store(tmp_path), ("gpu",)))
    assert [finding.found for finding in told] == ["NVIDIA H100 80GB HBM3, 85 GB, 85 GB free"]
    (tmp_path / "gpu" / "nvidia-smi").write_text("#!/bin/sh\nexit 9\n")
    told = list(doctor.findings(None, Store(tmp_path), ("gpu",)))
    assert [finding.found for finding in told] == ["there, but nvidia-smi does not answer"]


def test_the_engine_that_is_offered_instead_gets_as_many_answers_as_fit(
    tmp_path: Path, hub: HubCache, fake: Callable[..., None]
) -> None:
    fake(gigabytes=24.0)
    (last,) = found(load_recipe("mistral_gsm8k"), "vLLM", tmp_path).remedies[1:]
    offered = last.command.removeprefix("--set engine=transformers --set engine.batch_size=")
    recipe = load_recipe("mistral_gsm8k", ["engine=transformers", f"engine.batch_size={offered}"])
    assert sized(recipe).samples_on(24e9)
    assert not sized(load_recipe("mistral_gsm8k", ["engine=transformers", f"engine.batch_size={int(offered) + 1}"])).samples_on(
        24e9
    )


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
