"""A training in a process of its own, which is killed as a test wants it: REQUEST STEP "training" or "saving"."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

from sirev.processes.requests import Progress, typed
from sirev.trainers import checkpoints
from sirev.trainers.dispatch import TrainRequest
from sirev.trainers.trl_steps import train


def main() -> None:
    request, last, moment = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    complete = checkpoints.mark

    def on_step(event: Progress) -> None:
        if moment == "training" and event.done == last:
            os.kill(os.getpid(), signal.SIGKILL)

    def mark(checkpoint: Path) -> None:
        if moment == "saving" and checkpoints.step_of(checkpoint) == last:
            os.kill(os.getpid(), signal.SIGKILL)
        complete(checkpoint)

    checkpoints.mark = mark
    train(typed(TrainRequest, json.loads(request.read_text())), on_step)


if __name__ == "__main__":
    main()
