"""The child's side of `sirev.processes.resident`: reads requests, runs functions, and ends with its parent."""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
import traceback
from typing import Any

from sirev.errors import SirevError
from sirev.processes.requests import as_json, function_at, messages_of, typed
from sirev.processes.termination import note_termination


def main() -> None:
    """Serve requests from stdin until it closes. Output of libraries goes to stderr, which is the log file."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides what it means
    note_termination()
    signal.pthread_sigmask(signal.SIG_SETMASK, ())  # signals were blocked until here
    events = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def send(message: dict[str, Any]) -> None:
        events.write(as_json(message) + "\n")
        events.flush()

    requests: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_read, args=(requests,), daemon=True).start()
    while True:
        asked = json.loads(requests.get())
        try:
            work = function_at(asked["function"])
            request = typed(messages_of(work).request, asked["request"])
            result = work(request, lambda event: send({"event": event}))
        except SirevError as error:  # its message is written for the user
            send({"error": str(error), "status": error.exit_status})
        except Exception as error:
            traceback.print_exc()
            send({"error": in_one_line(error)})
        else:
            send({"result": result})


def in_one_line(error: Exception) -> str:
    """The type and message of a library's error in one line, at most 400 characters of message."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:400]}"


def _read(requests: queue.Queue[str]) -> None:
    for line in sys.stdin:
        requests.put(line)
    os._exit(1)
