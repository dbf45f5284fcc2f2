"""Start of child processes with an environment composed by sirev, by a thread that lives as long as this process."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePath
from typing import Any, TypeVar

from sirev.addresses import KEY
from sirev.processes.termination import EXIT_STATUSES

T = TypeVar("T")

ALLOCATORS = ("PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_HIP_ALLOC_CONF")
"""Environment variables with settings of torch's GPU allocators; newer versions read the first."""

PASSED = (
    # paths and the user
    *("PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "TEMP", "TMP", "TZ", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"),
    *("PYTHONHOME", "PYTHONPATH", "PYTHONNOUSERSITE", "PYTHONUSERBASE", "PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX"),
    *("VIRTUAL_ENV", "CONDA_PREFIX", "LD_LIBRARY_PATH", "LD_PRELOAD", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH"),
    # compilers, which Triton and vLLM use for kernels
    *("CC", "CXX", "CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH", "LIBRARY_PATH", "CUDA_HOME", "CUDA_PATH", "ROCM_PATH"),
    # network
    KEY,
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
    # devices
    *("CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "CUDA_MODULE_LOADING", "CUDA_CACHE_PATH", "CUDA_CACHE_MAXSIZE"),
    *("CUDA_MPS_PIPE_DIRECTORY", "CUDA_MPS_LOG_DIRECTORY", "TRITON_LIBCUDA_PATH"),
    *("NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"),
    *("HSA_OVERRIDE_GFX_VERSION", *ALLOCATORS),
    # caches and folders of models, data and kernels; `HF_*` is passed as well
    *("HUGGING_FACE_HUB_TOKEN", "HUGGINGFACE_HUB_CACHE", "TRANSFORMERS_OFFLINE", "SENTENCE_TRANSFORMERS_HOME"),
    *("TORCH_HOME", "TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR", "TRITON_HOME", "NUMBA_CACHE_DIR"),
    *("VLLM_CACHE_ROOT", "VLLM_CONFIG_ROOT", "VLLM_CPU_KVCACHE_SPACE", "VLLM_LOGGING_LEVEL", "VLLM_NO_USAGE_STATS"),
)
"""Environment variables that are passed to children. Others are not: `ACCELERATE_MIXED_PRECISION=bf16` would give other
models under the same keys, and `WORLD_SIZE=2` would wait for a second process, listening on every interface."""

SET = {
    "PYTHONSAFEPATH": "1",  # no imports from the working directory
    "PYTHONUTF8": "1",
    "PYTHONUNBUFFERED": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "DO_NOT_TRACK": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    # The same precision, that of the recipe, on every machine.
    "NVIDIA_TF32_OVERRIDE": "0",
    "ONEDNN_DEFAULT_FPMATH_MODE": "STRICT",
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
}

FURTHER = "SIREV_PASS_ENVIRONMENT"
"""Environment variable with names of further variables to pass, separated by commas; they are recorded in provenance."""

NO_DEVICE_FILES = "NoDevFiles"
"""Slurm's value of CUDA_VISIBLE_DEVICES in a job that requested no GPU."""

COMPUTING = ("ACCELERATE_", "CUDA_", "FSDP_", "MKL_", "NCCL_", "OMP_", "TORCH_", "TRITON_", "VLLM_")
"""Prefixes of variables of computing libraries, which users may have set on purpose."""

NVIDIA = Path("/dev/nvidiactl")
"""The device file of NVIDIA's driver, except under WSL."""
_NO_GPU = {
    "CUDA_VISIBLE_DEVICES": ("", "-1", NO_DEVICE_FILES),
    "HIP_VISIBLE_DEVICES": ("", "-1"),
    "ROCR_VISIBLE_DEVICES": ("",),
}
"""Environment variables that select GPUs -> values that leave none."""

SIGNALS = {signal.SIGINT, *EXIT_STATUSES}

# A child asks the kernel to be killed when its parent ends (`sirev.processes.parent_death`). It gets that signal when the
# *thread* that started it ends, so one lasting thread starts all children. Python's signal handlers run only in the main
# thread, so they do not interrupt this one.
_spawner = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sirev-spawner")


def cores(cgroups: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> int:
    """The number of cores that this process may use: its CPU affinity, limited by the quota of its control group.

    A job with 16 cores on a host with 208 has 16; a quota of 2.5 cores counts as three.
    """
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([bound, *_quotas(cgroups, own)]))


def _quotas(cgroups: Path, own: Path) -> Iterator[int]:
    """Quotas in cores, rounded up, of this process's control groups that have one.

    In version 2, `cpu.max` is "QUOTA PERIOD" or "max PERIOD", for the process's group ("0::/PATH" in `own`) and for all its
    parents. Version 1 has one file for the quota, -1 for none, and one for the period. In a container, the process's group
    is the root.
    """
    groups = {PurePath()}
    with contextlib.suppress(OSError):
        of_version_2 = [line[len("0::/") :] for line in own.read_text(encoding="utf-8").splitlines() if line.startswith("0::/")]
        groups.update(group for path in of_version_2 for group in (PurePath(path), *PurePath(path).parents))
    version_1 = [PurePath("cpu/cpu.cfs_quota_us"), PurePath("cpu/cpu.cfs_period_us")]
    for files in (*([group / "cpu.max"] for group in groups), version_1):
        try:
            said = " ".join((cgroups / file).read_text(encoding="utf-8") for file in files).split()
        except OSError:
            continue
        if len(said) == 2 and said[0].isdigit() and int(said[0]) > 0 and int(said[1]) > 0:
            yield math.ceil(int(said[0]) / int(said[1]))


def hidden_by() -> str | None:
    """The environment variable that hides all GPUs, set by the user or a scheduler; None if there is none."""
    return next((name for name in _choosing() if os.environ.get(name) in _NO_GPU[name]), None)


def one_gpu() -> dict[str, str]:
    """Environment variables that give a child one GPU, the first that this process may use.

    With several visible GPUs, transformers' trainer would use all of them. vLLM requires AMD's variable and CUDA's to be equal.
    """
    hip, cuda = "HIP_VISIBLE_DEVICES", os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]
    if hip not in os.environ or hip not in _choosing():
        return {"CUDA_VISIBLE_DEVICES": cuda}
    first = cuda if hidden_by() == "CUDA_VISIBLE_DEVICES" else os.environ[hip].split(",")[0]
    return {"CUDA_VISIBLE_DEVICES": first, hip: first}


def _choosing() -> list[str]:
    """The variables that select GPUs on this machine: AMD's do not apply to NVIDIA's GPUs."""
    return ["CUDA_VISIBLE_DEVICES"] if NVIDIA.exists() else list(_NO_GPU)


def environment(threads: int, beginnings: tuple[str, ...] = ()) -> dict[str, str]:
    """The environment of a child with `threads` threads; it also gets variables with the prefixes `beginnings`."""
    count = str(threads)
    passed = {name: value for name, value in os.environ.items() if name in PASSED or name.startswith(("HF_", *beginnings))}
    counts = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), count)
    return {**passed, **SET, **counts, **further()}


