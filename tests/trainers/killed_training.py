"""A training in a child process that sends itself a signal at a step, while "training" or "saving"."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path

from sirev.processes.requests import Emit, Progress
from sirev.trainers import checkpoints
from sirev.trainers.dispatch import TrainRequest
from sirev.trainers.trl_steps import train


@dataclass(frozen=True)
class KilledTraining:
    """A training with the step, the moment ("training" or "saving") and the number of the signal."""

    request: TrainRequest
    step: int
    moment: str
    number: int = signal.SIGKILL


def run(killed: KilledTraining, _: Emit[Progress]) -> None:
    """Train, and send this process the signal at the requested moment."""
    last, moment = killed.step, killed.moment
    complete = checkpoints.mark

    def on_step(event: Progress) -> None:
        if moment == "training" and event.done == last:
            os.kill(os.getpid(), killed.number)

    def mark(checkpoint: Path) -> None:
        if moment == "saving" and checkpoints.step_of(checkpoint) == last:
            os.kill(os.getpid(), killed.number)
        complete(checkpoint)

    checkpoints.mark = mark
    train(killed.request, on_step)
