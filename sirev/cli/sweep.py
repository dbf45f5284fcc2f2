"""`sirev sweep`: computation, plan and status of a grid's runs."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sirev.api.slurm_jobs import cancel_jobs, jobs_in_queue
from sirev.api.sweep import GridSweep, require_engine, run, usual_engine
from sirev.api.sweep_plan import SweepPlan
from sirev.api.sweep_status import SegmentStatus, SweepStatus, sweep_status
from sirev.cli.bars import say_if_read
from sirev.cli.lines import Line, print_styled, wrapped
from sirev.cli.options import refuse
from sirev.cli.plan import given_rates, target_of
from sirev.cli.plan_lines import HEADING
from sirev.cli.progress import Progress
from sirev.cli.sweep_progress import SweepProgress, title
from sirev.cli.units import time_taken
from sirev.errors import StageFailed
from sirev.execution.failures import FailedSegment, SegmentsFailed
from sirev.execution.slurm import SlurmSettings, SlurmUnreachable, sbatch_options
from sirev.explain.run_states import States
from sirev.extras import install_command
from sirev.listing import count_text
from sirev.machine.doctor import visible_gpus
from sirev.printing import out, out_json
from sirev.quoting import as_typed
from sirev.recipe.grid import read_grid
from sirev.reporting.tables import TextTable
from sirev.reporting.terminal import print_tables
from sirev.store.store import Store

_SCHEMA = 1
"""Version of the JSON forms; docs/sweeps.md describes them."""
_GPUS = (1, 8, 64)


@dataclass(frozen=True)
class EngineOptions:
    """Engine options of the command line; `on` None: the engine that uses every GPU of this machine."""

    on: str | None
    retries: int
    slurm: Sequence[str]
    at_most: int | None

    def settings(self) -> SlurmSettings:
        """The settings for Slurm; BadInput for options that don't go together."""
        if self.on is not None:
            require_engine(self.on)
        if self.on != "slurm":
            refuse({"--slurm": self.slurm, "--at-most": self.at_most}, "only with --on slurm")
        return SlurmSettings(sbatch_options(self.slurm), self.at_most)


def open_sweep(
    grid: Path,
    store: Path | None,
    remote: str | None,
    push: bool,
    scratch: Path | None,
    unsafe_code: bool,
    track: str | None,
) -> GridSweep:
    """The sweep of a grid file."""
    return GridSweep(
        read_grid(grid), Store(store), unsafe_code=unsafe_code, remote=remote, push=push, scratch=scratch, track=track
    )


def plan_of(made: GridSweep, gpu: str | None, rates: Sequence[str]) -> SweepPlan:
    """The plan of a sweep for a named GPU, else for the one here or the one that the recipes require."""
    recipes = [one.request.recipe for one in made.runs.values()]
    recipe = next((one for one in recipes if one.gpu == "required"), recipes[0])
    return SweepPlan(made, target_of(recipe, gpu, None, made.grid.overlays), given_rates(rates))


def cancel(made: GridSweep) -> None:
    """Cancel the jobs of a sweep, and print their number; StageFailed if some remain."""
    found, left = cancel_jobs(made)
    out(f"{count_text(len(found), 'job')} cancelled")
    if left:
        raise StageFailed(f"still in Slurm's queue: {', '.join(sorted(left))}")


def compute(plan: SweepPlan, engine: EngineOptions) -> None:
    """Compute all segments, with one line each, then print the time taken."""
    began = time.monotonic()
    made, settings = plan.sweep, engine.settings()
    on = engine.on or _usual_engine()
    if on != "here":
        made.require_answer(Progress())
    made.catch_up(Progress())
    todo = made.unfinished()
    sizes = {one.id: plan.hours[one.id] or len(one.places) / 3600 for one in todo}
    try:
        with _jobs_go_on(made) if on == "slurm" else nullcontext(), SweepProgress(todo, sizes) as progress:
            run(made, on, engine.retries, progress, progress.told, todo, settings)
    except SegmentsFailed as error:
        print_tables([_failures_table(error.failures)])
        raise StageFailed(error.left) from error
    progress.say_notes()
    say_if_read(f"{count_text(len(made.runs), 'run')} complete, {time_taken(time.monotonic() - began)}")


