"""Checkpoints of a training: saving, checking, and adoption by a new attempt.

Every attempt has its own folder. A checkpoint counts only with its marker, which is written last and holds the digests of
its files. A new attempt adopts a checkpoint by a rename, so that no two attempts use the same one.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import time
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from sirev.errors import StageFailed
from sirev.processes.termination import termination_noted
from sirev.trainers.attempts import Attempt

CHECKPOINT_MARKER = "sirev_complete.json"


class Checkpoints(TrainerCallback):
    """A callback that saves every `minutes` (0: after every step; None: never) into an attempt's folder below `root`.

    After a signal that asks the process to end, it saves after the current step and stops the training.
    """

    def __init__(self, root: Path, minutes: float | None) -> None:
        self.attempt = Attempt(root)
        self.minutes = minutes
        self._saved = time.monotonic()

    @property
    def folder(self) -> Path:
        """The attempt's folder."""
        return self.attempt.folder

    def adopt(self) -> Path | None:
        """Take over the furthest whole checkpoint of earlier attempts, and delete the rest of theirs; None if there is none.

        Raises StageFailed, with nothing touched, if the process was asked to end.
        """
        if termination_noted():
            raise StageFailed("a signal asked for its end before it began")
        self.attempt.begin()
        with contextlib.ExitStack() as held:
            left = list(self.attempt.left(held))
            found = [path.parent for folder in left for path in folder.glob(f"checkpoint-*/{CHECKPOINT_MARKER}")]
            mine = next(filter(None, map(self._taken, sorted(found, key=step_of, reverse=True))), None)
            for other in left:
                shutil.rmtree(other, ignore_errors=True)
        return mine

    def _taken(self, checkpoint: Path) -> Path | None:
        """A checkpoint's new place in this attempt; None if another attempt took it, or if it is not whole."""
        target = self.folder / checkpoint.name
        try:
            checkpoint.rename(target)
        except OSError:  # another attempt took it
            return None
        if is_whole(target):
            return target
        shutil.rmtree(target, ignore_errors=True)
        return None

    def discard(self) -> None:
        """Delete the attempt's folder, once the training is finished."""
        self.attempt.remove()

    def due(self, step: int, last: int) -> bool:
        """Whether to save after a step; never after the last one."""
        late = self.minutes is not None and time.monotonic() - self._saved >= 60 * self.minutes
        return step < last and (late or termination_noted())

    def place(self, step: int) -> Path:
        """The folder of the checkpoint after a step."""
        return self.folder / f"checkpoint-{step}"

    def complete(self, checkpoint: Path) -> None:
        """Mark a checkpoint as whole, and delete the attempt's other ones."""
        mark(checkpoint)
        for other in self.folder.glob("checkpoint-*"):
            if other != checkpoint:
                shutil.rmtree(other, ignore_errors=True)
        self._saved = time.monotonic()

    def check_finished(self, step: int, last: int) -> None:
        """Raise StageFailed, and release the attempt, if a signal has ended the training before its last step."""
        if step < last and termination_noted():
            self.attempt.leave()
            raise StageFailed(f"a signal asked for its end; it was saved after step {step} of {last}")

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self.due(state.global_step, state.max_steps):
            control.should_save = True

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        checkpoint = self.place(state.global_step)
        # TRL saves its frozen reference adapter in a sub-folder. With one, transformers' resume loads only the adapters
        # in sub-folders: the policy would silently start over at M_{t-1}.
        shutil.rmtree(checkpoint / "ref", ignore_errors=True)
        self.complete(checkpoint)
        if termination_noted():  # only now: the checkpoint holds `control` too
            control.should_training_stop = True


def mark(checkpoint: Path) -> None:
    """Write the marker of a checkpoint whose files are complete."""
    scratch = checkpoint / f"{CHECKPOINT_MARKER}.part"
    scratch.write_text(json.dumps(_digests(checkpoint)), encoding="utf-8")
    scratch.rename(checkpoint / CHECKPOINT_MARKER)


def is_whole(checkpoint: Path) -> bool:
    """Whether every file has the digest in the marker."""
    try:
        expected = json.loads((checkpoint / CHECKPOINT_MARKER).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return bool(expected == _digests(checkpoint))


def step_of(checkpoint: Path) -> int:
    """The optimizer step after which a checkpoint was taken."""
    return int(checkpoint.name.rpartition("-")[2])


def _digests(checkpoint: Path) -> dict[str, str]:
    files = [path for path in sorted(checkpoint.rglob("*")) if path.is_file() and not path.name.startswith(CHECKPOINT_MARKER)]
    found = {}
    for path in files:
        with path.open("rb") as opened:
            found[str(path.relative_to(checkpoint))] = hashlib.file_digest(opened, "sha256").hexdigest()
    return found
