from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from sirev.errors import BadInput
from sirev.processes.resident import Resident
from sirev.processes.torch_gpu import (
    TorchGpu,
    driver_version,
    forget_gpu,
    free_and_total,
    require_gpu,
    seen_here,
    torch_gpu,
    why_unusable,
)
from tests import fake_gpu, resident_work

Fake = Callable[..., None]
GB10 = SimpleNamespace(is_integrated=True)


@pytest.fixture
def fake(tmp_path: Path) -> Iterator[Fake]:
    """A GPU for this process's children, as it is told."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
        yield lambda **told: fake_gpu.install(tmp_path / "gpu", patch, **told)
    fake_gpu.forget()


def test_a_gpu_that_torch_can_use_is_told_whole(fake: Fake) -> None:
    fake(free=0.5)
    seen = torch_gpu()
    assert seen == TorchGpu("2.13.0", "13.0", None, "NVIDIA H100 80GB HBM3", (9, 0), 85_000_000_000, 42_500_000_000)
    assert seen.bfloat16


def test_what_a_gpu_shares_with_the_page_cache_is_free(fake: Fake, tmp_path: Path) -> None:
    fake(name="NVIDIA GB10", gigabytes=10_000.0, free=0.0, integrated=True)
    assert 0 < torch_gpu().free < torch_gpu().total  # by this machine's own /proc/meminfo
    shares = SimpleNamespace(mem_get_info=lambda device: (12, 10_000), get_device_properties=lambda device: GB10)
    (tmp_path / "meminfo").write_text("MemTotal:     9 kB\nMemFree:      1 kB\nMemAvailable:       8 kB\n")
    assert free_and_total(SimpleNamespace(cuda=shares), tmp_path / "meminfo") == (8192, 10_000)
    shares.get_device_properties = lambda device: SimpleNamespace(is_integrated=False)
    assert free_and_total(SimpleNamespace(cuda=shares), tmp_path / "meminfo") == (12, 10_000)


def test_a_child_is_asked_once_for_each_gpu_and_invocation(fake: Fake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake()
    first = torch_gpu()
    (tmp_path / "gpu" / "torch" / "__init__.py").write_text("raise ImportError('nobody asks again')")
    assert torch_gpu() is first
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert "nobody asks again" in why_unusable(torch_gpu())
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    forget_gpu()
    assert "nobody asks again" in why_unusable(torch_gpu())


def test_a_driver_that_is_too_old_is_told_with_the_one_that_torch_takes(fake: Fake) -> None:
    fake(usable=False, driver="550.54.15")
    assert driver_version() == "550.54.15"
    assert why_unusable(torch_gpu()) == (
        "torch 2.13.0 is built for CUDA 13.0, which takes driver 580 or newer; the driver here is 550.54.15"
    )


def test_where_the_driver_is_new_enough_the_words_are_torchs_own(fake: Fake) -> None:
    fake(usable=False, driver="590.1")
    assert why_unusable(torch_gpu()).startswith("torch 2.13.0 can use none: CUDA initialization: ")


def test_a_build_for_cpus_is_told_as_that() -> None:
    seen = seen_here()
    if seen.cuda is not None:
        pytest.skip("the torch that is installed is one for GPUs")
    assert why_unusable(seen) == f"torch {seen.torch} is a build for CPUs only"


@pytest.mark.parametrize(("capability", "has"), [((7, 5), False), ((8, 0), True), ((8, 9), True), ((12, 0), True)])
def test_bfloat16_comes_with_ampere(capability: tuple[int, int], has: bool) -> None:
    assert TorchGpu("2.13.0", "13.0", capability=capability).bfloat16 is has


def test_a_child_that_trains_for_a_recipe_that_requires_a_gpu_refuses_a_cpu(fake: Fake, tmp_path: Path) -> None:
    fake(usable=False, driver="550.54.15")
    resident = Resident("trainer", tmp_path / "log", threads=1)
    try:
        with pytest.raises(BadInput, match=r"^the recipe requires a GPU \(gpu: required\), and torch 2\.13\.0 is built for CUDA"):
            resident.call(resident_work.require, {"required": True}, lambda event: None)
        assert resident.call(resident_work.require, {"required": False}, lambda event: None) is None
    finally:
        resident.stop()


def test_nothing_is_refused_that_is_not_required() -> None:
    require_gpu(False)


def test_asking_imports_no_torch_here(fake: Fake) -> None:
    fake()
    program = "import sys; from sirev.processes.torch_gpu import torch_gpu; torch_gpu(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "False\n"
