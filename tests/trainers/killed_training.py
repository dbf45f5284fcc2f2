"""A training in a process of its own, which is killed as a test wants it: at a step, while "training" or "saving"."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sirev.trainers import checkpoints
from sirev.trainers.trl_steps import train


def run(arguments: dict[str, Any], _: Callable[[Any], None]) -> None:
    last, moment = arguments["step"], arguments["moment"]
    complete = checkpoints.mark

    def on_step(event: dict[str, Any]) -> None:
        if moment == "training" and event["step"] == last:
            os.kill(os.getpid(), signal.SIGKILL)

    def mark(checkpoint: Path) -> None:
        if moment == "saving" and checkpoints.step_of(checkpoint) == last:
            os.kill(os.getpid(), signal.SIGKILL)
        complete(checkpoint)

    checkpoints.mark = mark
    train(arguments["request"], on_step)
