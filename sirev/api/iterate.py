"""One invocation: the runs of a recipe's methods and seeds, side by side over one store."""

from __future__ import annotations

import math
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from sirev.api.answers import Answers, shown_result
from sirev.api.answers import answers as answers_of
from sirev.api.pushing import pushing, shared_store_answers
from sirev.api.request import Request
from sirev.api.tracking import tracking
from sirev.errors import BadInput, StageFailed
from sirev.execution import shipped_models
from sirev.execution.actions import to_redo
from sirev.execution.beside import BesideRunner
from sirev.execution.children import Crew, Through
from sirev.execution.latest_runs import remember
from sirev.execution.listener import Listener
from sirev.execution.lock_note import note_locks
from sirev.execution.part import PartExecutor, RunPart, planned_part
from sirev.execution.part import until as up_to
from sirev.execution.planner import Planner
from sirev.execution.runner import Runner, os_reason
from sirev.execution.scratch import shared_scratch
from sirev.explain.run_states import failure_noted
from sirev.machine.readiness import Readiness
from sirev.processes.termination import SAVING_SECONDS, Terminated
from sirev.processes.workers import end_workers
from sirev.recipe import Overlays, Overrides, Recipe
from sirev.shipped import model_archive
from sirev.store.artifacts import Artifact
from sirev.store.local_files import LocalFiles
from sirev.store.provenance import now
from sirev.store.records import Realisation
from sirev.store.runs import Pin, Run
from sirev.store.store import Store
from sirev.study.comparing import comparison, studies_of
from sirev.study.nulls import RETRAINED
from sirev.study.reading import unread_notes
from sirev.study.step_names import DRAWS, PRETRAINED_MODEL
from sirev.study.steps import Steps


@dataclass(frozen=True)
class RunResult:
    """A finished run: its id in the store, and what `compare` says of its models.

    `method` of a null run is "null-resample", "null-retrain" or "null-gold-METHOD", and its first iteration M_1 itself.
    `iterations` is the list of `sirev report --format json`, empty where `until` ended the run; `stopped` says why the run ended
    before T, if it did; `notes` what it met on the way, by t; `computed` names the steps that were not found in the store;
    `store` is its folder.
    """

    id: str
    method: str
    seed: int
    iterations: list[dict[str, Any]]
    stopped: str | None
    notes: dict[int, str]
    computed: tuple[str, ...]
    store: Path | None = None

    def __repr__(self) -> str:
        return shown_result(self.id, self.iterations, len(self.computed), self.stopped)

    def answers(self, t: int | None = None, *, kind: str = DRAWS, draws: int | None = None) -> Answers:
        """The graded answers of M_t, or of every M_t; see `sirev.answers`."""
        return answers_of(self, t, kind=kind, draws=draws)


def iterate(
    recipe: Recipe | str | Path,
    *,
    model: str | Path | None = None,
    methods: Iterable[str] | None = None,
    overrides: Overrides = (),
    seeds: Iterable[int] = (0,),
    store: Store | str | Path | None = None,
    redo: Iterable[str] = (),
    overlays: Overlays = (),
    unsafe_code: bool = False,
    nulls: Iterable[str] = (),
    null_count: int = RETRAINED,
    remote: str | None = None,
    push: bool = False,
    until: int | None = None,
    scratch: str | Path | None = None,
    track: str | None = None,
    listener: Listener | None = None,
) -> list[RunResult]:
    """Run Algorithm 1 for every method and seed; what the store holds already is not computed again.

    `recipe` is a name, a file or a loaded Recipe; `model` is the one to improve if not the recipe's own: ORGANISATION/NAME
    or a folder. `overlays` are names or files of settings laid over the recipe, then `overrides`: "key.sub=value" as after
    `--set`, or a mapping such as {"T": 3, "training.sft.epochs": 2}. `methods` default to the recipe's; `redo` are "STAGE"
    or "STAGE:t", computed anew as another realisation; `unsafe_code` lets programs run unconfined
    (`sirev.recipe.allow_unsafe_code`).
    `nulls`, of "resample", "retrain" (`null_count` times) and "gold", are runs beside these: see `sirev.study.nulls`.
    `remote` is the URL of a shared store: what it holds is pulled and checked, not computed. With `push` what is computed is
    copied there while the runs go on, and the runs at the end. `until` ends every run once M_t of this t is trained, asked and
    measured; the same call without it goes on from there. `scratch` is a folder, which machines may share, for what an
    interrupted training goes on from; default: SIREV_SCRATCH, else the temporary folder. `track` names a tracker that is sent
    training curves and measures, such as "trackio" or "wandb:PROJECT"; default: SIREV_TRACK, else none.
    Raises BadInput for what can't be run, or not on this machine, and StageFailed once every run that could go on has ended.
    """
    request = Request.of(
        recipe,
        model=model,
        methods=methods,
        overrides=overrides,
        seeds=seeds,
        store=store,
        redo=redo,
        overlays=overlays,
        unsafe_code=unsafe_code,
        nulls=nulls,
        null_count=null_count,
    )
    part = None if until is None else part_until(request, until)
    return execute_and_push(request, remote, push, listener or Listener(), part, scratch, track)


