"""A note on unreliable locks, given once per store and machine."""

from __future__ import annotations

import os

from sirev.execution.listener import Listener
from sirev.execution.user_state import read_state, store_name, write_state
from sirev.store.lock_scope import lock_doubt
from sirev.store.runs import Run
from sirev.store.store import Store


def note_locks(store: Store, run: Run, listener: Listener) -> None:
    """Note once that concurrent commands may compute a step twice, where locks may not work."""
    name = f"locks-{store_name(store.path)}-{os.uname().nodename}"
    if type(listener) is Listener or read_state(name) is not None:  # no listener, or noted before
        return
    if (doubt := lock_doubt(store.path)) is not None:
        listener.note(
            run,
            f"locks in {store.path} can't be relied on: {doubt}; commands that run there side by side may compute a step "
            "twice, which is then noted; the segments of one sweep never do",
        )
        write_state(name, doubt)
