"""A program with a run of quick stages, for tests of several processes on one store.

`python -m tests.study.chain STORE [--hold FILE] [--give-up SECONDS]` does the steps train:1 to train:8 and prints the names of
those that it computed itself. `--hold` creates FILE in the middle of train:3, and waits until it is deleted.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sirev.cli.progress import Progress
from sirev.execution.children import Crew
from sirev.execution.runner import Runner
from sirev.parameters import semantic
from sirev.stages.stage import Context, Stage
from sirev.store import locks
from sirev.store.artifacts import Artifact, Output
from sirev.store.runs import Run
from sirev.store.store import Store

STEPS = 8
HELD = 3


@dataclass(frozen=True)
class Parameters:
    number: int = semantic()


def main(store: Store, hold: Path | None) -> list[str]:
    """Do the steps, each with the previous one as input; return the names of those that were computed here."""

    def work(parameters: Parameters, inputs: Mapping[str, Artifact], context: Context) -> Output:
        if hold is not None and parameters.number == HELD:
            hold.touch()
            while hold.exists():
                time.sleep(0.02)
        time.sleep(0.1)
        before = inputs["before"].json("number.json") if inputs else 0
        return Output(files={"number.json": json.dumps(before + parameters.number).encode()})

    stage = Stage("train", 1, Parameters, work, place=0)
    run = store.runs.get("chain") or Run("chain", "chain", "sft", 0, 1, {"env": "any"}, "2026")
    crew = Crew("2026")
    with Progress() as progress, crew.turn, store.leasing():
        runner = Runner(store, run, crew, progress)
        inputs: dict[str, Any] = {}
        for number in range(1, STEPS + 1):
            inputs = {"before": runner.step(f"train:{number}", stage, Parameters(number), inputs)}
        runner.finish("complete", None)
    crew.close()
    return runner.computed


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("store", type=Path)
    parser.add_argument("--hold", type=Path)
    parser.add_argument("--give-up", type=float, default=locks.GIVE_UP_SECONDS)
    asked = parser.parse_args()
    locks.GIVE_UP_SECONDS = asked.give_up
    print(json.dumps(main(Store(asked.store), asked.hold)))
