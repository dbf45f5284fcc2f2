"""Start of child processes: in an environment that sirev composes, by a thread that lives as long as this process."""

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
"""Variables by which torch is told how to take a GPU's memory; the first is the name that newer versions read."""

PASSED = (
    # where things are, and who asks
    *("PATH", "HOME", "USER", "LOGNAME", "TMPDIR", "TEMP", "TMP", "TZ", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"),
    *("PYTHONHOME", "PYTHONPATH", "PYTHONNOUSERSITE", "PYTHONUSERBASE", "PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX"),
    *("VIRTUAL_ENV", "CONDA_PREFIX", "LD_LIBRARY_PATH", "LD_PRELOAD", "DYLD_LIBRARY_PATH", "DYLD_FALLBACK_LIBRARY_PATH"),
    # compilers, by which Triton and vLLM make their kernels
    *("CC", "CXX", "CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH", "LIBRARY_PATH", "CUDA_HOME", "CUDA_PATH", "ROCM_PATH"),
    # the way out, and in
    KEY,
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"),
    # devices
    *("CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "CUDA_MODULE_LOADING", "CUDA_CACHE_PATH", "CUDA_CACHE_MAXSIZE"),
    *("CUDA_MPS_PIPE_DIRECTORY", "CUDA_MPS_LOG_DIRECTORY", "TRITON_LIBCUDA_PATH"),
    *("NVIDIA_VISIBLE_DEVICES", "NVIDIA_DRIVER_CAPABILITIES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"),
    *("HSA_OVERRIDE_GFX_VERSION", *ALLOCATORS),
    # caches and folders of models, data and kernels; and all that begins with `HF_`
    *("HUGGING_FACE_HUB_TOKEN", "HUGGINGFACE_HUB_CACHE", "TRANSFORMERS_OFFLINE", "SENTENCE_TRANSFORMERS_HOME"),
    *("TORCH_HOME", "TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR", "TRITON_HOME", "NUMBA_CACHE_DIR"),
    *("VLLM_CACHE_ROOT", "VLLM_CONFIG_ROOT", "VLLM_CPU_KVCACHE_SPACE", "VLLM_LOGGING_LEVEL", "VLLM_NO_USAGE_STATS"),
)
"""Variables of the shell that children get. By name: `ACCELERATE_MIXED_PRECISION=bf16` made other models under the same keys,
and `WORLD_SIZE=2` waited for a second process, listening for it on every interface."""

SET = {
    "PYTHONSAFEPATH": "1",  # nothing is imported from the present folder
    "PYTHONUTF8": "1",
    "PYTHONUNBUFFERED": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "DO_NOT_TRACK": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    # Numbers are computed in the precision that the recipe names, on every machine.
    "NVIDIA_TF32_OVERRIDE": "0",
    "ONEDNN_DEFAULT_FPMATH_MODE": "STRICT",
    "CUBLAS_WORKSPACE_CONFIG": ":4096:8",
}

FURTHER = "SIREV_PASS_ENVIRONMENT"
"""Names the variables, separated by commas, that children get as well; which these were is recorded beside each artifact."""

NO_DEVICE_FILES = "NoDevFiles"
"""What Slurm puts for a GPU in a job that asked for none."""

COMPUTING = ("ACCELERATE_", "CUDA_", "FSDP_", "MKL_", "NCCL_", "OMP_", "TORCH_", "TRITON_", "VLLM_")
"""How the names of such variables begin as may have been set for a reason."""

NVIDIA = Path("/dev/nvidiactl")
"""The device file of NVIDIA's driver, but not under WSL."""
_NO_GPU = {
    "CUDA_VISIBLE_DEVICES": ("", "-1", NO_DEVICE_FILES),
    "HIP_VISIBLE_DEVICES": ("", "-1"),
    "ROCR_VISIBLE_DEVICES": ("",),
}
"""Variables that choose among GPUs, and the values that leave none."""

SIGNALS = {signal.SIGINT, *EXIT_STATUSES}

# A child asks the kernel to be killed when its parent ends (`sirev.processes.parent_death`), and gets that signal when
# the *thread* that started it ends. Python's handlers of signals run in the main thread alone, so nothing breaks this
# thread off either.
_spawner = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sirev-spawner")


def cores(cgroups: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> int:
    """The number of processors that this process may use: those it is bound to, as far as its control group's quota goes.

    A job of 16 cores on a host of 208 has 16; a quota of two and a half processors is three.
    """
    bound = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([bound, *_quotas(cgroups, own)]))


def _quotas(cgroups: Path, own: Path) -> Iterator[int]:
    """Processors that each control group above this process lets it use at a time, rounded up; nothing of one without a bound.

    `cpu.max` is "QUOTA PERIOD" or "max PERIOD" in version 2, for the process's own group ("0::/PATH" in `own`) and for all
    above it; version 1 has a file for each, and -1 for no bound. In a container its own group is the root.
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
    """The variable by which the user's shell, or a scheduler, hides every GPU; None where none does."""
    return next((name for name in _choosing() if os.environ.get(name) in _NO_GPU[name]), None)


def one_gpu() -> dict[str, str]:
    """The variables that leave a child one GPU, the first that this process may use.

    With several in sight transformers' trainer would spread over all. vLLM refuses AMD's variable and CUDA's where they differ.
    """
    hip, cuda = "HIP_VISIBLE_DEVICES", os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]
    if hip not in os.environ or hip not in _choosing():
        return {"CUDA_VISIBLE_DEVICES": cuda}
    first = cuda if hidden_by() == "CUDA_VISIBLE_DEVICES" else os.environ[hip].split(",")[0]
    return {"CUDA_VISIBLE_DEVICES": first, hip: first}


def _choosing() -> list[str]:
    """The variables that choose among the GPUs of this machine: those of AMD say nothing about NVIDIA's."""
    return ["CUDA_VISIBLE_DEVICES"] if NVIDIA.exists() else list(_NO_GPU)


def environment(threads: int, beginnings: tuple[str, ...] = ()) -> dict[str, str]:
    """The environment of a child that computes on so many cores; it gets variables whose names begin so, too."""
    count = str(threads)
    passed = {name: value for name, value in os.environ.items() if name in PASSED or name.startswith(("HF_", *beginnings))}
    counts = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), count)
    return {**passed, **SET, **counts, **further()}


