"""One invocation: the runs of a recipe's methods and seeds, side by side over one store."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sirev.api.answers import Answers, shown_result
from sirev.api.answers import answers as answers_of
from sirev.api.request import Request
from sirev.errors import BadInput, SirevError, StageFailed
from sirev.execution import shipped_models
from sirev.execution.actions import to_redo
from sirev.execution.children import Crew, Through
from sirev.execution.latest_runs import remember
from sirev.execution.listener import Listener
from sirev.execution.planner import Planner
from sirev.execution.runner import Runner, os_reason
from sirev.explain.run_states import failure_noted
from sirev.machine.readiness import Readiness
from sirev.processes.workers import end_workers
from sirev.recipe import Overlays, Overrides, Recipe
from sirev.shipped import model_archive
from sirev.store.artifacts import Artifact
from sirev.store.local_files import LocalFiles
from sirev.store.provenance import now
from sirev.store.runs import Run
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
    `iterations` is the list of `sirev report --format json`; `stopped` says why the run ended before T, if it did;
    `notes` what it met on the way, by t; `computed` names the steps that were not found in the store; `store` is its folder.
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
    listener: Listener | None = None,
) -> list[RunResult]:
    """Run Algorithm 1 for every method and seed; what the store holds already is not computed again.

    `recipe` is a name, a file or a loaded Recipe; `model` is the one to improve if not the recipe's own: ORGANISATION/NAME
    or a folder. `overlays` are names or files of settings laid over the recipe, then `overrides`: "key.sub=value" as after
    `--set`, or a mapping such as {"T": 3, "training.sft.epochs": 2}. `methods` default to the recipe's; `redo` are "STAGE"
    or "STAGE:t", computed anew as another realisation; `unsafe_code` lets programs run unconfined
    (`sirev.recipe.allow_unsafe_code`).
    `nulls`, of "resample", "retrain" (`null_count` times) and "gold", are runs beside these: see `sirev.study.nulls`.
    `remote` is the URL of a shared store: what it holds is pulled and checked, not computed.
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
    return execute(request, remote, listener)


def execute(request: Request, remote: str | None = None, listener: Listener | None = None) -> list[RunResult]:
    """Bring every run of a request to its end; see `iterate`."""
    recipe, store, listener = request.recipe, request.store, listener or Listener()
    crew = Crew(f"{now()}-{secrets.token_hex(3)}", embedded=recipe.model.pretrain is not None)
    runs = request.runs(crew.invocation)
    begun = [replace(run, pins=dict(run.pins), redone=list(run.redone)) for run in runs]  # a runner changes its own

    def looked_up() -> list[Planner]:
        return [request.planner(run) for run in begun]

    if request.redo:
        request.check_redo(looked_up())
    crew.opening = lambda: _open_listener(listener, request, looked_up(), crew.parallel)
    crew.check = Readiness(recipe, store, looked_up, remote=remote is not None).check
    for run in runs:  # what an interrupted --redo made already
        for pin in (run.pins[name] for name in run.redone if name in run.pins):
            if artifact := store.lookup(pin.key, pin.artifact):
                crew.redone[pin.key] = artifact
    if remote is not None:
        crew.through = _through(store, remote, runs[0], listener)
    with store.leasing(run.id for run in runs):
        _take_shipped_model(request, runs[0], crew, listener)
        futures = _all_runs(request, runs, crew, listener)
        errors = [error for future in futures if not future.cancelled() and (error := future.exception())]
    if crew.through is not None:
        listener.note(runs[0], f"{crew.through.artifacts} results pulled from {remote}, {crew.through.bytes:,} bytes")
    if errors:
        raise _summary(errors)
    remember(store, [run.id for run in runs])
    for group in studies_of(store, runs):
        comparison(store, group)  # found, from then on, by whoever reports on these runs
    return [future.result() for future in futures]


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


def _open_listener(listener: Listener, request: Request, planners: Sequence[Planner], parallel: int) -> None:
    from sirev.execution.outlook import Outlook  # a replay has no use for it

    listener.begin(Outlook.of(request.recipe, request.store, planners, parallel))


def _all_runs(request: Request, runs: Sequence[Run], crew: Crew, listener: Listener) -> list[Future[RunResult]]:
    """Every run brought to its end, side by side; of those that failed, or were not begun, the future says so."""
    pool = ThreadPoolExecutor(max_workers=min(crew.parallel, len(runs)), thread_name_prefix="sirev-run")
    futures: list[Future[RunResult]] = []
    try:
        futures = [pool.submit(_one_run, request, run, crew, listener) for run in runs]
        pending = set(futures)
        while pending:
            done, pending = wait(pending, return_when=FIRST_EXCEPTION)
            if any(isinstance(future.exception(), BadInput) for future in done):
                break  # it would meet the other runs as well
        crew.stopping.set()
    finally:  # also on Ctrl-C, which only the main thread sees
        crew.close()
        pool.shutdown(wait=False, cancel_futures=True)
        while wait([future for future in futures if not future.cancelled()], timeout=0.2).not_done:
            end_workers()  # those of a stage that has only now come to share its work
    return futures


def _through(store: Store, url: str, run: Run, listener: Listener) -> Through:
    from sirev.store.sharing.read_through import ReadThrough
    from sirev.store.sharing.remote import Remote  # fsspec; a replay has no use for it

    through = ReadThrough(store, Remote(url), lambda text: listener.warn(run, text))
    through.check()
    return through


def _one_run(request: Request, run: Run, crew: Crew, listener: Listener) -> RunResult:
    store = request.store
    runner = Runner(store, run, crew, listener)
    try:
        with failure_noted(store, run, crew), crew.turn:
            outcome = request.follow(run, runner)
            runner.finish("stopped" if outcome.stopped else "complete", outcome.stopped or outcome.remark)
    except OSError as error:  # the disk is full, say
        raise StageFailed(f"{run.id}: {os_reason(error)}") from error
    for line in unread_notes(store, run):
        listener.note(run, line)
    for t, trouble in outcome.notes.items():
        listener.note(run, f"t = {t}: {trouble}" + ("; the run stops here" if outcome.stopped else ""))
    assert isinstance(outcome.comparison, Artifact)
    iterations = outcome.comparison.json("comparison.json")["runs"][0]["iterations"]
    return RunResult(run.id, run.method, run.seed, iterations, outcome.stopped, outcome.notes, tuple(runner.computed), store.path)


def _summary(errors: list[BaseException]) -> BaseException:
    """The one error to raise for several runs: the user's input first, then what failed, each once."""
    for error in errors:
        if not isinstance(error, StageFailed):
            return error
    lines = list(dict.fromkeys(str(error) for error in errors if isinstance(error, SirevError)))
    return StageFailed("\n".join(lines))
