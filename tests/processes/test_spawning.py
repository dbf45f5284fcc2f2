from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import pytest

from sirev.processes import spawning
from sirev.processes.spawning import cores, environment, hidden_by, in_spawner, one_gpu, python, start
from sirev.store.store import Store
from tests.conftest import Command, Study, alive, eventually, semantic_digests

ODD = {
    # what `accelerate launch`, notebooks and profiles of clusters set
    "ACCELERATE_MIXED_PRECISION": "bf16",
    "ACCELERATE_DOWNCAST_BF16": "true",
    "ACCELERATE_DYNAMO_BACKEND": "INDUCTOR",
    "ACCELERATE_GRADIENT_ACCUMULATION_STEPS": "4",
    "ACCELERATE_USE_DEEPSPEED": "true",
    "ACCELERATE_USE_FSDP": "true",
    "ACCELERATE_SPLIT_BATCHES": "true",
    "FSDP_OFFLOAD_PARAMS": "true",
    "FSDP_SHARDING_STRATEGY": "1",
    "PARALLELISM_CONFIG_DP_SHARD_SIZE": "2",
    "LOCAL_RANK": "0",
    "RANK": "0",
    "WORLD_SIZE": "2",
    "LOCAL_WORLD_SIZE": "2",
    "MASTER_ADDR": "127.0.0.1",
    "MASTER_PORT": "29612",
    "TORCHELASTIC_RUN_ID": "none",
    "OMPI_COMM_WORLD_SIZE": "2",
    "PMI_SIZE": "2",
    # other precision, other instructions, other order
    "NVIDIA_TF32_OVERRIDE": "1",
    "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE": "1",
    "XLA_USE_BF16": "1",
    "XLA_DOWNCAST_BF16": "1",
    "ONEDNN_DEFAULT_FPMATH_MODE": "BF16",
    "DNNL_DEFAULT_FPMATH_MODE": "BF16",
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "ATEN_CPU_CAPABILITY": "default",
    "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
    "MKL_CBWR": "COMPATIBLE",
    "OPENBLAS_CORETYPE": "Prescott",
    "NPY_DISABLE_CPU_FEATURES": "AVX512F AVX512CD AVX512_SKX",
    "OMP_NUM_THREADS": "3",
    "MKL_NUM_THREADS": "3",
    "OMP_SCHEDULE": "dynamic",
    "TORCHDYNAMO_DISABLE": "1",
    "PYTHONHASHSEED": "7",
    "PYTHONOPTIMIZE": "2",
    # other libraries, other words
    "USE_TORCH": "0",
    "USE_TF": "1",
    "TRANSFORMERS_VERBOSITY": "debug",
    "LC_ALL": "tr_TR.UTF-8",
    "TZ": "Asia/Kathmandu",
}


@pytest.mark.slow
def test_no_result_depends_on_the_shell(smoke: Study, tmp_path: Path, command: Command) -> None:
    store = tmp_path / "odd"
    done = command("iterate", "tiny_smoke", "--method", "sft", "--store", store, **ODD)
    assert done.returncode == 0, done.stderr
    made = semantic_digests(Store(store))
    assert len(made) > 40
    assert made.items() <= semantic_digests(smoke.store).items()


def test_a_child_gets_what_it_needs_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*ODD, "AWS_SECRET_ACCESS_KEY", "OPENAI_API_KEY", "PYTHONOPTIMIZE", "PYTHONSTARTUP"):
        monkeypatch.setenv(name, "odd")
    for name in ("HF_TOKEN", "HF_HOME", "https_proxy", "CUDA_VISIBLE_DEVICES", "LD_LIBRARY_PATH"):
        monkeypatch.setenv(name, "needed")
    given = environment(threads=5)
    assert {name for name, value in given.items() if value == "odd"} == {"TZ"}
    assert [name for name, value in given.items() if value == "needed"]
    assert {given[name] for name in ("HF_TOKEN", "HF_HOME", "https_proxy", "CUDA_VISIBLE_DEVICES", "LD_LIBRARY_PATH")} == {
        "needed"
    }
    assert given["OMP_NUM_THREADS"] == "5"
    assert given["NVIDIA_TF32_OVERRIDE"] == "0"


def test_what_is_passed_by_name_is_recorded(tmp_path: Path, command: Command) -> None:
    further = {"SIREV_PASS_ENVIRONMENT": "VLLM_ATTENTION_BACKEND, NOT_SET", "VLLM_ATTENTION_BACKEND": "TRITON_ATTN"}
    steps: list[object] = []
    for name in ("M1", "M2"):
        (tmp_path / f"{name}.jsonl").write_text(json.dumps({"id": "a", "completion": name, "correct": name == "M2"}))
        steps += ["--step", f"{name}={name}.jsonl"]
    done = command("measure", "mine", *steps, "--store", tmp_path / "store", **further)
    assert done.returncode == 0, done.stderr
    store = Store(tmp_path / "store")
    (run,) = store.runs.all()
    records = [store.records.get(pin.key, pin.artifact) for pin in run.pins.values()]
    assert [record.provenance["environment"] for record in records if record] == [["VLLM_ATTENTION_BACKEND"]] * len(run.pins)


