"""What the two constraints files promise together; tests/resolve.py checks each against the package index."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

CHECKOUT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]


def pins(name: str) -> dict[str, set[str]]:
    """The versions that a constraints file names, by normalised package name; several where they differ by marker."""
    found: dict[str, set[str]] = {}
    for line in (CHECKOUT / name).read_text().splitlines():
        if not line.startswith("#"):
            pin = Requirement(line)
            found.setdefault(canonicalize_name(pin.name), set()).update(one.version for one in pin.specifier)
    return found


CPU, GPU = pins("constraints.txt"), pins("constraints-gpu.txt")


def requirements(extras: Iterable[str]) -> list[Requirement]:
    """Those of sirev and of extras; an extra that holds another one names sirev itself, which has no pin."""
    lines = [*PROJECT["dependencies"], *(line for extra in extras for line in EXTRAS[extra])]
    return [wanted for line in lines if (wanted := Requirement(line)).name != PROJECT["name"]]


@pytest.mark.parametrize(("found", "extras"), [(CPU, EXTRAS.keys() - {"vllm"}), (GPU, EXTRAS.keys())], ids=["cpu", "gpu"])
def test_every_dependency_is_pinned_within_its_bounds(found: dict[str, set[str]], extras: Iterable[str]) -> None:
    for wanted in requirements(extras):
        versions = found[canonicalize_name(wanted.name)]
        assert all(wanted.specifier.contains(version) for version in versions), (wanted, versions)


def test_both_files_name_the_same_versions() -> None:
    """So that what is tested on a CPU is what runs beside a GPU."""
    assert {name: versions for name, versions in CPU.items() if not versions <= GPU[name]} == {}


def test_the_vllm_tested_on_a_cpu_is_the_release_that_a_gpu_gets() -> None:
    from tests.install_real_stack import VLLM_VERSION

    assert GPU["vllm"] == {VLLM_VERSION}


def test_a_pin_admits_the_builds_of_torch_for_a_cpu() -> None:
    """Such a build has a local version (+cpu), which only a pin without one admits."""
    assert all(Requirement(f"torch=={version}").specifier.contains(f"{version}+cpu") for version in CPU["torch"])


def test_what_serves_training_alone_brings_what_trains() -> None:
    """So that one extra is enough, and the constraints of a checkout hold all that `make` installs."""
    assert {name for name, lines in EXTRAS.items() if "sirev[train]" in lines} == {
        "vllm",
        "server",
        "full",
        "ray",
        "slurm",
        "trackio",
        "wandb",
        "tensorboard",
        "mlflow",
        "dev",
    }


def test_what_is_locked_for_uv_is_what_the_constraints_of_a_gpu_name() -> None:
    """But for packages of systems that the lock leaves out."""
    locked = tomllib.loads((CHECKOUT / "uv.lock").read_text())["package"]
    versions = {package["name"]: package["version"] for package in locked if "registry" in package["source"]}
    assert {
        name: version for name, version in versions.items() if version not in GPU.get(name, ()) and name != "setuptools"
    } == {}
    assert {canonicalize_name(wanted.name) for wanted in requirements(EXTRAS)} <= versions.keys()


def test_uv_locked_what_the_project_asks_for() -> None:
    (own,) = [p for p in tomllib.loads((CHECKOUT / "uv.lock").read_text())["package"] if p["name"] == PROJECT["name"]]
    locked = {(one["name"], one.get("specifier")) for one in own["metadata"]["requires-dist"]}
    asked = {(canonicalize_name(wanted.name), wanted.specifier) for wanted in requirements(EXTRAS)}
    assert {(name, SpecifierSet(specifier or "")) for name, specifier in locked if name != PROJECT["name"]} == asked
