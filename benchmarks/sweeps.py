"""What an engine adds to a sweep, and what a second worker gains: a grid of `tiny_smoke`, from problems and M_0 on.

    python benchmarks/sweeps.py [--rounds N]

Three methods and two seeds at T = 2, each time in a fresh copy of a store that has the problems and M_0. Alternating: `sirev
iterate`; `sirev sweep --on here`; `sirev sweep --on ray` on a cluster of one processor, whose segments also run one after the
other; and on one of two. The clusters are there before the clock starts, since users have theirs. Quoted are medians of wall
time, and their ratios.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import sirev
from tests.ray_cluster import a_cluster

SIREV = Path(sys.executable).with_name("sirev")
SETTINGS = {"T": 2, "evaluation.draws.n": 2, "sampling.n": 4}
SEEDS = (1, 2)
METHODS = ("sft", "dpo", "sft-dpo")


def seconds(call: list[str], base: Path, environment: Mapping[str, str]) -> float:
    """Wall time of a command over a fresh copy of a store."""
    with tempfile.TemporaryDirectory() as folder:
        store = shutil.copytree(base, Path(folder) / "store")
        began = time.monotonic()
        subprocess.run([*call, "--store", str(store)], env={**os.environ, **environment}, check=True, capture_output=True)
        return time.monotonic() - began


def main() -> None:
    """Measure, and print a line for each way."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder, a_cluster() as one, a_cluster() as two:
        base, grid = Path(folder) / "store", Path(folder) / "grid.yaml"
        grid.write_text(f"recipes: tiny_smoke\nmethods: {list(METHODS)}\nseeds: {list(SEEDS)}\nset: {SETTINGS}\n")
        sirev.iterate("tiny_smoke", methods=["sft"], overrides=SETTINGS, seeds=[0], until=1, store=base)
        one.head()
        two.head()
        two.node()
        one.await_nodes(1)
        two.await_nodes(2)
        chosen = [f"--method={method}" for method in METHODS] + [f"--seed={seed}" for seed in SEEDS]
        chosen += [f"--set={key}={value}" for key, value in SETTINGS.items()]
        sweep = [str(SIREV), "sweep", str(grid)]
        ways: dict[str, tuple[list[str], Mapping[str, str]]] = {
            "iterate": ([str(SIREV), "iterate", "tiny_smoke", *chosen], {}),
            "sweep --on here": ([*sweep, "--on", "here"], {}),
            "sweep --on ray, 1 worker": ([*sweep, "--on", "ray"], one.environment),
            "sweep --on ray, 2 workers": ([*sweep, "--on", "ray"], two.environment),
        }
        took: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(rounds):
            for name, (call, environment) in ways.items():
                took[name].append(seconds(call, base, environment))
                print(f"{name}: {took[name][-1]:.1f} s", file=sys.stderr, flush=True)
    least = statistics.median(took["iterate"])
    for name, all_ in took.items():
        middle = statistics.median(all_)
        print(f"{name:28} {middle:7.1f} s  x {middle / least:.2f}  ({', '.join(f'{one:.1f}' for one in all_)})")


if __name__ == "__main__":
    main()
