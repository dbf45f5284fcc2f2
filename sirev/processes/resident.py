"""The parent's side of a resident child: an exec'd Python that trains or samples and dies with its parent.

Heavy libraries are imported only there, once; their chatter goes to a log file; their memory is gone for certain
when the child is. Requests and events are JSON lines over pipes.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import threading
from pathlib import Path

from sirev.errors import BadInput, SirevError
from sirev.processes.requests import Emit, Event, Request, Result, Work, address, as_json, messages_of, typed
from sirev.processes.spawning import environment, in_spawner, python, start


class ChildFailed(SirevError):
    """The child's work raised, or the child died. `log` holds what it printed."""

    def __init__(self, message: str, log: Path) -> None:
        super().__init__(message)
        self.log = log


class Resident:
    """One resident child; started at the first call, serving one call at a time."""

    def __init__(self, role: str, log: Path, threads: int) -> None:
        self.role = role
        self.log = log
        self.threads = threads
        self.starts = 0
        self._process: subprocess.Popen[str] | None = None
        self._killed = False
        self._turn = threading.Lock()

    def call(self, work: Work[Request, Event, Result], request: Request, on_event: Emit[Event]) -> Result:
        """Run `work` in the child on a request; events go to `on_event`, the result is returned.

        Raises ChildFailed with the child's own one-line reason if the function raised or the child died.
        """
        messages = messages_of(work)
        with self._turn:
            process = self._running()
            assert process.stdin is not None
            assert process.stdout is not None
            with contextlib.suppress(BrokenPipeError):  # it died meanwhile; what follows finds nothing to read
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
                # Our own event handler failed, so the child is in the middle of something nobody waits for.
                self._end()
                raise
            status = process.wait()
            self._process = None
            raise ChildFailed(f"the {self.role} process died ({_death(status)})", self.log)

    def stop(self) -> None:
        """End the child, and with it all memory it holds; the next call starts another."""
        with self._turn:
            self._end()

    def kill(self) -> None:
        """End the child at once, even in the middle of a call, which then raises ChildFailed; none is started again."""
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
        # One GPU, the first that we may use: with several in sight transformers' trainer would spread over all.
        one_gpu = {"CUDA_VISIBLE_DEVICES": os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]}
        with self.log.open("a") as log:
            return start(
                python("import sirev.processes.child; sirev.processes.child.main()"),
                {**environment(self.threads), **one_gpu},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )


def _death(status: int) -> str:
    if status == -9:
        return "killed, perhaps for want of memory"
    return f"signal {-status}" if status < 0 else f"exit status {status}"