def _usual_engine() -> str:
    """The default engine; prints a note if it uses only one of several GPUs."""
    engine = usual_engine()
    if engine == "here" and (gpus := visible_gpus()) > 1:
        say_if_read(f"note: one of {gpus} GPUs is used; to use all: {install_command('ray')}")
    return engine


@contextmanager
def _jobs_go_on(made: GridSweep) -> Iterator[None]:
    """A context that, after an interruption, prints how to see and cancel the jobs that remain, if any."""
    try:
        yield
    except Exception:
        raise
    except BaseException:
        if _jobs_stay(made):
            shows, ends = (command_for(made, word) for word in ("--status", "--cancel"))
            say_if_read(f"the jobs stay in Slurm's queue. To see them: {shows}\nTo cancel them: {ends}")
        raise


def _jobs_stay(made: GridSweep) -> bool:
    try:
        return bool(jobs_in_queue(made))
    except SlurmUnreachable:  # there may be some
        return True


def command_for(made: GridSweep, word: str) -> str:
    """The command line for the same sweep with another option, such as --status."""
    options = [
        *(["--remote", made.remote] if made.remote is not None else []),
        *(["--push"] if made.push else []),
        *(["--allow-unsafe-code"] if made.unsafe_code else []),
    ]
    return as_typed("sirev", "sweep", made.grid.path, word, "--store", made.store.path, *options)


def show_plan(plan: SweepPlan, form: str) -> None:
    """Print the remaining work and its time."""
    if form == "json":
        out_json(_plan_json(plan))
    else:
        print_styled(lambda width: _plan_lines(plan, width))


def show_status(made: GridSweep, form: str) -> None:
    """Print one row per run: state, stored steps, and why it failed; then the segments that are being computed."""
    made.catch_up(Progress(), "the status is that of the store here")
    states = States(made.store)
    rows: list[dict[str, Any]] = []
    for name, planner in made.planners().items():
        stored = made.store.runs.get(name)
        found = Counter(planner.states.values())["hit"]
        state = states.of(stored) if stored is not None else "waiting"
        rows.append(
            {"run": name, "state": state, "cached": found, "steps": len(planner.steps), "reason": stored and stored.reason}
        )
    status = sweep_status(made)
    if form == "json":
        segments = [_segment_json(one) for one in status.segments]
        out_json({"schema": _SCHEMA, "runs": rows, "segments": segments, "slurm": status.trouble or None})
        return
    table = TextTable(f"{made.grid.path.name}", ["run", "state", "steps"], 2)
    table.rows = [[row["run"], row["state"], f"{row['cached']} of {row['steps']}"] for row in rows]
    counts = Counter(row["state"] for row in rows)
    table.notes.append(", ".join(f"{count} {state}" for state, count in counts.items()))
    table.notes += [f"{row['run']}: {row['reason']}" for row in rows if row["state"] == "failed"]
    failed = [one.failure for one in status.segments if one.state == "failed"]
    print_tables([table, _segments_table(status), *([_failures_table(failed)] if failed else [])])


def _segment_json(one: SegmentStatus) -> dict[str, Any]:
    return {
        "id": one.segment.id,
        "leader": one.segment.leader,
        "runs": sorted(one.segment.runs),
        "state": one.state,
        "job": one.job,
        "note": one.note or None,
        "log": None if one.log is None else str(one.log),
    }


