"""The GPU as seen by torch, which is imported in a child process, so that a command that computes nothing does not need it."""

from __future__ import annotations

import json
import subprocess
import warnings
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from sirev.errors import BadInput
from sirev.processes.imports import quick_imports
from sirev.processes.spawning import one_gpu
from sirev.processes.workers import run_python

_SECONDS = 180
"""Timeout for the import of torch from a slow disk and the start of a GPU."""
_BF16 = (8, 0)
"""The lowest compute capability of NVIDIA's GPUs with bfloat16."""
_DRIVERS = {"11": "450", "12": "525", "13": "580"}
"""CUDA's major version -> oldest Linux driver for it (NVIDIA, "CUDA Compatibility", minor version compatibility)."""
_MODULE = Path("/sys/module/nvidia/version")


@dataclass(frozen=True)
class TorchGpu:
    """Torch's view of the one GPU that children get; sizes in bytes."""

    torch: str
    """Version of torch; "" where it could not be imported, see `trouble`."""
    cuda: str | None = None
    """CUDA version that torch was built for; None for a build for CPUs or AMD."""
    rocm: str | None = None
    name: str | None = None
    """Name of the GPU; None where torch can use none."""
    capability: tuple[int, int] | None = None
    total: int = 0
    free: int = 0
    trouble: str = ""
    """Torch's message about why it can use none."""

    @property
    def bfloat16(self) -> bool:
        """Whether the GPU supports bfloat16."""
        return self.rocm is not None or (self.capability is not None and self.capability >= _BF16)


def seen_here() -> TorchGpu:
    """Torch's view of the GPU, from this process, which imports torch."""
    import torch

    build = TorchGpu(str(torch.__version__), torch.version.cuda, torch.version.hip)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            if torch.cuda.is_available():
                free, total = free_and_total(torch)
                capability = torch.cuda.get_device_capability(0)
                name = torch.cuda.get_device_name(0)
                return TorchGpu(build.torch, build.cuda, build.rocm, name, capability, total, free)
            trouble = ""
        except RuntimeError as error:  # a GPU in exclusive use, or one that has fallen off the bus
            trouble = str(error)
    return TorchGpu(build.torch, build.cuda, build.rocm, trouble=trouble or " ".join(str(one.message) for one in said))


def free_and_total(torch: Any, meminfo: Path = Path("/proc/meminfo")) -> tuple[int, int]:
    """Free and total memory of the present GPU in bytes.

    A GPU that shares the machine's memory reports the kernel's page cache as used, although it is released on demand. For
    such a GPU, free is the kernel's available memory, as in vLLM.
    """
    free, total = torch.cuda.mem_get_info(0)
    if getattr(torch.cuda.get_device_properties(0), "is_integrated", False):
        lines = dict(line.split(":", 1) for line in meminfo.read_text(encoding="utf-8").splitlines() if ":" in line)
        free = min(int(lines["MemAvailable"].split()[0]) * 1024, total)
    return free, total


def torch_gpu() -> TorchGpu:
    """Torch's view of the GPU, from a child process; cached per selection of GPU until `forget_gpu`."""
    return _asked(tuple(one_gpu().values()))


def forget_gpu() -> None:
    """Clear the cache of `torch_gpu`, because other processes may have freed or taken the GPU."""
    _asked.cache_clear()


@cache
def _asked(_: tuple[str, ...]) -> TorchGpu:
    try:
        done = run_python("from sirev.processes.torch_gpu import tell; tell()", _SECONDS)
    except subprocess.TimeoutExpired:
        return TorchGpu("", trouble=f"torch did not answer within {_SECONDS} s")
    if done.returncode != 0:
        return TorchGpu("", trouble=(done.stderr.strip().splitlines() or [f"it died with exit status {done.returncode}"])[-1])
    told = json.loads(done.stdout.splitlines()[-1])
    return TorchGpu(**{**told, "capability": told["capability"] and tuple(told["capability"])})


def tell() -> None:
    """The child's side of `torch_gpu`: print one line of JSON."""
    print(json.dumps(asdict(seen_here())))


def require_gpu(required: bool) -> None:
    """Raise BadInput if a GPU is `required` and torch, which this imports then, can use none; for children."""
    if not required:
        return
    with quick_imports():
        import torch

    if not torch.cuda.is_available():
        why = why_unusable(seen_here())
        raise BadInput(f"the recipe requires a GPU (gpu: required), and {why}; sirev doctor says what to do")


def why_unusable(seen: TorchGpu) -> str:
    """Why torch can use no GPU, for messages."""
    if not seen.torch:
        return f"torch can't be asked: {seen.trouble[:200]}"
    if seen.cuda is None and seen.rocm is None:
        return f"torch {seen.torch} is a build for CPUs only"
    if driver_is_too_old(seen):
        return (
            f"torch {seen.torch} is built for CUDA {seen.cuda}, which takes driver {_DRIVERS[_major(seen)]} or newer; "
            f"the driver here is {driver_version()}"
        )
    said = " ".join(seen.trouble.split())[:200]
    return f"torch {seen.torch} can use none{f': {said}' if said else ''}"


def driver_is_too_old(seen: TorchGpu) -> bool:
    """Whether the NVIDIA driver is too old for the CUDA version that torch was built for."""
    oldest, found = _DRIVERS.get(_major(seen)), driver_version()
    return oldest is not None and found is not None and int(found.partition(".")[0]) < int(oldest)


def _major(seen: TorchGpu) -> str:
    return (seen.cuda or "").partition(".")[0]


def driver_version() -> str | None:
    """The version of the NVIDIA driver, such as "550.54.15"; None without a driver."""
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        out = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True).stdout.strip()
        found = out.splitlines()[0].strip() if out else ""
    except (OSError, subprocess.SubprocessError):
        found = _MODULE.read_text(encoding="utf-8").strip() if _MODULE.is_file() else ""
    return found if found[:1].isdigit() else None
