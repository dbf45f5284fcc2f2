"""Children of runs, and commands, forked from a process that has imported everything, which takes seconds, only once.

Each is a separate process in which nothing was computed before. A process whose environment differs in variables that
libraries read at import is started normally, and so is a command whose process itself is tested.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import pkgutil
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

import pytest

from sirev.execution import children
from sirev.processes.child import main as serve_as_child
from sirev.processes.imports import quick_imports
from sirev.processes.parent_death import die_with
from sirev.processes.resident import Resident
from sirev.processes.spawning import environment, in_spawner, one_gpu, python, start

HEAVY = ("torch", "transformers", "trl", "peft", "sirev.trainers.trl_steps", "sirev.trainers.pretrain", "sirev.engines.dispatch")
"""Modules imported for children."""
USE_TRL = ("sirev.trainers.trl_steps", "sirev.trainers.sft", "sirev.trainers.dpo")
LIGHT = ("numpy", "pyarrow.parquet", "rich.progress", "rich.table", "scipy.stats", "joblib", "yaml", "fsspec")
"""Libraries imported for commands, in addition to all modules of `ROOMS`."""
ROOMS = ("cli", "api", "reporting", "explain", "study", "metrics", "store", "recipe")
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
IMPORTS = ("TORCHINDUCTOR_CACHE_DIR", "VLLM_LOGGING_LEVEL", "KMP_", "HF_HUB_DISABLE_TELEMETRY", "DO_NOT_TRACK")
"""Variables that torch, TRL and sirev set for themselves."""
OWN = (*THREADS, "TMPDIR", "PYTHONPATH", *IMPORTS)
"""Variables that may differ in a child: they are read late, or can be set late."""
LATE = ("AWS_", "PYTEST_", "SIREV_", "XDG_", "TMPDIR", "NO_COLOR", "COLUMNS", *IMPORTS)
"""Prefixes of variables that may differ in a command."""


class Forked:
    """A forked process, with the parts of `subprocess.Popen` that are used here."""

    stdin: Any = None
    stdout: Any = None

    def __init__(self, stem: socket.socket, request: object, descriptors: list[int]) -> None:
        self._word, theirs = socket.socketpair()
        with theirs:
            socket.send_fds(stem, [json.dumps(request).encode()], [theirs.fileno(), *descriptors])
        number = self._word.recv(4)
        assert number, "the process that forks has ended"
        self.pid = int.from_bytes(number, "big")
        self.returncode: int | None = None
        self._waiting = threading.Lock()

    def poll(self) -> int | None:
        if self._waiting.acquire(blocking=False):  # else another thread waits for its end
            try:
                if self.returncode is None and select.select([self._word], [], [], 0)[0]:
                    self._wait()
            finally:
                self._waiting.release()
        return self.returncode

    def wait(self) -> int:
        with self._waiting:
            return self._wait()

    def _wait(self) -> int:
        if self.returncode is None:
            status = self._word.recv(4)
            self.returncode = int.from_bytes(status, "big", signed=True) if status else -signal.SIGKILL
            self._word.close()
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Stem:
    """A process that forks others, each running a function of this module; started when first needed."""

    def __init__(self, function: str, surroundings: Mapping[str, str]) -> None:
        self.function = function
        self.environment = dict(surroundings)
        self._socket: socket.socket | None = None

    @property
    def socket(self) -> socket.socket:
        if self._socket is None:
            self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            code = f"sys.path.append({str(Path(__file__).parents[1])!r}); from tests import forked"
            command = python(f"{code}; forked.serve({theirs.fileno()}, forked.{self.function})")
            with theirs:
                start(command, self.environment, pass_fds=(theirs.fileno(),), stdin=subprocess.DEVNULL)
        return self._socket


class Warm(Resident):
    """A resident whose child is forked if its environment allows it."""

    surroundings: Mapping[str, str]
    stem: Callable[[], socket.socket]

    def _start(self) -> Any:
        wanted = environment(self.threads)
        if {**wanted, **dict.fromkeys(OWN)} != {**self.surroundings, **dict.fromkeys(OWN)}:
            return super()._start()
        requests, to_child = os.pipe()
        from_child, events = os.pipe()
        with self.log.open("a") as log:
            own = {name: wanted[name] for name in OWN if name in wanted}
            child = Forked(type(self).stem(), [os.getcwd(), own], [requests, events, log.fileno()])
        os.close(requests)
        os.close(events)
        child.stdin, child.stdout = os.fdopen(to_child, "w"), os.fdopen(from_child)
        return child


class Forks:
    """The forking processes of this test process."""

    def __init__(self) -> None:
        surroundings = environment(threads=1)
        self._children = Stem("child", {**surroundings, **one_gpu()})
        self._commands = Stem("command", {**os.environ, "NO_COLOR": "1"})
        self._surroundings = surroundings

    @contextlib.contextmanager
    def for_runs(self) -> Iterator[None]:
        """A context in which the children of this process's runs are forked."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(children, "Resident", _warm(self._surroundings, lambda: self._children.socket))
            yield

    def resident(self, log: Path) -> Resident:
        """A new child for training or sampling."""
        return _warm(self._surroundings, lambda: self._children.socket)("worker", log, threads=1)

    def suits(self, wanted: Mapping[str, str]) -> bool:
        """Whether a command with these variables can be forked."""
        ours, theirs = ({k: v for k, v in one.items() if not k.startswith(LATE)} for one in (self._commands.environment, wanted))
        return ours == theirs

    def run(self, arguments: list[str], folder: Path, wanted: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """Run `sirev` with arguments and the variables `wanted` in a folder."""
        request = [arguments, str(folder), dict(wanted), self._surroundings]
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, open(os.devnull) as nothing:
            stems = in_spawner(lambda: (self._commands.socket, self._children.socket.fileno()))
            descriptors = [nothing.fileno(), out.fileno(), err.fileno(), stems[1]]
            status = Forked(stems[0], request, descriptors).wait()
            out.seek(0)
            err.seek(0)
            texts = [file.read().decode().replace("\r\n", "\n") for file in (out, err)]
        return subprocess.CompletedProcess(["sirev", *arguments], status, *texts)


def _warm(surroundings: Mapping[str, str], stem: Callable[[], socket.socket]) -> type[Warm]:
    return type("OwnWarm", (Warm,), {"surroundings": surroundings, "stem": staticmethod(stem)})


# In the forking process, and in forked ones.


def serve(descriptor: int, function: Callable[[Any, list[int]], NoReturn]) -> None:
    """Fork for each request, until the requesting process is gone."""
    names = HEAVY if function is child else LIGHT
    with quick_imports():
        for name in names:
            importlib.import_module(name)
        for room in () if function is child else ROOMS:
            package = importlib.import_module(f"sirev.{room}")
            for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
                importlib.import_module(module.name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the test runner
    stem = socket.socket(fileno=descriptor)
    parent = os.getpid()
    while True:
        request, descriptors, _, _ = socket.recv_fds(stem, 1 << 20, 8)
        if not request:
            return
        if os.fork() == 0:
            stem.close()
            _attend(parent, json.loads(request), descriptors, function)
        for one in descriptors:
            os.close(one)


def _attend(parent: int, request: Any, descriptors: list[int], function: Callable[[Any, list[int]], NoReturn]) -> NoReturn:
    """Fork the process itself, wait for its end, and pass its status on."""
    die_with(parent)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    word, *its = descriptors
    attendant = os.getpid()
    forked = os.fork()
    if forked == 0:
        die_with(attendant)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            os.close(word)
            for number, one in enumerate(its[:3]):
                os.dup2(one, number)
                os.close(one)
            function(request, its[3:])
        finally:
            os._exit(1)
    for one in (*its, 0, 1, 2):
        os.close(one)
    os.write(word, forked.to_bytes(4, "big"))
    status = os.waitstatus_to_exitcode(os.waitpid(forked, 0)[1])
    with contextlib.suppress(BrokenPipeError):
        os.write(word, status.to_bytes(4, "big", signed=True))
    os._exit(0)


def child(request: Any, _: list[int]) -> None:
    """Serve as the child of a run; with another PYTHONPATH it may import another TRL."""
    folder, own = request
    os.chdir(folder)
    if (path := own.get("PYTHONPATH", "")) != os.environ.get("PYTHONPATH", ""):
        sys.path[:0] = path.split(os.pathsep)
        for name in [*sys.modules]:
            if name.partition(".")[0] == "trl" or name in USE_TRL:
                del sys.modules[name]
                package, _, module = name.rpartition(".")
                if package in sys.modules:  # `from package import module` looks here first
                    vars(sys.modules[package]).pop(module, None)
    for name in OWN:
        os.environ.pop(name, None)
    os.environ.update(own)
    importlib.import_module("torch").set_num_threads(int(own[THREADS[0]]))
    serve_as_child()


def command(request: Any, descriptors: list[int]) -> None:
    """Run as the command `sirev`, whose runs have forked children too."""
    from sirev.cli.main import main
    from sirev.cli.store.transfer_progress import Moving
    from sirev.store.sharing import answering

    arguments, folder, variables, surroundings = request
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    stem = socket.socket(fileno=descriptors[0])
    children.Resident = _warm(surroundings, lambda: stem)  # type: ignore[misc]
    answering.MOMENT_SECONDS = Moving.lines_every = 60.0  # a loaded machine is not a store that is slow to answer
    sys.argv = ["sirev", *arguments]
    main()
