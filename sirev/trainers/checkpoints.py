"""Checkpoints of an interrupted training: which of them are whole, and how a new attempt takes one over.

Every attempt has a folder of its own beside those of earlier ones. A checkpoint counts only with its marker, the
digests of its files, which is written last; a new attempt adopts it by a rename, so that no two can use the same.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import secrets
import shutil
import time
from pathlib import Path
from typing import IO, Any

from transformers import TrainerCallback

CHECKPOINT_MARKER = "sirev_complete.json"


class Checkpoints(TrainerCallback):
    """Saves a training every `minutes` (0: after every step; None: never) into an attempt's folder below `root`."""

    def __init__(self, root: Path, minutes: float | None) -> None:
        self.root = root
        self.folder = root / f"attempt-{secrets.token_hex(6)}"
        self.minutes = minutes
        self._saved = time.monotonic()
        self._lock: IO[bytes] | None = None

    def adopt(self) -> Path | None:
        """The furthest whole checkpoint that an earlier attempt left, now ours; what else they left is deleted."""
        mine: Path | None = None
        self.folder.mkdir(parents=True)
        self._lock = _locked(self.folder)
        # Not those of an attempt that still runs: it may only have been silent for so long that we began as well.
        left = {folder: lock for folder in self.root.glob("attempt-*") if folder != self.folder and (lock := _locked(folder))}
        found = [path.parent for folder in left for path in folder.glob(f"checkpoint-*/{CHECKPOINT_MARKER}")]
        for checkpoint in sorted(found, key=step_of, reverse=True):
            target = self.folder / checkpoint.name
            with contextlib.suppress(OSError):  # somebody else took it
                checkpoint.rename(target)
                if is_whole(target):
                    mine = target
                    break
                shutil.rmtree(target, ignore_errors=True)
        for other, lock in left.items():
            shutil.rmtree(other, ignore_errors=True)
            lock.close()
        return mine

    def discard(self) -> None:
        """Delete our own: the training is finished."""
        shutil.rmtree(self.folder, ignore_errors=True)
        if self._lock is not None:
            self._lock.close()
        with contextlib.suppress(OSError):  # another attempt is still there
            self.root.rmdir()

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        due = self.minutes is not None and time.monotonic() - self._saved >= 60 * self.minutes
        if due and state.global_step < state.max_steps:
            control.should_save = True

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        checkpoint = self.folder / f"checkpoint-{state.global_step}"
        # TRL's frozen reference adapter lies beside the policy's. Where it is there, transformers' resume loads the
        # adapters in sub-folders alone: the policy would silently start over at M_{t-1}.
        shutil.rmtree(checkpoint / "ref", ignore_errors=True)
        mark(checkpoint)
        for other in self.folder.glob("checkpoint-*"):
            if other != checkpoint:
                shutil.rmtree(other, ignore_errors=True)
        self._saved = time.monotonic()


def _locked(attempt: Path) -> IO[bytes] | None:
    """The attempt's lock, held until it is closed or its process ends; None while another process holds it."""
    lock = (attempt / "lock").open("wb")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    except OSError:  # a file system without flock: then nobody is alive as far as one can tell
        pass
    return lock


def mark(checkpoint: Path) -> None:
    """Write the marker of a checkpoint whose files are all there."""
    scratch = checkpoint / f"{CHECKPOINT_MARKER}.part"
    scratch.write_text(json.dumps(_digests(checkpoint)), encoding="utf-8")
    scratch.rename(checkpoint / CHECKPOINT_MARKER)


def is_whole(checkpoint: Path) -> bool:
    """Whether every file is what the marker says."""
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
