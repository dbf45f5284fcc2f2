"""Sending of runs to a tracker: training curves, measures of models, key and page; nothing is sent twice."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from sirev import __version__
from sirev.errors import SirevError
from sirev.execution.planner import Planner
from sirev.execution.sent import Sent
from sirev.execution.tracker import Tracker
from sirev.explain.action_diff import flat
from sirev.store.digests import canonical_json, sha256
from sirev.store.runs import Pin, Run
from sirev.store.sharing.private import shareable
from sirev.store.store import Store
from sirev.study.comparing import comparison, comparison_at, recorded_measures, settings_of
from sirev.study.step_names import COMPARISON, parse_step, stage_of
from sirev.trackers.dispatch import TrackedPoint, TrackedRun

if TYPE_CHECKING:
    from sirev.metrics.comparison.contents import Comparison
    from sirev.trainers.dispatch import LogEntry

    Curve = Iterable[tuple[int, LogEntry]]
    """Optimizer steps in order, with the metrics of each."""

OF_TRAININGS, OF_MODELS = "train/global_step", "t"
"""The x-axes: the optimizer step, under transformers' name, and t."""


class RunSender:
    """Sender of a store's runs to a tracker, without what was sent before. Only for use in the tracker's jobs.

    It opens its own store, since lookups of other threads are only held while those run.
    """

    def __init__(
        self,
        tracker: Tracker,
        store: Path,
        planner: Callable[[Store, Run], Planner] | None,
        note: Callable[[Run, str], None],
        *,
        again: bool = False,
    ) -> None:
        """`planner` plans running runs; `again` sends everything again."""
        self.points = 0
        """Number of sent points."""
        self._tracker = tracker
        self._path = store
        self._planner = planner
        self._note = note
        self._again = again
        self._sent: dict[str, Sent] = {}
        self._unsaved: dict[str, Run] = {}
        """Runs whose sent points are recorded only once the tracker surely has them."""

    def send_curves(self, run: Run, curves: Mapping[str, Curve]) -> None:
        """Send the new points of training curves; `curves`: name of the training step -> curve."""
        sent = self._of(run).curves
        new = [
            (training, step, entry) for training, curve in curves.items() for step, entry in curve if step > sent.get(training, 0)
        ]
        if new:
            self._send(run, [TrackedPoint(OF_TRAININGS, step, _numbers(training, entry)) for training, step, entry in new])
            sent.update((training, step) for training, step, _ in new)
            self._note_sent(run)

    def send_measured(self, run: Run) -> None:
        """Send the values of each measured M_t but the last, whose values come with the comparison of the whole run."""
        if self._planner is None or self._of(run).whole is not None:
            return
        planned = self._planner(self._store, replace(run, pins=dict(run.pins))).steps[COMPARISON]
        for t in planned.parameters.runs[0]["iterations"][:-1]:
            if str(t) in self._of(run).values:
                continue
            if found := comparison_at(planned.parameters, planned.inputs, t, self._watch):
                self._send_values(run, {t: found})

    def send_rest(self, run_id: str) -> None:
        """Send all stored results of a run; of a finished run also its key and page."""
        run = self._store.runs.get(run_id)
        if run is None:
            return
        ended = run.pins.get(COMPARISON) if run.status != "running" else None
        if ended is not None and self._of(run).whole == ended.artifact:
            return
        self.send_curves(run, {name: _recorded(self._store, pin) for name, pin in run.pins.items() if stage_of(name) == "train"})
        if ended is None:
            self.send_measured(run)
            return
        sent = self._of(run)
        known = sent.values if sent.whole is None else {}  # values of an earlier comparison may have changed
        compared = comparison(self._store, [run], self._watch)
        ts = [iteration["t"] for iteration in compared["runs"][0]["iterations"]]
        until_then = {t: self._compared_then(run, t) or compared for t in ts[:-1] if str(t) not in known}
        # Before the values: trackio stores a configuration with the next logged point.
        self._tracker.send(tracked_run(self._store, run), [], {"key": ended.key, "status": run.status})
        self._send_values(run, {**dict.fromkeys(ts, compared), **until_then})
        self._unsaved[run.id] = run
        if self._send_page(run):
            sent.whole = ended.artifact

    def close(self, seconds: float) -> None:
        """End the sending, as `Tracker.close` does, and record what arrived."""
        self._tracker.close(seconds, self._save_unsaved)

    def _compared_then(self, run: Run, t: int) -> Comparison | None:
        """The comparison with M_t as the run's last model, for its headline; None if its measures are gone."""
        try:
            return comparison_at(*recorded_measures(self._store, run), t, self._watch)
        except SirevError:
            return None

    def _watch(self, runs: int, done: int, models: int) -> None:
        self._tracker.alive()

    @cached_property
    def _store(self) -> Store:
        return Store(self._path)

    def _send_values(self, run: Run, compared: Mapping[int, Comparison]) -> None:
        """Send new or changed values of each M_t; `compared`: t -> its comparison."""
        from sirev.reporting.tracked import tracked_values  # a replay has no use for it

        sent = self._of(run).values
        points = []
        for t, found in compared.items():
            known = sent.get(str(t), {})
            if new := {name: value for name, value in tracked_values(found, t).items() if known.get(name) != value}:
                points.append(TrackedPoint(OF_MODELS, t, new))
        if points:
            self._send(run, points)
            for point in points:
                sent[str(point.step)] = {**sent.get(str(point.step), {}), **point.values}
            self._note_sent(run)

    def _send_page(self, run: Run) -> bool:
        """Send the page of a run, if the tracker holds files; False if it did not arrive. The reason is noted."""
        if not self._tracker.target.kind.holds_files:
            return True
        from sirev.reporting.summary import report  # figures; a replay has no use for them
        from sirev.reporting.web import write_page

        path = self._tracker.scratch / f"{run.id[:200]}.html"
        try:
            shown = report(runs=[run.id], store=self._store, watch=self._watch)
            write_page(shown, self._store, path, told=lambda line: self._tracker.alive())
        except SirevError as error:
            self._note(run, f"{self._tracker.target} has no page: {error}")
            return True
        refused = self._tracker.send_page(tracked_run(self._store, run), path)
        if refused is not None:
            self._note(run, f"{self._tracker.target} has no page: {refused}")
        return refused is None

    def _send(self, run: Run, points: list[TrackedPoint]) -> None:
        self._tracker.send(tracked_run(self._store, run), points, {})
        self.points += len(points)

    def _of(self, run: Run) -> Sent:
        if run.id not in self._sent:
            self._sent[run.id] = Sent.of(self._tracker.target, self._store.id, run.id, nothing=self._again)
        return self._sent[run.id]

    def _note_sent(self, run: Run) -> None:
        if self._tracker.target.kind.delivers_late:
            self._unsaved[run.id] = run
        else:
            self._save(run)

    def _save_unsaved(self) -> None:
        for run in self._unsaved.values():
            self._save(run)

    def _save(self, run: Run) -> None:
        if not self._of(run).save():
            self._note(run, "what was sent to the tracker can't be remembered, and would be sent again: see XDG_STATE_HOME")


def tracked_run(store: Store, run: Run) -> TrackedRun:
    """A run for trackers; runs of one study form a group."""
    config = {
        "run": run.id,
        "recipe": run.recipe,
        "method": run.method,
        "seed": run.seed,
        "store": store.id,
        "sirev": __version__,
        **flat({"settings": shareable(run).settings}),
    }
    name = sha256(canonical_json([store.id, run.id]))[:16]
    return TrackedRun(name, run.id, "-".join(filter(None, (run.recipe, settings_of(run)))), config)


def _numbers(training: str, entry: LogEntry) -> dict[str, float | str]:
    """The finite numbers of an entry, under transformers' names with M_t inserted."""
    name = parse_step(training)
    of = f"{name.what or 'M'}_{name.t}"
    finite = {what: value for what, value in entry.items() if value is not None and math.isfinite(value)}
    return {f"train/{of}/{what}": value for what, value in finite.items() if what != "step"}


def _recorded(store: Store, pin: Pin) -> Curve:
    """The recorded curve of a training."""
    record = store.records.get(pin.key, pin.artifact)
    log: list[LogEntry] = record.provenance.get("log", []) if record is not None else []
    return [(int(at), entry) for entry in log if (at := entry.get("step")) is not None]