def further() -> dict[str, str]:
    """The variables that `SIREV_PASS_ENVIRONMENT` names and that are set."""
    names = [name.strip() for name in os.environ.get(FURTHER, "").split(",")]
    return {name: os.environ[name] for name in names if name in os.environ}


def kept_back() -> list[str]:
    """Variables of libraries that compute, which are set and which children don't get."""
    given = environment(1)
    return sorted(name for name in os.environ if name.startswith(COMPUTING) and name not in given)


def python(code: str) -> list[str]:
    """The command of a fresh interpreter that runs `code`, which can import sirev, and dies with this process."""
    # Not `-m`, which would put the present folder first on the path, with whatever is called trl.py or random.py there.
    path = str(Path(__file__).parents[2])
    boot = f"import sys; sys.path.append({path!r}); from sirev.processes.parent_death import die_with; die_with({os.getpid()})"
    return [sys.executable, "-P", "-c", f"{boot}\n{code}"]


def in_spawner(function: Callable[..., T], *arguments: object) -> T:
    """What `function` returns, called by the thread that starts processes; one call at a time."""
    return _spawner.submit(function, *arguments).result()


def start(command: list[str], env: Mapping[str, str], *, shielded: bool = False, **settings: Any) -> subprocess.Popen[Any]:
    """Start a process. Call it by `in_spawner`.

    `shielded` keeps Ctrl-C and the signals of `timeout` and schedulers, which reach the whole group, from it: what they
    mean the parent decides.
    """
    if not shielded:
        return subprocess.Popen(command, env=env, **settings)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # a child inherits what is blocked
    try:
        return subprocess.Popen(command, env=env, **settings)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
