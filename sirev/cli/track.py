"""`sirev track`: sending a finished run to a tracker."""

from __future__ import annotations

from pathlib import Path

from sirev.api.track import track
from sirev.cli.progress import Progress
from sirev.listing import count_text
from sirev.printing import out


def run(name: str, tracker: str | None, store: Path | None, again: bool) -> None:
    """Send a run, and print the number of new points."""
    progress = Progress()
    points = track(name, tracker, store=store, again=again, listener=progress)
    progress.say_notes()
    if points:
        out(f"{count_text(points, 'point')} sent: optimizer steps of its trainings, and measured models")
    else:
        out("All points were sent before; --again sends them once more.")
