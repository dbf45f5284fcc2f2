"""A bounded wait for the first answer of a shared store, with a message if it is not immediate."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from sirev.store.sharing.backend import Missing, RemoteFailed, patiently

if TYPE_CHECKING:
    from sirev.store.sharing.remote import Remote  # fsspec, not needed to import this

ANSWER_SECONDS = 10.0
"""Longest wait for the first answer of a shared store. Its libraries retry for half a minute, or without limit."""
RETRY_SECONDS = 300.0
"""After this time, a shared store that did not answer is asked again."""
MOMENT_SECONDS = 1.0
"""Wait without a message."""


def await_answer(remote: Remote, waiting: Callable[[str], None], seconds: float | None = None) -> None:
    """Wait for the first answer of a shared store. After MOMENT_SECONDS, call `waiting` with a message.

    Raises BadInput if the store refuses, RemoteFailed if it fails or does not answer within `seconds` (None: no limit). In the
    latter case a daemon thread keeps asking, without blocking anything.
    """
    ended = threading.Event()
    failures: list[Exception] = []

    def ask() -> None:
        try:
            with contextlib.suppress(Missing):
                patiently(remote.backend.answer)
        except Exception as error:  # raised below, in the waiting thread
            failures.append(error)
        finally:
            ended.set()

    threading.Thread(target=ask, name="sirev-ask", daemon=True).start()
    if not ended.wait(MOMENT_SECONDS):
        waiting(f"asking {remote.url} for what it has")
        if not ended.wait(seconds and max(0.0, seconds - MOMENT_SECONDS)):
            raise RemoteFailed(f"{remote.url} did not answer within {seconds:.0f} s: is there a network?")
    if failures:
        raise failures[0]
