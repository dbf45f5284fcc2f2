"""Ending of processes with their parent. Imports little, because a worker that forks for every program imports this."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def die_with(parent: int) -> None:
    """End this process when its parent, of this process id, ends for any reason (on Linux), or now if it is gone already."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it was gone before the request for the signal
        os._exit(1)
