"""What the container file promises; a linter reads it too, where `tests/install_real_stack.py` has installed one."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.test_constraints import GPU

CHECKOUT = Path(__file__).resolve().parents[1]
FILE = CHECKOUT / "Containerfile"
PROJECT = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
HADOLINT = shutil.which("hadolint") or shutil.which("hadolint", path=str(Path(sys.executable).parent))


def instructions() -> list[tuple[str, str]]:
    """Each instruction with what it says, in order."""
    text = re.sub(r"^#.*\n", "", FILE.read_text(), flags=re.M).replace("\\\n", " ")
    return [(word, " ".join(rest.split())) for word, _, rest in (line.partition(" ") for line in text.splitlines() if line)]


def said(instruction: str) -> list[str]:
    return [rest for word, rest in instructions() if word == instruction]


def test_its_cuda_is_the_one_that_the_pinned_torch_is_built_for() -> None:
    (base,) = said("FROM")
    cuda = re.fullmatch(r"nvidia/cuda:(\d+\.\d+)\.\d+-base-ubuntu24\.04", base)
    assert cuda
    assert {".".join(version.split(".")[:2]) for version in GPU["nvidia-cuda-runtime"]} == {cuda[1]}


def test_everything_that_builds_sirev_is_copied() -> None:
    copied = [name for line in said("COPY") for name in line.split()[:-1]]
    assert all((CHECKOUT / name).exists() for name in copied)
    project = PROJECT["project"]
    folders = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {project["readme"], *project["license-files"], *folders["packages"], *folders["force-include"], "pyproject.toml"}
    assert needed <= set(copied)


def test_what_no_image_needs_is_not_sent_to_the_builder() -> None:
    ignored = [line for line in (CHECKOUT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert {".git", ".venv", "cache", "site"} <= set(ignored)
    copied = [name for line in said("COPY") for name in line.split()[:-1]]
    assert not [name for name in copied if any(Path(name).match(pattern) for pattern in ignored)]


def test_it_has_the_pinned_versions_and_what_triton_compiles_with() -> None:
    (system, own) = said("RUN")
    assert {"gcc", "libc6-dev", "python3-dev"} <= set(system.split())
    assert "--constraint constraints-gpu.txt '.[vllm,full]'" in own


def test_it_does_not_run_as_root() -> None:
    words = [word for word, _ in instructions()]
    (user,) = said("USER")
    assert f"useradd --create-home --uid {user} " in said("RUN")[0]  # Kubernetes tells a user from root by the number
    assert words.index("USER") > max(i for i, word in enumerate(words) if word in ("RUN", "COPY"))
    assert {"USER", "ENTRYPOINT", "CMD"} <= set(words)


@pytest.mark.slow  # which CI runs where it has installed the linter
@pytest.mark.skipif(HADOLINT is None, reason="hadolint is not installed")
def test_a_linter_finds_nothing() -> None:
    done = subprocess.run([str(HADOLINT), str(FILE)], capture_output=True, text=True, timeout=100)
    assert (done.returncode, done.stdout) == (0, "")
