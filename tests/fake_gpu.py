"""A simulated NVIDIA GPU: a script `nvidia-smi` and a module `torch` in a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from sirev.execution import children
from sirev.processes import torch_gpu

TORCH = """
import warnings

__version__ = "{version}"


class version:
    cuda, hip = {cuda!r}, None


class cuda:
    @staticmethod
    def is_available():
        if not {usable}:
            warnings.warn("CUDA initialization: The NVIDIA driver on your system is too old (found version 12080).")
        return {usable}

    class properties:
        is_integrated = {integrated}

    get_device_properties = staticmethod(lambda device: cuda.properties)
    mem_get_info = staticmethod(lambda device: {memory!r})
    get_device_capability = staticmethod(lambda device: {capability!r})
    get_device_name = staticmethod(lambda device: {name!r})
"""
DRIVER = """#!/bin/sh
case "$1" in
  *driver_version*) echo {driver} ;;
  *) echo '{name}, {total}, {free}' ;;
esac
"""


def install(
    folder: Path,
    patch: pytest.MonkeyPatch,
    *,
    usable: bool = True,
    driver: str = "580.82",
    cuda: str | None = "13.0",
    version: str = "2.13.0",
    name: str = "NVIDIA H100 80GB HBM3",
    capability: tuple[int, int] = (9, 0),
    gigabytes: float = 85.0,
    free: float = 1.0,
    integrated: bool = False,
) -> None:
    """Make this process's children and commands find such a GPU; `free` is the free share of its memory."""
    (folder / "torch").mkdir(parents=True)
    memory = (int(free * gigabytes * 1e9), int(gigabytes * 1e9))
    told = {"version": version, "cuda": cuda, "usable": usable, "memory": memory, "capability": capability, "name": name}
    told["integrated"] = integrated
    (folder / "torch" / "__init__.py").write_text(TORCH.format(**told))
    installed = folder / "installed"
    metadata = installed / f"torch-{version}.dist-info" / "METADATA"
    metadata.parent.mkdir(parents=True)
    metadata.write_text(f"Metadata-Version: 2.1\nName: torch\nVersion: {version}\n")
    driver_script = folder / "nvidia-smi"
    mebibytes = [round(size / 2**20) for size in reversed(memory)]
    driver_script.write_text(DRIVER.format(driver=driver, name=name, total=mebibytes[0], free=mebibytes[1]))
    driver_script.chmod(0o755)
    patch.setenv("PATH", str(folder), prepend=":")
    patch.setenv("PYTHONPATH", f"{folder}:{installed}", prepend=":")
    patch.syspath_prepend(str(installed))  # where this process reads the version; its own torch is another one
    patch.setattr(children, "GPU_DEVICES", ("/dev/null",))
    patch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    forget()


def forget() -> None:
    """Clear the caches, so that the machine is inspected again."""
    children.gpu.cache_clear()
    children.versions.cache_clear()
    torch_gpu.forget_gpu()
