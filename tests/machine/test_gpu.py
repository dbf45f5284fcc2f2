from __future__ import annotations

import shutil
import sysconfig
from pathlib import Path

import pytest

from sirev.execution import children
from sirev.execution.footprint import footprint
from sirev.machine import gpu
from sirev.machine.findings import Finding
from sirev.processes.torch_gpu import TorchGpu
from sirev.recipe import load_recipe

H100 = TorchGpu("2.13.0", "13.0", None, "NVIDIA H100", (9, 0), 85_000_000_000, 84_000_000_000)
T4 = TorchGpu("2.13.0", "13.0", None, "Tesla T4", (7, 5), 16_000_000_000, 16_000_000_000)
VLLM = load_recipe("mistral_gsm8k")


def named(seen: TorchGpu, what: str, *overrides: str) -> list[Finding]:
    recipe = load_recipe("mistral_gsm8k", overrides)
    return [finding for finding in gpu.usable(recipe, seen) if finding.what == what]


def test_a_gpu_that_is_hidden_is_told_from_one_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setattr(children, "GPU_DEVICES", ())
    assert "CUDA_VISIBLE_DEVICES" not in gpu.no_gpu(VLLM, None, "2.13.0").line()
    monkeypatch.setattr(children, "GPU_DEVICES", ("/dev/null",))
    finding = gpu.no_gpu(VLLM, footprint(VLLM), "2.13.0")
    assert finding.status == "missing"
    assert finding.line().startswith("GPU: none, as CUDA_VISIBLE_DEVICES is ''; the recipe takes one of ")
    assert finding.remedies[0].command == "unset CUDA_VISIBLE_DEVICES"


def test_a_job_that_asked_slurm_for_no_gpu_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(children, "GPU_DEVICES", ("/dev/null",))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "NoDevFiles")
    finding = gpu.no_gpu(VLLM, None, "2.13.0")
    assert (finding.found, finding.remedies[0].command) == ("none, as CUDA_VISIBLE_DEVICES is 'NoDevFiles'", "sbatch --gpus=1")


@pytest.mark.parametrize(
    ("driver", "rocm", "status"), [(None, None, "note"), ("580.82", None, "missing"), (None, "7.0", "missing")]
)
def test_a_gpu_that_no_driver_of_this_torch_runs_keeps_nothing_from_the_cpu(
    monkeypatch: pytest.MonkeyPatch, driver: str | None, rocm: str | None, status: str
) -> None:
    monkeypatch.setattr(gpu, "driver_version", lambda: driver)
    seen = TorchGpu("2.13.0", None if rocm else "13.0", rocm)
    optional, required = (gpu.unusable(load_recipe("mistral_gsm8k", [f"gpu={how}"]), seen) for how in ("optional", "required"))
    assert (optional.status, required.status) == (status, "missing")
    assert optional.remedies[0].command == ("rocm-smi" if rocm else "nvidia-smi")


def test_a_container_without_its_gpu_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(children, "GPU_DEVICES", ())
    monkeypatch.setattr(gpu, "_CONTAINERS", ())
    assert "apptainer" not in gpu.no_gpu(VLLM, None, "2.13.0").line()
    monkeypatch.setenv("APPTAINER_CONTAINER", "/images/sirev.sif")
    assert "apptainer exec --nv" in gpu.no_gpu(VLLM, None, "2.13.0").remedies[0].words


def test_a_torch_for_cpus_beside_a_gpu_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(children, "GPU_DEVICES", ("/dev/null",))
    finding = gpu.no_gpu(VLLM, None, "2.13.0+cpu")
    assert finding.found == "there, but torch 2.13.0+cpu is a build for CPUs only"
    assert "[vllm]" in finding.remedies[0].command


