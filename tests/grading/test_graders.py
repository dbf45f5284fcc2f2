from __future__ import annotations

import importlib.metadata
import subprocess
import sys

from sirev.grading.graders import GRADERS


def test_naming_the_graders_imports_nothing_heavy() -> None:
    script = (
        "import sys\nimport sirev.grading.graders, sirev.grading.dispatch\n"
        "print([m for m in ('sympy', 'math_verify', 'pebble', 'torch', 'numpy', 'multiprocessing') if m in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


def test_light_graders_start_no_process() -> None:
    script = (
        "import sys\nfrom sirev.grading.dispatch import grade_light\n"
        "for grader in ('final_number', 'letter', 'exact'):\n"
        "    grade_light(grader, [('#### 1', '1')])\n"
        "print([m for m in ('sympy', 'pebble', 'subprocess', 'multiprocessing') if m in sys.modules])"
    )
    said = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


def test_what_graders_need_is_installed_and_has_a_version() -> None:
    for grader in GRADERS.values():
        assert all(importlib.metadata.version(name) for name in grader.needs)
