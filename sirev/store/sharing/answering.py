"""The first answer of a shared store: waited for only so long, and spoken of where it takes longer than a moment."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable

from sirev.store.sharing.backend import Missing, RemoteFailed, patiently
from sirev.store.sharing.remote import Remote

ANSWER_SECONDS = 10.0
"""How long a shared store may take to answer at all. Its libraries try again for half a minute, or know no limit."""
MOMENT_SECONDS = 1.0
"""How long that is waited for without a word."""


def await_answer(remote: Remote, waiting: Callable[[str], None]) -> None:
    """Wait until the shared store answers. `waiting` is told of it where that takes longer than a moment.

    Raises BadInput where it refuses, RemoteFailed where it fails or does not answer in time; it is then still asked, by a thread
    that holds nobody up.
    """
    ended = threading.Event()
    failures: list[Exception] = []

    def ask() -> None:
        try:
            with contextlib.suppress(Missing):
                patiently(remote.backend.answer)
        except Exception as error:  # raised below, by who waits
            failures.append(error)
        finally:
            ended.set()

    threading.Thread(target=ask, name="sirev-ask", daemon=True).start()
    if not ended.wait(MOMENT_SECONDS):
        waiting(f"asking {remote.url} for what it has")
        if not ended.wait(ANSWER_SECONDS - MOMENT_SECONDS):
            raise RemoteFailed(f"{remote.url} did not answer within {ANSWER_SECONDS:.0f} s: is there a network?")
    if failures:
        raise failures[0]
