"""A worker: an interpreter that only runs programs, each in a fork. It knows no verdict and no secret.

It is exec'd, not forked from the grading process: a fork would inherit pipes, locks and memory. Requests and replies are messages
(`wire`) on its standard input and output; it ends when the input does.

Every later program can read the worker's memory, since each is a fork of it. So the worker holds nothing: it forks as soon as a
request is there, the fork takes the request from the pipe, and the program's output passes through a `Relay`.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import select
import signal
import sys
import time
from typing import Any

from sirev.grading.sandbox import confine, inside, wire
from sirev.grading.sandbox.programs import KEPT_STDERR
from sirev.grading.sandbox.relay import Kept, Relay
from sirev.processes.parent_death import die_with

MOST_OUTPUT = 4 << 20
"""Bytes of answers beyond which a program is ended."""
_TAKEN = b"\x06"
"""Written by a fork before its program runs: the whole request is out of the pipe, so the next one may come."""
_CHANNEL = 3
_REQUESTS, _REPLIES = 4, 5
"""The worker's own pipes, placed so that its programs find the usual three descriptors."""


def main() -> None:
    """Run as a worker; `argv`: number of the parent process, tier, CPU seconds, bytes of memory, wall-clock seconds."""
    die_with(int(sys.argv[1]))
    tier, seconds, memory, wall = sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), float(sys.argv[5])
    names, relay = inside.prepared_namespace(), Relay(len(_TAKEN) + MOST_OUTPUT + 1, 4 * KEPT_STDERR)
    _arrange_descriptors()
    try:
        confinement = confine.enter(tier)  # type: ignore[arg-type]
        confinement.limit(memory)
    except OSError as error:
        wire.send(_REPLIES, json.dumps({"refused": error.strerror or str(error)}).encode())
        os._exit(0)
    wire.send(_REPLIES, json.dumps({"tier": confinement.tier, "root_kept": confinement.root_kept}).encode())
    gc.freeze()  # these objects are never garbage, and a collection in a fork would copy their memory
    while _asked():
        reply = _run(names, confinement, seconds, wall, relay)
        output, stderr = (kept.content for kept in relay.kept)
        if output[: len(_TAKEN)] != _TAKEN:
            break  # the rest of the request would be taken for the next one
        wire.send_in_place(_REPLIES, json.dumps(reply).encode(), output[len(_TAKEN) :], stderr)
        relay.clear()
    os._exit(0)


def _arrange_descriptors() -> None:
    os.dup2(0, _REQUESTS)
    os.dup2(1, _REPLIES)
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    os.close(null)
    if null != _CHANNEL:  # occupied, so that no pipe of a program gets this number
        os.dup2(0, _CHANNEL)
    else:
        os.open(os.devnull, os.O_RDWR)


def _asked() -> bool:
    """Wait for a request and leave it in the pipe; False at the end of the pipe."""
    poll = select.poll()
    poll.register(_REQUESTS, select.POLLIN)
    return any(event & select.POLLIN for _, event in poll.poll())


def _take() -> dict[str, Any]:
    """The request, read by the fork that runs it; the pipe is closed, so that the program can't read others."""
    content = wire.receive_message(_REQUESTS)
    os.close(_REQUESTS)
    if content is None:  # the grading process is gone
        os._exit(0)
    os.write(_CHANNEL, _TAKEN)
    request: dict[str, Any] = json.loads(content)
    return request


def _run(names: dict[str, Any], confinement: confine.Confinement, seconds: int, wall: float, relay: Relay) -> dict[str, Any]:
    """Run the next request's program and report how its process ended. The program's output is in the relay."""
    answers, answering = os.pipe()
    errors, erring = os.pipe()
    began, worker = time.monotonic(), os.getpid()
    child = os.fork()
    if child == 0:
        try:
            os.dup2(erring, 2)
            os.dup2(answering, _CHANNEL)
            os.closerange(_REPLIES, 4 * confine.DESCRIPTORS)
            confinement.confine_program(seconds, worker)
            request = _take()
            if not request["prelude"]:
                inside.forget_prelude(names)
            inside.run(names, request["parts"], request["questions"], request["nonce"], _CHANNEL)
        finally:
            os._exit(70)
    os.close(answering)
    os.close(erring)
    forked = _Fork(child)
    try:
        stopped = _gather(forked, answers, errors, relay, began + wall)
    finally:
        status, cpu = forked.end()
        os.close(answers)
        os.close(errors)
    _end_the_rest(child, confinement.tier)
    return {"status": status, "stopped": stopped, "cpu": cpu, "wall": round(time.monotonic() - began, 4)}


class _Fork:
    """A program's process."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._left: tuple[int, int, Any] | None = None

    def ended(self) -> bool:
        """Whether the process has ended."""
        if self._left is None and (left := os.wait4(self.pid, os.WNOHANG))[0]:
            self._left = left
        return self._left is not None

    def end(self) -> tuple[int, float]:
        """End the process if it still runs; its exit status, or minus its signal, and its CPU seconds."""
        if self._left is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            self._left = os.wait4(self.pid, 0)
        _, status, usage = self._left
        return os.waitstatus_to_exitcode(status), round(usage.ru_utime + usage.ru_stime, 4)


def _gather(child: _Fork, answers: int, errors: int, relay: Relay, until: float) -> str:
    """Collect a program's output until its process ends; "late" or "flood" if it must be ended, else ""."""
    output, stderr = relay.kept
    poll = select.poll()
    for descriptor in (answers, errors):
        os.set_blocking(descriptor, False)
        poll.register(descriptor, select.POLLIN)
    # Where the end of a process is no event (macOS), it is polled every 5 ms.
    end = os.pidfd_open(child.pid) if sys.platform == "linux" else -1
    if end >= 0:
        poll.register(end, select.POLLIN)
    try:
        while (left := until - time.monotonic()) > 0:
            for descriptor, _ in poll.poll(1000 * left if end >= 0 else 5):
                if descriptor == answers and not output.read(answers):
                    poll.unregister(answers)
                if descriptor == errors and not stderr.read(errors):
                    poll.unregister(errors)
            ended = child.ended()
            if ended:
                # Its last output is still in the pipes.
                while not _too_much(output) and output.read(answers):
                    pass
                stderr.read(errors)
            if _too_much(output):
                return "flood"
            if ended:
                return ""
        return "late"
    finally:
        if end >= 0:
            os.close(end)


def _too_much(output: Kept) -> bool:
    return len(output) > len(_TAKEN) + MOST_OUTPUT


def _end_the_rest(child: int, tier: confine.Tier) -> None:
    """Kill processes that a program left behind. The filter allows none; this is for tier C, and in case the filter fails."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if tier == "A":
            os.kill(-1, signal.SIGKILL)  # all of this namespace but the first process, which is this one
        elif tier == "C":
            os.killpg(child, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
