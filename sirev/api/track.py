"""`sirev.track`: sending a finished run to a tracker."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from sirev.api.run_sender import RunSender
from sirev.api.tracking import UNANSWERED_SECONDS
from sirev.errors import BadInput, StageFailed
from sirev.execution.listener import Listener
from sirev.execution.tracker import Tracker
from sirev.execution.tracker_target import TRACK, tracker_target
from sirev.explain.lookup import run_named
from sirev.store.store import Store
from sirev.study.remedies import require_store, rerun
from sirev.study.step_names import COMPARISON
from sirev.trackers.dispatch import TRACKERS


def track(
    run: str,
    track: str | None = None,
    *,
    store: Store | str | Path | None = None,
    again: bool = False,
    listener: Listener | None = None,
) -> int:
    """Send a finished run to a tracker, such as "trackio" or "wandb:PROJECT", and return the number of new points.

    `run` is an id or its beginning; `track` defaults to SIREV_TRACK. Points that were sent before are only sent again with
    `again`. Raises BadInput for an unknown or unfinished run and for an unknown tracker or one that is not installed, and
    StageFailed if the tracker fails.
    """
    target = tracker_target(track)
    if target is None:
        raise BadInput(f"to which tracker? name one of {', '.join(TRACKERS)} with --track, or in {TRACK}")
    opened = store if isinstance(store, Store) else Store(store)
    require_store(opened)
    found = run_named(opened, run)
    if COMPARISON not in found.pins or found.status == "running":
        again_by = rerun(found, opened)
        raise BadInput(f"{found.id} is not finished; continue with: {again_by.command} ({again_by.note})")
    failures: list[str] = []
    tracker = Tracker(target, failures.append)
    sender = RunSender(tracker, opened.path, None, (listener or Listener()).note, again=again)
    tracker.submit(partial(sender.send_rest, found.id))
    sender.close(UNANSWERED_SECONDS)
    if failures:
        raise StageFailed(f"{target}: {failures[0]}")
    return sender.points
