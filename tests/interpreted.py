"""Programs that run GPU kernels in Triton's interpreter, which a process must choose before it imports Triton."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

needs_triton = pytest.mark.skipif(find_spec("triton") is None, reason="Triton, which interprets GPU kernels, is not installed")


def interpreted(module: str, *arguments: object) -> Any:
    """Run a module of the tests with interpreted Triton kernels; return the JSON on its last line."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    environment = {**os.environ, "TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, cwd=Path(__file__).parents[1], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])
