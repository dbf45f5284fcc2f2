"""Children for the runs of tests: forked from a process that has imported the heavy libraries, which takes seconds, once.

Only how they start differs: each is a process of its own in which nothing was computed before, serves by
`sirev.processes.child`, logs where it is told and dies with this process. A child that is to have another environment than
the one the libraries were imported in is started afresh, as are all children of commands.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import select
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from sirev.execution import children
from sirev.processes.child import main
from sirev.processes.parent_death import die_with
from sirev.processes.resident import Resident
from sirev.processes.spawning import environment, python, start

HEAVY = ("torch", "transformers", "trl", "peft", "sirev.trainers.trl_steps", "sirev.trainers.pretrain", "sirev.engines.dispatch")
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
OWN = (*THREADS, "TMPDIR")
"""Variables that a forked child may have of its own: they are read late, or can be set late."""


class Stem:
    """The process that forks; started for the first child."""

    def __init__(self) -> None:
        self.environment = environment(threads=1)
        self._socket: socket.socket | None = None

    def suits(self, wanted: dict[str, str]) -> bool:
        own = dict.fromkeys(OWN, "")
        return {**wanted, **own} == {**self.environment, **own}

    def fork(self, log: int, own: dict[str, str]) -> Forked:
        if self._socket is None:
            self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            code = f"sys.path.append({str(Path(__file__).parents[1])!r}); from tests.warm_children import serve"
            one_gpu = {"CUDA_VISIBLE_DEVICES": self.environment.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]}
            start(
                python(f"{code}; serve({theirs.fileno()})"),
                {**self.environment, **one_gpu},
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
            )
            theirs.close()
        return Forked(self._socket, log, own)


class Forked:
    """A forked child, with as much of `subprocess.Popen` as a resident uses."""

    def __init__(self, stem: socket.socket, log: int, own: dict[str, str]) -> None:
        requests, to_child = os.pipe()
        from_child, events = os.pipe()
        self._word, theirs = socket.socketpair()
        socket.send_fds(stem, [json.dumps(own).encode()], [requests, events, log, theirs.fileno()])
        os.close(requests)
        os.close(events)
        theirs.close()
        self.stdin, self.stdout = os.fdopen(to_child, "w"), os.fdopen(from_child)
        number = self._word.recv(4)
        assert number, "the process that forks children has ended"
        self.pid = int.from_bytes(number, "big")
        self.returncode: int | None = None

    def poll(self) -> int | None:
        if self.returncode is None and select.select([self._word], [], [], 0)[0]:
            self.wait()
        return self.returncode

    def wait(self) -> int:
        if self.returncode is None:
            status = self._word.recv(4)
            self.returncode = int.from_bytes(status, "big", signed=True) if status else -signal.SIGKILL
            self._word.close()
        return self.returncode

    def kill(self) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)


@contextlib.contextmanager
def warm_children() -> Iterator[None]:
    """Fork the children of this process's runs, where their environment allows it."""
    stem = Stem()

    class Warm(Resident):
        def _start(self) -> Any:
            wanted = environment(self.threads)
            if not stem.suits(wanted):
                return super()._start()
            with self.log.open("a") as log:
                return stem.fork(log.fileno(), {name: wanted[name] for name in OWN if name in wanted})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(children, "Resident", Warm)
        yield


def serve(descriptor: int) -> None:
    """Fork for each request, until nobody is there to ask."""
    for name in HEAVY:
        importlib.import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    stem = socket.socket(fileno=descriptor)
    parent = os.getpid()
    while True:
        request, descriptors, _, _ = socket.recv_fds(stem, 1 << 16, 4)
        if not request:
            return
        if os.fork() == 0:
            stem.close()
            attend(parent, json.loads(request), descriptors)
        for one in descriptors:
            os.close(one)


def attend(parent: int, own: dict[str, str], descriptors: list[int]) -> NoReturn:
    """Fork the child itself, wait for its end, and pass on how that came about."""
    die_with(parent)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    *its, word = descriptors
    attendant = os.getpid()
    child = os.fork()
    if child == 0:
        die_with(attendant)
        try:
            for number, one in enumerate(its):
                os.dup2(one, number)
            for one in descriptors:
                os.close(one)
            for name in OWN:
                os.environ.pop(name, None)
            os.environ.update(own)
            importlib.import_module("torch").set_num_threads(int(own[THREADS[0]]))
            main()
        finally:
            os._exit(1)
    for one in (*its, 0, 1, 2):
        os.close(one)
    os.write(word, child.to_bytes(4, "big"))
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    with contextlib.suppress(BrokenPipeError):
        os.write(word, status.to_bytes(4, "big", signed=True))
    os._exit(0)