def _segments_table(status: SweepStatus) -> TextTable:
    """A table with one row per running or queued segment, and counts of all states."""
    table = TextTable("segments", ["segment", "state", "job", "where or why"], 4)
    table.rows = [
        [title(one.segment), one.state, one.job or "-", one.note] for one in status.segments if one.state in ("running", "queued")
    ]
    counts = Counter(one.state for one in status.segments)
    table.notes.append(", ".join(f"{count} {state}" for state, count in counts.items()))
    if status.trouble:
        table.notes.append(f"It is not known which segments are in Slurm's queue: {status.trouble}")
    return table


def _failures_table(failures: Sequence[FailedSegment]) -> TextTable:
    """A table with one row per failed segment and its reason; the paths of logs are notes below, so that they can be copied."""
    table = TextTable("failed segments", ["segment", "id", "runs", "why"], 4)
    table.rows = [[one.segment.leader, one.segment.id, str(len(one.segment.runs)), one.why] for one in failures]
    table.notes += [f"log of {one.segment.leader} ({one.segment.id}): {one.log}" for one in failures if one.log is not None]
    return table


def _plan_lines(plan: SweepPlan, width: int) -> Iterator[Line]:
    made = plan.sweep
    steps = sum(len(one.places) for one in made.segments)
    cached = steps - plan.steps_left
    counts = ((len(made.runs), "run"), (len(made.segments), "segment"), (steps, "distinct step"))
    total = ", ".join(count_text(count, what) for count, what in counts)
    yield Line(f"{made.grid.path.name}: {total}, {cached:,} cached", "bold")
    if not plan.left:
        yield Line("Nothing is left to compute.")
        return
    for heading, text in _facts(plan):
        yield from (Line(line) for line in wrapped(f"{heading.ljust(HEADING)}{text}", width, HEADING))


def _long(hours: float) -> str:
    return f"{hours / 24:,.1f} days" if hours > 48 else f"{hours:,.1f} h"


def _facts(plan: SweepPlan) -> Iterator[tuple[str, str]]:
    on_gpu = sum(one.needs_gpu for one in plan.left)
    yield "Left", f"{count_text(len(plan.left), 'segment')}, {on_gpu} of them on a GPU if there is one"
    where = f" on {plan.target.gpu.title}" if plan.target.gpu is not None else ""
    where += " (assumed; for another: --gpu NAME)" if plan.target.assumed else ""
    if plan.gpu_hours is None or plan.critical_path is None:
        yield "Hours", "unknown before a first run unless you give --rate sample=N --rate train=N (tokens/s)"
    else:
        yield "Hours", f"{plan.gpu_hours:,.1f} in all{where}; the longest chain of segments {plan.critical_path:,.1f}"
        each = [f"{_long(taken[0])} on {count_text(gpus, 'GPU')}" for gpus in _GPUS if (taken := plan.takes(gpus))]
        yield "Takes", ", ".join(each)
    if len(plan.sweep.grid.recipes) > 1:
        yield "Assumed", "for each recipe, what `sirev plan RECIPE` lists"
    elif plan.assumptions:
        yield "Assumed", "; ".join(plan.assumptions)


def _plan_json(plan: SweepPlan) -> dict[str, Any]:
    made = plan.sweep
    left = {one.id for one in plan.left}
    return {
        "schema": _SCHEMA,
        "runs": list(made.runs),
        "steps": sum(len(one.places) for one in made.segments),
        "steps_left": plan.steps_left,
        "gpu_hours": plan.gpu_hours,
        "critical_path_hours": plan.critical_path,
        "hours_by_gpus": {gpus: taken[0] for gpus in _GPUS if (taken := plan.takes(gpus))},
        "segments": [
            {
                "id": one.id,
                "leader": one.leader,
                "runs": sorted(one.runs),
                "steps": [list(place) for place in one.places],
                "parents": sorted(one.parents),
                "gpu": one.needs_gpu,
                "hours": plan.hours[one.id],
                "left": one.id in left,
            }
            for one in made.segments
        ],
        "assumptions": list(plan.assumptions),
    }
