"""Memory of the runs of the last `iterate`, the default for reports.

It is kept outside the store, because a replay of cached results must not change the store.
"""

from __future__ import annotations

import json

from sirev.execution.user_state import read_state, store_name, write_state
from sirev.store.runs import Run
from sirev.store.store import Store


def remember(store: Store, run_ids: list[str]) -> None:
    """Save the runs of an `iterate` on this store; does nothing where nothing can be written."""
    write_state(_file(store), json.dumps({"newest": _newest(store.runs.all()), "runs": run_ids}))


def latest_runs(store: Store) -> list[Run]:
    """The runs of the last `iterate` on this store: those remembered on this machine, else those of the newest invocation."""
    runs = store.runs.all()
    newest = _newest(runs)
    try:
        noted = json.loads(read_state(_file(store)) or "{}")
        ids, seen = list(noted["runs"]), str(noted["newest"])
    except (ValueError, KeyError, TypeError):
        ids, seen = [], ""
    found = [run for wanted in ids for run in runs if run.id == wanted]
    # A newer invocation than the remembered one is a later `iterate`. Names are compared, not clocks, which may be set back.
    if found and len(found) == len(ids) and newest == seen:
        return found
    return [run for run in runs if run.invocation == newest]


def _newest(runs: list[Run]) -> str:
    """The last invocation by name, which begins with its start time."""
    return max((run.invocation for run in runs), default="")


def _file(store: Store) -> str:
    return f"{store_name(store.path)}.json"
