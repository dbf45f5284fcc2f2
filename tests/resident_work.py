"""Functions that a resident child is asked to run by the tests of `sirev.processes.resident`."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import Any

Emit = Callable[[Any], None]


def echo(arguments: dict[str, Any], emit: Emit) -> dict[str, Any]:
    print("noise")
    emit("half way")
    return arguments


def pid(arguments: dict[str, Any], emit: Emit) -> int:
    return os.getpid()


def neighbours(arguments: dict[str, Any], emit: Emit) -> dict[str, Any]:
    """Which of the processes `pids` are there together with this one."""
    from tests.conftest import alive

    return {"pid": os.getpid(), "alive": [pid for pid in arguments["pids"] if alive(pid)]}


def fail(arguments: dict[str, Any], emit: Emit) -> None:
    raise ValueError("bad\nweights")


def die(arguments: dict[str, Any], emit: Emit) -> None:
    os.abort()


def sleep(arguments: dict[str, Any], emit: Emit) -> None:
    time.sleep(600)


def die_talking(arguments: dict[str, Any], emit: Emit) -> None:
    for number in range(3, 20):
        try:
            if "pipe" in os.readlink(f"/proc/self/fd/{number}"):
                os.write(number, b'{"event": "half a mess')
        except OSError:
            continue
    os.abort()


def talk_on(arguments: dict[str, Any], emit: Emit) -> None:
    while True:
        emit("more")
        time.sleep(0.05)


def use_random(arguments: dict[str, Any], emit: Emit) -> float:
    import random

    return 1 + random.random()
