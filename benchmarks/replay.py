"""What a full replay and a report of tiny with all three methods cost, beside the imports that they can't do without.

    python benchmarks/replay.py [--store DIR] [--repeats N]

Whole processes, alternating; quoted are medians of wall time and their ratio to `python -c "import typer, rich,
pydantic, yaml"`. The study is computed first where the store does not hold it (about 4 minutes on two quiet cores). Python
may write bytecode, as where it is installed: without it sirev's modules would be compiled each time.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

SIREV = str(Path(sys.executable).with_name("sirev"))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", help="default: the checkout's")
    parser.add_argument("--repeats", type=int, default=15)
    arguments = parser.parse_args()
    place = ["--store", arguments.store] if arguments.store else []
    commands = {
        "imports": [sys.executable, "-c", "import typer, rich, pydantic, yaml"],
        "help": [SIREV, "--help"],
        "replay": [SIREV, "iterate", "--recipe", "tiny", "--method", "all", *place],
        "report": [SIREV, "report", *place],
    }
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    subprocess.run(commands["replay"], env=environment, check=True)
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(arguments.repeats):
        for name, command in commands.items():
            began = time.perf_counter()
            subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
            times[name].append(time.perf_counter() - began)
    medians = {name: statistics.median(found) for name, found in times.items()}
    for name, found in times.items():
        ratio = medians[name] / medians["imports"]
        print(f"{name:8} {medians[name]:.3f} s  (min {min(found):.3f}, max {max(found):.3f})  {ratio:.2f} x imports")


if __name__ == "__main__":
    main()
