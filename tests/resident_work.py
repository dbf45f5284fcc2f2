"""Functions for the resident children in the tests of `sirev.processes.resident`."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import Any

from sirev.errors import StageFailed
from sirev.processes.requests import Emit, Resumable
from sirev.processes.termination import termination_noted
from sirev.trainers.dispatch import Trained, TrainingProgress, TrainRequest


def echo(request: dict[str, Any], emit: Emit[Any]) -> dict[str, Any]:
    print("noise")
    emit("half way")
    return request


def echo_late(request: dict[str, Any], emit: Emit[Any]) -> dict[str, Any]:
    emit("half way")
    time.sleep(600)
    return request


def pid(request: dict[str, Any], emit: Emit[Any]) -> int:
    return os.getpid()


def neighbours(request: dict[str, Any], emit: Emit[Any]) -> dict[str, Any]:
    """This process's id, and which of the processes `pids` are alive together with it."""
    from tests.conftest import alive

    return {"pid": os.getpid(), "alive": [pid for pid in request["pids"] if alive(pid)]}


def fail(request: dict[str, Any], emit: Emit[Any]) -> None:
    raise ValueError("bad\nweights")


def die(request: dict[str, Any], emit: Emit[Any]) -> None:
    os.abort()


def sleep(request: dict[str, Any], emit: Emit[Any]) -> None:
    time.sleep(600)


@dataclass(frozen=True)
class WaitRequest(Resumable):
    """A request for work that continues until it is asked to end."""


def wait(request: WaitRequest, emit: Emit[str]) -> None:
    emit("waiting")
    while not termination_noted():
        time.sleep(0.01)
    raise StageFailed("saved")


def train_for_ever(request: TrainRequest, emit: Emit[TrainingProgress]) -> Trained:
    """A training that ignores the request to end."""
    (request.attempts / "begun").touch()
    emit(TrainingProgress(1, 2))
    while True:
        time.sleep(0.01)


def die_talking(request: dict[str, Any], emit: Emit[Any]) -> None:
    for number in range(3, 20):
        try:
            if "pipe" in os.readlink(f"/proc/self/fd/{number}"):
                os.write(number, b'{"event": "half a mess')
        except OSError:
            continue
    os.abort()


def talk_on(request: dict[str, Any], emit: Emit[Any]) -> None:
    while True:
        emit("more")
        time.sleep(0.05)


def use_random(request: dict[str, Any], emit: Emit[Any]) -> float:
    import random

    return 1 + random.random()


def require(request: dict[str, Any], emit: Emit[Any]) -> None:
    from sirev.processes.torch_gpu import require_gpu

    require_gpu(request["required"])


def surroundings(request: dict[str, Any], emit: Emit[Any]) -> dict[str, str]:
    return dict(os.environ)
