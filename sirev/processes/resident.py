"""The parent's side of a resident child: an exec'd Python that trains or samples and ends with its parent.

Heavy libraries are imported only there, once. Their output goes to a log file, and their memory is certain to be free
when the child ends. Requests and events are JSON lines over pipes.
"""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import threading
from pathlib import Path

from sirev.errors import BadInput, SirevError
from sirev.processes.requests import Emit, Event, Request, Result, Resumable, Work, address, as_json, messages_of, typed
from sirev.processes.spawning import ALLOCATORS, environment, in_spawner, one_gpu, python, start


class ChildFailed(SirevError):
    """The child's work raised an error, or the child died. `log` is the file with its output."""

    def __init__(self, message: str, log: Path) -> None:
        super().__init__(message)
        self.log = log


class Resident:
    """One resident child, started at the first call, which serves one call at a time.

    `passes` are prefixes of environment variables that it gets in addition to those of every child.
    """

    def __init__(self, role: str, log: Path, threads: int, passes: tuple[str, ...] = ()) -> None:
        self.role = role
        self.log = log
        self.threads = threads
        self.passes = passes
        self.starts = 0
        self._process: subprocess.Popen[str] | None = None
        self._killed = False
        self._resumable = False
        self._turn = threading.Lock()

    def call(self, work: Work[Request, Event, Result], request: Request, on_event: Emit[Event]) -> Result:
        """Run `work` in the child with a request; events go to `on_event`, the result is returned.

        Raises BadInput if the function did, ChildFailed, with the reason in one line, if it raised another error or the child
        died.
        """
        messages = messages_of(work)
        with self._turn:
            self._resumable = isinstance(request, Resumable)
            process = self._running()
            assert process.stdin is not None
            assert process.stdout is not None
            with contextlib.suppress(BrokenPipeError):  # it died meanwhile; the loop below finds nothing to read
                process.stdin.write(as_json({"function": address(work), "request": request}) + "\n")
                process.stdin.flush()
            try:
                for line in process.stdout:
                    if not line.endswith("\n"):
                        break  # it died in the middle of a message
                    message = json.loads(line)
                    if "event" in message:
                        on_event(typed(messages.event, message["event"]))
                    elif message.get("status") == BadInput.exit_status:
                        raise BadInput(message["error"])
                    elif "error" in message:
                        raise ChildFailed(message["error"], self.log)
                    else:
                        result: Result = typed(messages.result, message["result"])
                        return result
            except (ChildFailed, BadInput):
                raise
            except BaseException:
                # The event handler failed, so the child is busy with work whose result is no longer needed.
                self._end()
                raise
            status = process.wait()
            self._process = None
            raise ChildFailed(f"the {self.role} process died ({_death(status)})", self.log)

    def stop(self) -> None:
        """End the child, which frees its memory; the next call starts another."""
        with self._turn:
            self._end()

    def end_work(self) -> None:
        """Let the child save the state of resumable work and end it, without waiting; the call then raises ChildFailed.

        A child with other work is killed.
        """
        if self._resumable and (process := self._process) is not None:
            process.send_signal(signal.SIGTERM)
        else:
            self.kill()

    def kill(self) -> None:
        """End the child at once; a call in progress raises ChildFailed, and no other child is started."""
        self._killed = True
        if (process := self._process) is not None:
            process.kill()
            process.wait()

    def _end(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def _running(self) -> subprocess.Popen[str]:
        if self._killed:
            raise ChildFailed(f"the {self.role} process was stopped", self.log)
        if self._process is None or self._process.poll() is not None:
            self._process = in_spawner(self._start)
            self.starts += 1
            if self._killed:  # while it was starting
                self._process.kill()
        return self._process

    def _start(self) -> subprocess.Popen[str]:
        with self.log.open("a") as log:
            return start(
                python("import sirev.processes.child; sirev.processes.child.main()"),
                self._environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                shielded=True,  # until it can handle signals that reach the whole process group
            )

    def _environment(self) -> dict[str, str]:
        given = {**environment(self.threads, self.passes), **one_gpu()}
        # Batches of varying lengths fragment a GPU's memory. vLLM, which allocates its memory at once, does not need this.
        grows = self.role == "trainer" and not any(name in given for name in ALLOCATORS)
        return {**given, ALLOCATORS[0]: "expandable_segments:True"} if grows else given


def _death(status: int) -> str:
    if status == -9:
        return "killed, perhaps for want of memory"
    return f"signal {-status}" if status < 0 else f"exit status {status}"
