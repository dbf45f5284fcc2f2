"""A substitute for trackio in a tracker's process, in which finishing a run fails."""

from __future__ import annotations

from trackio import context_vars as context_vars


class Run:
    def log(self, values: object, step: int) -> None:
        pass

    def log_artifact(self, path: object, **given: object) -> None:
        pass

    def finish(self) -> None:
        raise OSError("no space left on device")


def init(**given: object) -> Run:
    return Run()