def execute_and_push(
    request: Request,
    remote: str | None,
    push: bool,
    listener: Listener,
    part: RunPart | None = None,
    scratch: str | Path | None = None,
    track: str | None = None,
) -> list[RunResult]:
    """Do as `execute`, with `push` copy what is computed to the shared store, and send a tracker what there is to see."""
    runs = request.runs()

    def found() -> set[Realisation]:
        return set().union(*(request.planner(run).found for run in runs)) if part is not None else set()

    def planner(store: Store, run: Run) -> Planner:
        return replace(request, store=store).planner(run)

    with tracking(track, request.store.path, runs, planner, listener) as told:
        answering = shared_store_answers(remote, push, runs[0], told)
        with pushing(request.store, remote, push, runs, told, found, answering=answering):
            return execute(request, remote if answering else None, told, part, scratch)


def part_until(request: Request, t: int) -> RunPart:
    """The part of a request's runs up to M_t; BadInput for a t that the recipe has not."""
    last = request.recipe.T
    if not 1 <= t <= last:
        raise BadInput(f"--until {t}: expected 1 to {last}, the recipe's T")
    return up_to(t)


def execute(
    request: Request,
    remote: str | None = None,
    listener: Listener | None = None,
    part: RunPart | None = None,
    scratch: str | Path | None = None,
    *,
    shared_first: bool = False,
    pinned: Callable[[Run, str, Pin], None] = lambda run, step, pin: None,
) -> list[RunResult]:
    """Bring every run of a request to its end, or compute a part of them; see `iterate`, and `Crew` for the last two.

    Where a signal raises Terminated (`sirev.processes.termination`), trainings under way save their state before it goes on.
    """
    recipe, store, listener = request.recipe, request.store, listener or Listener()
    crew = Crew(
        f"{now()}-{secrets.token_hex(3)}",
        embedded=recipe.model.pretrain is not None,
        shared_scratch=shared_scratch(scratch),
        shared_first=shared_first,
        pinned=pinned,
    )
    runs = request.runs(crew.invocation)
    begun = [replace(run, pins=dict(run.pins), redone=list(run.redone)) for run in runs]  # a runner changes its own

    def looked_up() -> list[Planner]:
        planners = [request.planner(run) for run in begun]
        if part is not None:
            for planner in planners:
                planner.steps = planned_part(planner.run, planner.steps, part)
        return planners

    if request.redo:
        request.check_redo(looked_up())

    def opened() -> None:
        note_locks(store, runs[0], listener)
        _open_listener(listener, request, looked_up(), crew)

    crew.opening = opened
    crew.check = Readiness(recipe, store, looked_up, remote=remote is not None, scratch=crew.shared_scratch).check
    for run in runs:  # what an interrupted --redo made already
        for pin in (run.pins[name] for name in run.redone if name in run.pins):
            if artifact := store.lookup(pin.key, pin.artifact):
                crew.redone[pin.key] = artifact
    if remote is not None:
        crew.through = _through(store, remote, runs[0], listener)
    with store.leasing(run.id for run in runs):
        _take_shipped_model(request, runs[0], crew, listener)
        futures = _all_runs(request, runs, crew, listener, part)
        errors = [error for future in futures if not future.cancelled() and (error := future.exception())]
    if crew.through is not None:
        listener.note(runs[0], f"{crew.through.artifacts} results pulled from {remote}, {crew.through.bytes:,} bytes")
    if errors:
        raise _summary(errors)
    results = [future.result() for future in futures]
    if part is not None:
        return results
    remember(store, [run.id for run in runs])
    for group in studies_of(store, runs):
        comparison(store, group)  # found, from then on, by whoever reports on these runs
    return results


