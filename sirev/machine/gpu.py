"""Findings about this machine's GPU for a recipe: use by torch, requirements of kernels, and remedies."""

from __future__ import annotations

import os
import shutil
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from sirev.execution.children import gpu_device, gpu_is_hidden
from sirev.execution.footprint import Footprint
from sirev.extras import install_command
from sirev.machine.findings import Finding, Remedy
from sirev.machine.vllm_build import for_gpus_alone
from sirev.processes.spawning import NO_DEVICE_FILES, hidden_by
from sirev.processes.torch_gpu import TorchGpu, driver_is_too_old, driver_version, why_unusable
from sirev.recipe import Recipe

_CONTAINERS = ("/.dockerenv", "/run/.containerenv")
_IN_CONTAINERS = ("APPTAINER_CONTAINER", "SINGULARITY_CONTAINER", "KUBERNETES_SERVICE_HOST")
_LEAST_SHARE = 0.2
"""Share of a GPU's memory below which sampling is not worthwhile."""
_CPU_REMEDIES = (
    Remedy("run it on a machine with one, or take the results from a store that has them", "--remote URL"),
    Remedy("try a recipe that needs none", "sirev iterate --recipe tiny"),
)


def no_gpu(recipe: Recipe | None, size: Footprint | None, torch: str | None) -> Finding:
    """The finding if this process has no GPU, or only a `torch`, a version, for CPUs."""
    needed = _required(recipe)
    found, remedies = "none", [*_CPU_REMEDIES, Remedy("try anyway, slowly", " ".join(_on_the_cpu(recipe)))]
    if gpu_is_hidden() and (name := hidden_by()):
        found = f"none, as {name} is {os.environ[name]!r}"
        by_slurm = os.environ[name] == NO_DEVICE_FILES
        first = Remedy("ask Slurm for one", "sbatch --gpus=1") if by_slurm else Remedy("let sirev see one", f"unset {name}")
        remedies.insert(0, first)
    elif gpu_device() and torch is not None:
        found = f"there, but torch {torch} is a build for CPUs only"
        remedies.insert(0, Remedy("install the torch for GPUs in a separate environment", install_command("vllm")))
    elif _in_container():
        remedies.insert(0, Remedy("start this container with one (docker run --gpus all, apptainer exec --nv)"))
    found += "" if needed or recipe is None else ", and none is required"
    if needed and size is not None and (least := size.smallest()):
        found += f"; the recipe takes one of {least} GB or more"
    return Finding("GPU", found, not needed, needed, tuple(remedies), True)


def _in_container() -> bool:
    return any(name in os.environ for name in _IN_CONTAINERS) or any(Path(file).exists() for file in _CONTAINERS)


def _required(recipe: Recipe | None) -> bool:
    return recipe is not None and recipe.gpu == "required"


def unusable(recipe: Recipe | None, seen: TorchGpu) -> Finding:
    """The finding about a GPU that torch can't use; a pretrained model is not meant to be trained on the CPU next to it.

    A device file alone does not count: AMD's driver makes one for a laptop's graphics, WSL for any.
    """
    if driver_is_too_old(seen):
        first = Remedy(f"install a newer NVIDIA driver, or a torch that is built for an older CUDA than {seen.cuda}")
    else:
        first = Remedy("see whether the driver works", _asks_the_driver(seen))
    fits = seen.rocm is not None or driver_version() is not None
    needed = recipe is not None and (_required(recipe) or (recipe.model.name is not None and fits))
    settings = _on_the_cpu(recipe)[0 if _required(recipe) else 1 :]
    words = "compute on the CPU anyway, slowly" + (f", with {' '.join(settings)}" if settings else "")
    hidden = Remedy(words, "export CUDA_VISIBLE_DEVICES=")
    return Finding("GPU", f"there, but {why_unusable(seen)}", False, needed, (first, *_CPU_REMEDIES, hidden))


def _on_the_cpu(recipe: Recipe | None) -> list[str]:
    """The options with which a recipe runs on the CPU."""
    other = recipe is not None and recipe.engine.name == "vllm" and for_gpus_alone()
    return ["--set gpu=optional", *(["--set engine=transformers"] if other else [])]


