"""`sirev.iterate`: the runs of a recipe's methods and seeds, in parallel over one store."""

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
from sirev.processes.termination import SAVING_SECONDS, WAKES, Terminated
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
    """Result of a run: its id in the store, and the comparison of its models.

    The `method` of a null run is "null-resample", "null-retrain" or "null-gold-METHOD", and its first iteration is M_1.
    `iterations` is the list of `sirev report --format json`, empty if `until` ended the run; `stopped` is why the run ended
    before T, or None; `notes` are remarks by t; `computed` are the steps that were not in the store; `store` is the store's
    folder.
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
        return shown_result(self.id, self.iterations, len(self.computed), stopped=self.stopped)

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
    """Run Algorithm 1 for every method and seed; stored results are reused.

    `recipe` is a name, a file or a loaded Recipe; `model` replaces the recipe's base model: ORGANISATION/NAME or a folder.
    `overlays` are names or files of settings laid over the recipe, then come `overrides`: "key.sub=value" as after `--set`, or
    a mapping such as {"T": 3, "training.sft.epochs": 2}. `methods` default to the recipe's; `redo` are steps, "STAGE" or
    "t:STAGE", to recompute as another realisation; `unsafe_code` lets programs run unconfined
    (`sirev.recipe.allow_unsafe_code`).
    `nulls`, any of "resample", "retrain" (`null_count` times) and "gold", adds null runs: see `sirev.study.nulls`.
    `remote` is the URL of a shared store: its results are pulled and checked instead of computed. With `push`, results are
    copied there as they are computed, and the runs at the end. `until` ends every run once M_t of this t is trained, sampled and
    measured; the same call without it continues from there. `scratch` is a folder, which machines may share, for the checkpoints
    of interrupted trainings; default: SIREV_SCRATCH, else the temporary folder. `track` names a tracker for training curves and
    measures, such as "trackio" or "wandb:PROJECT"; default: SIREV_TRACK, else none.
    Raises BadInput for a request that can't be run, at all or on this machine, and StageFailed once all other runs have ended.
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
    """As `execute`; with `push`, also copy results to the shared store, and send curves and measures to a tracker."""
    runs = request.runs()

    def found() -> set[Realisation]:
        return set().union(*(request.planner(run).found for run in runs)) if part is not None else set()

    def planner(store: Store, run: Run) -> Planner:
        return replace(request, store=store).planner(run)

    with tracking(track, request.store.path, runs, planner, listener) as told:
        answering = shared_store_answers(remote, push, runs[0], told)
        with pushing(request.store, remote, push, runs, told, found, answering=answering):
            return execute(request, remote, told, part, scratch, answering=answering)


def part_until(request: Request, t: int) -> RunPart:
    """The part of a request's runs up to M_t; BadInput if t is not from 1 to T."""
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
    answering: bool = True,
    shared_first: bool = False,
    pinned: Callable[[Run, str, Pin], None] = lambda run, step, pin: None,
) -> list[RunResult]:
    """Carry out every run of a request, or `part` of them; see `iterate`, and `Crew` for the last two parameters.

    A shared store that is not `answering`, by `shared_store_answers`, is asked again after a while.
    If a signal raises Terminated (`sirev.processes.termination`), running trainings save their state before it propagates.
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
    begun = [replace(run, pins=dict(run.pins), redone=list(run.redone)) for run in runs]  # runners change their run

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
    crew.check = Readiness(recipe, store, looked_up, remote=remote is not None and answering, scratch=crew.shared_scratch).check
    for run in runs:  # results of an interrupted --redo
        for pin in (run.pins[name] for name in run.redone if name in run.pins):
            if artifact := store.lookup(pin.key, pin.artifact):
                crew.redone[pin.key] = artifact
    if remote is not None:
        crew.through = _through(store, remote, runs[0], listener, answering)
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
        comparison(store, group)  # stored for later reports on these runs
    return results


def _take_shipped_model(request: Request, run: Run, crew: Crew, listener: Listener) -> None:
    """Store M_0 if it comes with sirev, unless the store has one or `--redo` asks for another.

    Raises BadInput, with nothing stored, if this machine can't compute the next steps.
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
    if crew.through is None:  # else the shared store may have all later steps
        crew.check(run, m0.name)
    if shipped_models.take(request.store, m0.key) is not None:
        listener.note(run, shipped_models.NOTE)


def _open_listener(listener: Listener, request: Request, planners: Sequence[Planner], crew: Crew) -> None:
    from sirev.execution.outlook import Outlook  # a replay has no use for it

    listener.begin(Outlook.of(request.recipe, request.store, planners, crew.parallel, crew.beside))


def _all_runs(
    request: Request, runs: Sequence[Run], crew: Crew, listener: Listener, part: RunPart | None
) -> list[Future[RunResult]]:
    """Carry out the runs in parallel; the returned futures are done, failed or cancelled."""
    pool = ThreadPoolExecutor(max_workers=min(crew.parallel, len(runs)), thread_name_prefix="sirev-run")
    futures: list[Future[RunResult]] = []
    try:
        futures = [pool.submit(_one_run, request, run, crew, listener, part) for run in runs]
        pending = set(futures)
        while pending:
            done, pending = wait(pending, timeout=WAKES, return_when=FIRST_EXCEPTION)
            if any(isinstance(future.exception(), BadInput) for future in done):
                break  # it would occur in the other runs as well
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
    """Wait, for at most `seconds`, until stopping runs have ended; end their worker processes."""
    until = time.monotonic() + seconds
    while wait([future for future in futures if not future.cancelled()], timeout=0.2).not_done and time.monotonic() < until:
        end_workers()  # again and again, since a stage may start workers late


def _through(store: Store, url: str, run: Run, listener: Listener, answers: bool) -> Through:
    from sirev.store.sharing.answering import RETRY_SECONDS
    from sirev.store.sharing.read_through import ReadThrough
    from sirev.store.sharing.remote import Remote  # fsspec; a replay has no use for it

    through = ReadThrough(store, Remote(url), lambda text: listener.warn(run, text), after=0.0 if answers else RETRY_SECONDS)
    if answers:
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
    except OSError as error:  # such as a full disk
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
    """The one error to raise for several runs: one that is not StageFailed first, else all failures, each once."""
    for error in errors:
        if not isinstance(error, StageFailed):
            return error
    failed = {str(error): error for error in errors if isinstance(error, StageFailed)}
    return next(iter(failed.values())) if len(failed) == 1 else StageFailed("\n".join(failed))