def further() -> dict[str, str]:
    """The variables named in `SIREV_PASS_ENVIRONMENT` that are set."""
    names = [name.strip() for name in os.environ.get(FURTHER, "").split(",")]
    return {name: os.environ[name] for name in names if name in os.environ}


def kept_back() -> list[str]:
    """Names of variables of computing libraries that are set but not passed to children, sorted."""
    given = environment(1)
    return sorted(name for name in os.environ if name.startswith(COMPUTING) and name not in given)


def python(code: str) -> list[str]:
    """The command of a new interpreter that runs `code`, can import sirev, and ends with this process."""
    # Not `-m`, which would put the working directory, with any trl.py or random.py in it, first on the path.
    path = str(Path(__file__).parents[2])
    boot = f"import sys; sys.path.append({path!r}); from sirev.processes.parent_death import die_with; die_with({os.getpid()})"
    return [sys.executable, "-P", "-c", f"{boot}\n{code}"]


def in_spawner(function: Callable[..., T], *arguments: object) -> T:
    """Call `function` in the thread that starts processes, one call at a time; returns its result."""
    return _spawner.submit(function, *arguments).result()


def start(command: list[str], env: Mapping[str, str], *, shielded: bool = False, **settings: Any) -> subprocess.Popen[Any]:
    """Start a process. Call this through `in_spawner`.

    With `shielded`, Ctrl-C and the signals of `timeout` and schedulers, which reach the whole process group, are blocked in
    the child: the parent decides about them.
    """
    if not shielded:
        return subprocess.Popen(command, env=env, **settings)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # a child inherits blocked signals
    try:
        return subprocess.Popen(command, env=env, **settings)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
