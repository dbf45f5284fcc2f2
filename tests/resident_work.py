"""Functions that a resident child is asked to run by the tests of `sirev.resident`."""

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


def fail(arguments: dict[str, Any], emit: Emit) -> None:
    raise ValueError("bad\nweights")


def die(arguments: dict[str, Any], emit: Emit) -> None:
    os.abort()


def sleep(arguments: dict[str, Any], emit: Emit) -> None:
    time.sleep(600)
