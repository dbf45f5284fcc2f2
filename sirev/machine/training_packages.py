"""Findings about additional packages for some training settings, and the GPU that they need."""

from __future__ import annotations

from collections.abc import Iterator

from sirev.extras import install_command
from sirev.machine.findings import Finding, Remedy
from sirev.machine.trial import import_trouble
from sirev.recipe import Recipe
from sirev.store.provenance import versions

_LIGER = Remedy("install it", "pip install liger-kernel")
_ATTENTION = {
    "flash_attention_2": ("flash-attn", Remedy("install it", "pip install --no-build-isolation flash-attn")),
    "flash_attention_3": ("flash-attn-3", Remedy("build it from github.com/Dao-AILab/flash-attention, folder hopper")),
}
"""transformers' name of an attention implementation -> its package, and how to install it."""
_FETCHES = "kernels"
"""The package with which transformers fetches an attention implementation from the Hub if the other is not installed."""
_NO_GPU = "there is no GPU that torch can use"


def training_packages(recipe: Recipe, on_gpu: bool) -> Iterator[Finding]:
    """Findings about the packages of a recipe's settings; `on_gpu`: torch uses a GPU here."""
    memory = recipe.training.memory
    if recipe.training.optimizer == "paged_adamw_8bit":
        yield _paged_states()
    if memory.liger:
        without = Remedy("do without, which changes rounding alone", "--set training.memory.liger=false")
        yield _on_gpu("liger-kernel", ("liger-kernel",), on_gpu, _LIGER, without)
    if memory.attention in _ATTENTION:
        package, install = _ATTENTION[memory.attention]
        without = Remedy("leave the choice to transformers", "--set training.memory.attention=null")
        yield _on_gpu(memory.attention, (package, _FETCHES), on_gpu, install, without)


def _paged_states() -> Finding:
    other = Remedy("use another optimizer, which needs more memory", "--set training.optimizer=adamw_torch_fused")
    remedies = (Remedy("install it", install_command("full")), other)
    version = versions(("bitsandbytes",)).get("bitsandbytes")
    if version is None:
        return Finding("bitsandbytes", "not installed", False, True, remedies)
    trouble = import_trouble("from sirev.trainers.paged_states import load_bitsandbytes; load_bitsandbytes()")
    found = f"{version} can't be loaded: {trouble}" if trouble else version
    return Finding("bitsandbytes", found, not trouble, True, remedies)


def _on_gpu(what: str, packages: tuple[str, ...], on_gpu: bool, install: Remedy, without: Remedy) -> Finding:
    """The finding about packages of which one is needed, and which only work on a GPU."""
    installed = versions(packages)
    there = [f"{package} {installed[package]}" for package in packages if package in installed]
    lacks = [] if there else [f"the package {' or '.join(packages)} is not installed"]
    lacks += [] if on_gpu else [_NO_GPU]
    remedies = (without,) if there else (install, without)
    return Finding(what, " and ".join(lacks) or ", ".join(there), not lacks, True, remedies)