def test_a_started_python_imports_sirev_and_nothing_of_the_present_folder(tmp_path: Path) -> None:
    (tmp_path / "random.py").write_text("print('mine')")
    command = python("import sirev, random; print(random.random() < 1)")
    process = in_spawner(lambda: start(command, environment(1), cwd=tmp_path, stdout=subprocess.PIPE, text=True))
    assert process.communicate(timeout=100)[0] == "True\n"


def test_signals_to_the_group_leave_a_shielded_process_alone() -> None:
    command = python("import os, signal; os.kill(os.getpid(), signal.SIGTERM); print('alive')")
    outputs = []
    for shielded in (True, False):
        process = in_spawner(lambda on=shielded: start(command, environment(1), shielded=on, stdout=subprocess.PIPE, text=True))
        outputs.append(process.communicate(timeout=100)[0])
    assert outputs == ["alive\n", ""]


def test_a_process_started_from_a_thread_that_ends_goes_on() -> None:
    started: list[subprocess.Popen[str]] = []
    command = python("import sys; sys.stdin.read()")
    thread = Thread(target=lambda: started.append(in_spawner(lambda: start(command, environment(1), stdin=subprocess.PIPE))))
    thread.start()
    thread.join()
    assert not eventually(lambda: not alive(started[0].pid), seconds=1)
    started[0].communicate(timeout=100)
    assert started[0].returncode == 0


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, 8),
        ({"cpu.max": "max 100000"}, 8),
        ({"cpu.max": "250000 100000"}, 3),
        ({"cpu.max": "50000 100000"}, 1),
        ({"cpu.max": "3200000 100000"}, 8),
        ({"cpu/cpu.cfs_quota_us": "200000", "cpu/cpu.cfs_period_us": "100000"}, 2),
        ({"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}, 8),
    ],
)
def test_the_cores_are_those_of_the_job_not_of_its_host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], expected: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)))
    monkeypatch.setattr(os, "cpu_count", lambda: 208)
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"{text}\n")
    assert cores(tmp_path, tmp_path / "none") == expected


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ({"job": "max 100000", "job/step": "max 100000"}, 8),
        ({"job": "max 100000", "job/step": "300000 100000"}, 3),
        ({"job": "200000 100000", "job/step": "600000 100000"}, 2),
        ({"job": "600000 100000", "other": "100000 100000"}, 6),
    ],
)
def test_the_least_quota_of_the_control_groups_above_a_process_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bounds: dict[str, str], expected: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)))
    for group, text in bounds.items():
        (tmp_path / group).mkdir(exist_ok=True)
        (tmp_path / group / "cpu.max").write_text(f"{text}\n")
    own = tmp_path / "cgroup"
    own.write_text("1:cpu:/elsewhere\n0::/job/step\n")
    assert cores(tmp_path, own) == expected


def test_a_process_bound_to_one_core_has_one() -> None:
    program = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})\n"
    program += "from sirev.processes.spawning import cores; print(cores())"
    process = in_spawner(lambda: start(python(program), environment(1), stdout=subprocess.PIPE, text=True))
    assert process.communicate(timeout=100)[0] == "1\n"


@pytest.fixture
def choose(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., None]:
    """Choose among the GPUs of a machine, on which NVIDIA's driver is or is not."""

    def chosen(nvidia: bool = False, **choices: str) -> None:
        for name in ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"):
            monkeypatch.delenv(name, raising=False)
        for name, value in choices.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(spawning, "NVIDIA", tmp_path if nvidia else tmp_path / "none")

    return chosen


@pytest.mark.parametrize(
    ("name", "value", "hides"),
    [
        ("CUDA_VISIBLE_DEVICES", "", True),
        ("CUDA_VISIBLE_DEVICES", "NoDevFiles", True),
        ("CUDA_VISIBLE_DEVICES", "0", False),
        ("HIP_VISIBLE_DEVICES", "-1", True),
        ("HIP_VISIBLE_DEVICES", "", True),
        ("HIP_VISIBLE_DEVICES", "1", False),
        ("ROCR_VISIBLE_DEVICES", "", True),
        ("ROCR_VISIBLE_DEVICES", "0", False),
    ],
)
def test_a_shell_hides_every_gpu(choose: Callable[..., None], name: str, value: str, hides: bool) -> None:
    choose(**{name: value})
    assert hidden_by() == (name if hides else None)


def test_what_is_said_of_amds_gpus_hides_none_of_nvidias(choose: Callable[..., None]) -> None:
    choose(nvidia=True, HIP_VISIBLE_DEVICES="-1", CUDA_VISIBLE_DEVICES="2")
    assert hidden_by() is None
    assert one_gpu() == {"CUDA_VISIBLE_DEVICES": "2"}


def test_amds_variable_and_cudas_name_the_same_gpu(choose: Callable[..., None]) -> None:
    choose(HIP_VISIBLE_DEVICES="1,2")
    assert one_gpu() == {"CUDA_VISIBLE_DEVICES": "1", "HIP_VISIBLE_DEVICES": "1"}
    choose(HIP_VISIBLE_DEVICES="1,2", CUDA_VISIBLE_DEVICES="0")
    assert one_gpu() == {"CUDA_VISIBLE_DEVICES": "1", "HIP_VISIBLE_DEVICES": "1"}
    choose(HIP_VISIBLE_DEVICES="1", CUDA_VISIBLE_DEVICES="")  # all are hidden
    assert one_gpu() == {"CUDA_VISIBLE_DEVICES": "", "HIP_VISIBLE_DEVICES": ""}
