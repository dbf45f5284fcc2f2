"""The runs of the last `iterate`, so that a report need not be told.

Kept outside of the store, because a replay that finds everything must leave the store untouched.
"""

from __future__ import annotations

import json

from sirev.execution.user_state import read_state, store_name, write_state
from sirev.store.runs import Run
from sirev.store.store import Store


def remember(store: Store, run_ids: list[str]) -> None:
    """Note what an `iterate` on this store ran or replayed; silently not, where nothing can be written."""
    write_state(_file(store), json.dumps({"newest": _newest(store.runs.all()), "runs": run_ids}))


def latest_runs(store: Store) -> list[Run]:
    """The runs of the last `iterate` on this store, as this machine remembers it or as the store's runs tell."""
    runs = store.runs.all()
    newest = _newest(runs)
    try:
        noted = json.loads(read_state(_file(store)) or "{}")
        ids, seen = list(noted["runs"]), str(noted["newest"])
    except (ValueError, KeyError, TypeError):
        ids, seen = [], ""
    found = [run for wanted in ids for run in runs if run.id == wanted]
    # One that was not there when the note was made is a later one. No clock is asked: it may have been set back since.
    if found and len(found) == len(ids) and newest == seen:
        return found
    return [run for run in runs if run.invocation == newest]


def _newest(runs: list[Run]) -> str:
    """The last invocation by its name, which begins with the time it began."""
    return max((run.invocation for run in runs), default="")


def _file(store: Store) -> str:
    return f"{store_name(store.path)}.json"