def _asks_the_driver(seen: TorchGpu) -> str:
    return "rocm-smi" if seen.rocm else "nvidia-smi"


def usable(recipe: Recipe | None, seen: TorchGpu) -> Iterator[Finding]:
    """Findings about a usable GPU: its free memory, and bfloat16 if the recipe needs it."""
    kind = f", compute capability {'.'.join(map(str, seen.capability))}" if seen.capability and seen.cuda else ""
    found = f"{seen.name}, {seen.total / 1e9:.0f} GB, {seen.free / 1e9:.0f} GB free{kind}"
    needed = _required(recipe)
    if recipe is not None and recipe.engine.name == "vllm" and seen.free < recipe.engine.gpu_memory * seen.total:
        share = int(100 * seen.free / seen.total) / 100
        remedies = [Remedy("stop other programs on it", _asks_the_driver(seen))]
        if share >= _LEAST_SHARE:
            remedies.append(Remedy("have vLLM take less", f"--set engine.gpu_memory={share}"))
        found += f"; vLLM wants {recipe.engine.gpu_memory:.0%} of it, and {share:.0%} is free"
        yield Finding("GPU", found, False, True, tuple(remedies))  # it would not start
    else:
        yield Finding("GPU", found, True, needed)
    if recipe is not None and recipe.model.name is not None and not seen.bfloat16:
        yield _without_bfloat16(recipe, needed)


def _without_bfloat16(recipe: Recipe, needed: bool) -> Finding:
    """The finding about a GPU without bfloat16, in which a pretrained model is assumed to be."""
    dtypes = {"training.dtype": recipe.training.dtype, "engine.dtype": recipe.engine.dtype}
    wanted = [key for key, dtype in dtypes.items() if dtype in ("auto", "bfloat16")]
    other = Remedy("use other number formats, which take more memory", "--set training.dtype=float32 --set engine.dtype=float16")
    found = "compute capability 8.0 or newer has it" + (f"; {' and '.join(wanted)} may ask for it" if wanted else "")
    return Finding("bfloat16", found, not wanted, needed, (other,) if wanted else ())


def batch_invariance(recipe: Recipe | None, seen: TorchGpu | None) -> Iterator[Finding]:
    """A finding if a recipe asks for batch invariance and vLLM lacks it on this GPU."""
    if recipe is not None and recipe.engine.batch_invariant and not (seen is not None and seen.name and seen.bfloat16):
        off = Remedy("sample without it", "--set engine.batch_invariant=false")
        yield Finding("batch invariance", "vLLM has it on a GPU of compute capability 8.0 or newer", False, True, (off,))


def compiler(recipe: Recipe | None) -> Finding:
    """The finding about a C compiler and Python's headers, with which Triton (in TRL and vLLM) builds a launcher at first use."""
    named = os.environ.get("CC") or shutil.which("gcc") or shutil.which("clang")
    scheme = "posix_prefix" if sysconfig.get_default_scheme() == "posix_local" else sysconfig.get_default_scheme()
    usual = Path(sysconfig.get_paths(scheme=scheme)["include"], "Python.h")
    header = next((one for one in (usual, *_further_headers()) if one.is_file()), usual)
    missing = [] if named and shutil.which(named) else ["no C compiler (gcc or clang)"]
    missing += [] if header.is_file() else [f"no {header}"]
    remedy = Remedy("install them; in a container build them in", "apt install gcc python3-dev")
    found = ", ".join(missing) or f"{named}, {header}"
    return Finding("C compiler", found, not missing, recipe is not None, (remedy,) if missing else ())


def _further_headers() -> list[Path]:
    """Other places of Python.h: folders in the shell's variables for compilers, which child processes inherit."""
    folders = [folder for name in ("CPATH", "C_INCLUDE_PATH") for folder in os.environ.get(name, "").split(os.pathsep)]
    return [Path(folder, "Python.h") for folder in folders if folder]