def test_vllm_is_told_to_take_less_where_something_else_is_on_the_gpu() -> None:
    (well,) = named(H100, "GPU")
    assert well.status == "ok"
    (full,) = named(TorchGpu(**{**vars(H100), "free": 51_000_000_000}), "GPU")
    assert full.status == "missing"
    assert full.found.endswith("vLLM wants 90% of it, and 60% is free")
    assert full.remedies[-1].command == "--set engine.gpu_memory=0.6"
    (taken,) = named(TorchGpu(**{**vars(H100), "free": 1_000_000_000}), "GPU")
    assert [remedy.command for remedy in taken.remedies] == ["nvidia-smi"]
    (enough,) = named(TorchGpu(**{**vars(H100), "free": 51_000_000_000}), "GPU", "engine.gpu_memory=0.6")
    assert enough.status == "ok"


def test_bfloat16_is_missed_where_it_may_be_asked_for() -> None:
    assert named(H100, "bfloat16") == []
    (missing,) = named(T4, "bfloat16")
    assert missing.status == "missing"
    assert missing.found.endswith("training.dtype and engine.dtype may ask for it")
    (well,) = named(T4, "bfloat16", "training.dtype=float32", "engine.dtype=float16")
    assert well.status == "ok"


@pytest.mark.parametrize(("seen", "offered"), [(H100, True), (T4, False), (None, False)])
def test_batch_invariance_is_refused_where_vllm_does_not_have_it(seen: TorchGpu | None, offered: bool) -> None:
    asked = load_recipe("mistral_gsm8k", ["engine.batch_invariant=true"])
    assert [finding.status for finding in gpu.batch_invariance(asked, seen)] == ([] if offered else ["missing"])
    assert list(gpu.batch_invariance(VLLM, seen)) == []


def test_what_triton_compiles_with_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "Python.h").write_text("")
    monkeypatch.setattr(sysconfig, "get_paths", lambda scheme: {"include": str(tmp_path)})
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert gpu.compiler(
        VLLM
    ).line() == "C compiler: no C compiler (gcc or clang); install them; in a container build them in: " + (
        "apt install gcc python3-dev"
    )
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    assert gpu.compiler(VLLM).status == gpu.compiler(None).status == "ok"
    (tmp_path / "Python.h").unlink()
    monkeypatch.delenv("CPATH", raising=False)
    monkeypatch.delenv("C_INCLUDE_PATH", raising=False)
    assert gpu.compiler(VLLM).found == f"no {tmp_path}/Python.h"
    assert (gpu.compiler(VLLM).status, gpu.compiler(None).status) == ("missing", "note")
    (tmp_path / "headers").mkdir()
    (tmp_path / "headers" / "Python.h").write_text("")
    for name in ("CPATH", "C_INCLUDE_PATH"):
        with monkeypatch.context() as patch:
            patch.setenv(name, f"/nowhere:{tmp_path}/headers")
            assert gpu.compiler(VLLM).found == f"/usr/bin/gcc, {tmp_path}/headers/Python.h"


@pytest.mark.parametrize(("alone", "engine"), [(True, " --set engine=transformers"), (False, "")])
def test_what_leads_to_the_cpu_is_offered_together(monkeypatch: pytest.MonkeyPatch, alone: bool, engine: str) -> None:
    monkeypatch.setattr(gpu, "for_gpus_alone", lambda: alone)
    monkeypatch.setattr(gpu, "driver_version", lambda: "590.1")
    last = gpu.unusable(load_recipe("mistral_gsm8k", ["gpu=required"]), TorchGpu("2.13.0", "13.0")).remedies[-1]
    assert last.command == "export CUDA_VISIBLE_DEVICES="  # by itself the recipe would still be refused
    assert last.words == f"compute on the CPU anyway, slowly, with --set gpu=optional{engine}"
    optional = gpu.unusable(load_recipe("mistral_gsm8k", ["gpu=optional"]), TorchGpu("2.13.0", "13.0")).remedies[-1]
    assert optional.words == "compute on the CPU anyway, slowly" + (f", with{engine}" if alone else "")
    assert gpu.no_gpu(VLLM, None, "2.13.0").remedies[-1].command == f"--set gpu=optional{engine}"
