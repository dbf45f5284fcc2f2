from __future__ import annotations

import pytest

from sirev.errors import BadInput
from sirev.execution.gpus import gpu_named, gpu_of_driver, known_gpus, usual_gpu


@pytest.mark.parametrize(
    ("driver", "name"),
    [
        ("NVIDIA H100 80GB HBM3", "h100"),
        ("NVIDIA H200", "h200"),
        ("NVIDIA A100-SXM4-80GB", "a100"),
        ("NVIDIA A100-PCIE-40GB", "a100-40"),
        ("A100 40 GB", "a100-40"),
        ("NVIDIA A100 80GB PCIe", "a100"),
        ("NVIDIA H100 PCIe", "h100"),
        ("NVIDIA L40S", "l40s"),
        ("NVIDIA RTX A6000", "a6000"),
        ("NVIDIA GeForce RTX 4090", "4090"),
        ("NVIDIA GeForce RTX 3090", "3090"),
        ("NVIDIA A10G", "a10g"),
        ("NVIDIA L4", "l4"),
        ("Tesla T4", "t4"),
    ],
)
def test_a_gpu_is_known_by_the_drivers_name_and_by_its_own(driver: str, name: str) -> None:
    for text in (driver, name, name.upper()):
        assert gpu_named(text).name == name
    assert gpu_of_driver(driver) == known_gpus()[name]


def test_one_that_is_not_known_is_refused_with_those_that_are() -> None:
    assert gpu_of_driver("Voodoo 2") is None
    with pytest.raises(BadInput, match=r"--gpu voodoo: unknown; known are .*t4 \(for another: sirev plan --gpu-memory GB\)"):
        gpu_named("voodoo")


@pytest.mark.parametrize(
    "name",
    [
        "NVIDIA GH200 480GB",
        "NVIDIA RTX A1000 Laptop GPU",
        "NVIDIA RTX A1000",
        "NVIDIA GeForce RTX 4090 Laptop GPU",
        "NVIDIA GeForce RTX 4090 D",
        "NVIDIA GeForce RTX 4090D",
        "NVIDIA A10",
        "NVIDIA L40",
        "NVIDIA H100 80GB HBM3 MIG 1g.10gb",
        "GRID A100-10C",
        "NVIDIA A100-10C",
        "NVIDIA L4-6Q",
        "NVIDIA A10G-24Q",
        "Quadro T400",
    ],
)
def test_a_card_whose_name_is_like_one_of_the_table_is_none_of_it(name: str) -> None:
    assert gpu_of_driver(name) is None


@pytest.mark.parametrize("name", ["h1000", "a1000", "rtx 4090 laptop", "gh200"])
def test_a_name_that_is_like_a_known_one_is_refused(name: str) -> None:
    with pytest.raises(BadInput, match=f"--gpu {name}: unknown; known are h200, "):
        gpu_named(name)


def test_nothing_reaches_more_than_its_data_sheet_says() -> None:
    for gpu in known_gpus().values():
        assert 0 < gpu.tflops < gpu.peak_tflops
        assert 0 < gpu.gb_per_s < gpu.peak_gb_per_s
        assert 0.9 * gpu.gb * 1e9 < gpu.bytes < 1.1 * gpu.gb * 1e9


def test_the_usual_gpu_of_a_size_computes_in_bfloat16() -> None:
    assert [gpu and gpu.name for gpu in map(usual_gpu, (24, 80, 16, 7))] == ["4090", "h100", None, None]