def _take_shipped_model(request: Request, run: Run, crew: Crew, listener: Listener) -> None:
    """Have M_0 if it comes with sirev, unless the store has one or `--redo` asks for another.

    BadInput, with nothing taken, if this machine can't compute what follows it.
    """
    if request.recipe.model.pretrain is None:
        return
    planner = Planner(request.store, run)
    Steps(request.recipe, run.seed, planner, LocalFiles(request.store.objects)).base_model()
    m0 = planner.steps[PRETRAINED_MODEL]
    if m0.artifact is not None or m0.key is None or to_redo(run, m0.stage, m0.name):
        return
    if model_archive(m0.key) is None:
        return
    if crew.through is None:  # else the shared store may have all that follows
        crew.check(run, m0.name)
    if shipped_models.take(request.store, m0.key) is not None:
        listener.note(run, shipped_models.NOTE)


def _open_listener(listener: Listener, request: Request, planners: Sequence[Planner], crew: Crew) -> None:
    from sirev.execution.outlook import Outlook  # a replay has no use for it

    listener.begin(Outlook.of(request.recipe, request.store, planners, crew.parallel, crew.beside))


def _all_runs(
    request: Request, runs: Sequence[Run], crew: Crew, listener: Listener, part: RunPart | None
) -> list[Future[RunResult]]:
    """Every run brought to its end, side by side; of those that failed, or were not begun, the future says so."""
    pool = ThreadPoolExecutor(max_workers=min(crew.parallel, len(runs)), thread_name_prefix="sirev-run")
    futures: list[Future[RunResult]] = []
    try:
        futures = [pool.submit(_one_run, request, run, crew, listener, part) for run in runs]
        pending = set(futures)
        while pending:
            done, pending = wait(pending, return_when=FIRST_EXCEPTION)
            if any(isinstance(future.exception(), BadInput) for future in done):
                break  # it would meet the other runs as well
        crew.stopping.set()
    except Terminated:
        crew.end_work()
        _await_end(futures, SAVING_SECONDS)
        raise
    finally:  # also on Ctrl-C, which only the main thread sees
        crew.close()
        pool.shutdown(wait=False, cancel_futures=True)
        _await_end(futures)
    return futures


def _await_end(futures: Sequence[Future[RunResult]], seconds: float = math.inf) -> None:
    """Wait until runs that are to stop have done so, for so long at most; their worker processes are ended."""
    until = time.monotonic() + seconds
    while wait([future for future in futures if not future.cancelled()], timeout=0.2).not_done and time.monotonic() < until:
        end_workers()  # also those of a stage that has only now come to share its work


def _through(store: Store, url: str, run: Run, listener: Listener) -> Through:
    from sirev.store.sharing.read_through import ReadThrough
    from sirev.store.sharing.remote import Remote  # fsspec; a replay has no use for it

    through = ReadThrough(store, Remote(url), lambda text: listener.warn(run, text))
    through.check()
    return through


def _one_run(request: Request, run: Run, crew: Crew, listener: Listener, part: RunPart | None) -> RunResult:
    store = request.store
    runner = Runner(store, run, crew, listener)
    try:
        with failure_noted(store, run, crew), crew.turn:
            with BesideRunner(runner) as executor:
                asked = executor if part is None else PartExecutor(executor, partial(part, run))
                outcome = request.follow(run, asked)
            if isinstance(outcome.comparison, Artifact):
                runner.finish("stopped" if outcome.stopped else "complete", outcome.stopped or outcome.remark)
    except OSError as error:  # the disk is full, say
        raise StageFailed(f"{run.id}: {os_reason(error)}") from error
    for line in unread_notes(store, run):
        listener.note(run, line)
    for t, trouble in outcome.notes.items():
        listener.note(run, f"t = {t}: {trouble}" + ("; the run stops here" if outcome.stopped else ""))
    iterations = []
    if isinstance(outcome.comparison, Artifact):
        iterations = outcome.comparison.json("comparison.json")["runs"][0]["iterations"]
    return RunResult(run.id, run.method, run.seed, iterations, outcome.stopped, outcome.notes, tuple(runner.computed), store.path)


def _summary(errors: list[BaseException]) -> BaseException:
    """The one error to raise for several runs: the user's input first, then what failed, each once."""
    for error in errors:
        if not isinstance(error, StageFailed):
            return error
    failed = {str(error): error for error in errors if isinstance(error, StageFailed)}
    return next(iter(failed.values())) if len(failed) == 1 else StageFailed("\n".join(failed))
