"""A worker: an interpreter started for nothing but running programs, one fork each. It knows no verdict and no secret.

Exec'd, not forked from whoever grades: a fork would inherit pipes, locks and memory. Requests and replies are messages
(`wire`) on its standard input and output; it ends when the input does.

What a worker holds every later program can read, since each is a fork of it. So it holds nothing: it forks as soon as a request
is there, the fork takes the request from the pipe, and what the program writes passes through a `Relay`.
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
"""Bytes of answers after which a program is ended."""
_TAKEN = b"\x06"
"""What a fork writes before its program runs: its request is out of the pipe, all of it, so the next one may come."""
_CHANNEL = 3
_REQUESTS, _REPLIES = 4, 5
"""Where a worker's own pipes are, so that its programs find the usual three descriptors where they expect them."""


def main() -> None:
    """`argv`: the number of the process that started it, the tier, CPU seconds, bytes of memory, seconds by the clock."""
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
    gc.freeze()  # what is here now is never garbage: a fork that looks through it would copy all of it
    while _asked():
        reply = _run(names, confinement, seconds, wall, relay)
        output, stderr = (kept.content for kept in relay.kept)
        if output[: len(_TAKEN)] != _TAKEN:
            break  # what is left of the request would be taken for the next one
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
    if null != _CHANNEL:  # taken, so that no pipe of a program's comes to lie there
        os.dup2(0, _CHANNEL)
    else:
        os.open(os.devnull, os.O_RDWR)


def _asked() -> bool:
    """Wait for a request and leave it where it is; False at the end of them."""
    poll = select.poll()
    poll.register(_REQUESTS, select.POLLIN)
    return any(event & select.POLLIN for _, event in poll.poll())


def _take() -> dict[str, Any]:
    """The request, by the fork that runs it, and the end of its way to others."""
    content = wire.receive_message(_REQUESTS)
    os.close(_REQUESTS)
    if content is None:  # whoever grades is gone
        os._exit(0)
    os.write(_CHANNEL, _TAKEN)
    request: dict[str, Any] = json.loads(content)
    return request


def _run(names: dict[str, Any], confinement: confine.Confinement, seconds: int, wall: float, relay: Relay) -> dict[str, Any]:
    """Run the program of the next request; what became of its process. What it wrote is in the relay."""
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
    """The process of a program."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._left: tuple[int, int, Any] | None = None

    def ended(self) -> bool:
        """Whether it has ended by itself."""
        if self._left is None and (left := os.wait4(self.pid, os.WNOHANG))[0]:
            self._left = left
        return self._left is not None

    def end(self) -> tuple[int, float]:
        """End it if it has not; its exit status, or minus the signal it died of, and its CPU seconds."""
        if self._left is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            self._left = os.wait4(self.pid, 0)
        _, status, usage = self._left
        return os.waitstatus_to_exitcode(status), round(usage.ru_utime + usage.ru_stime, 4)


def _gather(child: _Fork, answers: int, errors: int, relay: Relay, until: float) -> str:
    """Take all that a program writes until it has ended; "late" or "flood" where it has to be ended, else ""."""
    output, stderr = relay.kept
    poll = select.poll()
    for descriptor in (answers, errors):
        os.set_blocking(descriptor, False)
        poll.register(descriptor, select.POLLIN)
    # Where the end of a process is no event (macOS), it is looked for every 5 ms.
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
                # What it wrote last is still in the pipes.
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
    """Kill whatever a program left behind. The filter lets it leave nothing; this is for tier C, and in case it is wrong."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if tier == "A":
            os.kill(-1, signal.SIGKILL)  # all of this namespace but the first process, which is this one
        elif tier == "C":
            os.killpg(child, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
