from __future__ import annotations

import os
import subprocess
import sys

PROGRAM = """
import os
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
from sirev.store.provenance import hardware
print(hardware()["cores"])
"""


def test_the_cores_that_are_recorded_are_those_of_the_job() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, env=dict(os.environ))
    assert done.stdout == "1\n"
