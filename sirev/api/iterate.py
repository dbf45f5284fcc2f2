"""One invocation: the runs of a recipe's methods and seeds, side by side over one store."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sirev.api.answers import Answers, shown_result
from sirev.api.answers import answers as answers_of
from sirev.errors import BadInput, SirevError, StageFailed
from sirev.execution.children import Crew, Through
from sirev.execution.latest_runs import remember
from sirev.execution.planner import Plan, Planner, StepState
from sirev.execution.runner import Listener, Runner, StepEvent, os_reason
from sirev.explain.run_states import failure_noted
from sirev.machine.readiness import Readiness
from sirev.processes.workers import end_workers
from sirev.recipe import METHODS, Overlays, Overrides, Recipe, allow_unsafe_code, load_recipe, with_model
from sirev.stages import STAGES
from sirev.store.artifacts import Artifact
from sirev.store.digests import canonical_json
from sirev.store.local_files import LocalFiles
from sirev.store.provenance import now
from sirev.store.runs import Run, pinned_step, step_title
from sirev.store.store import Store
from sirev.study.algorithm import RunOutcome
from sirev.study.comparing import comparison, studies_of
from sirev.study.nulls import RETRAINED, follow, null_methods
from sirev.study.step_names import DRAWS, asked_parts, is_asked, parse_step
from sirev.study.steps import Steps
from sirev.suggest import suggest

if TYPE_CHECKING:
    from sirev.execution.estimate import Estimate
    from sirev.execution.outlook import Outlook


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


@dataclass(frozen=True)
class Wanted:
    """A run that is asked for; `retrained` is how often null-retrain trains M_1 again."""

    method: str
    seed: int
    retrained: int = RETRAINED

    def follow(self, steps: Steps) -> RunOutcome:
        """Go through its steps."""
        return follow(steps, self.method, self.retrained)


class Quiet:
    """A listener that says nothing."""

    def begin(self, outlook: Outlook) -> None:
        pass

    def step(self, run: Run, name: str, state: StepEvent) -> None:
        pass

    def wait(self, run: Run, name: str, words: str) -> None:
        pass

    def progress(self, run: Run, name: str, done: int, total: int, unit: str, rate: float | None) -> None:
        pass

    def note(self, run: Run, text: str) -> None:
        pass

    def warn(self, run: Run, text: str) -> None:
        pass


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
    overrides = with_model(model, overrides)
    recipe, wanted, redo = _request(recipe, overrides, overlays, methods, seeds, redo, unsafe_code, nulls, null_count)
    opened = store if isinstance(store, Store) else Store(store)
    listener = listener or Quiet()
    crew = Crew(f"{now()}-{secrets.token_hex(3)}", embedded=recipe.model.pretrain is not None)
    runs = [_open_run(opened, recipe, one, crew.invocation, redo) for one in wanted]
    asked = list(zip(wanted, runs, strict=True))
    begun = [(one, replace(run, pins=dict(run.pins), redone=list(run.redone))) for one, run in asked]  # a runner changes its own

    def looked_up() -> list[Planner]:
        return [_planned(opened, recipe, one, run) for one, run in begun]

    if redo:
        _check_redo(redo, looked_up())
    crew.opening = lambda: _open_listener(listener, recipe, opened, looked_up(), crew.parallel)
    crew.check = Readiness(recipe, opened, looked_up, remote=remote is not None).check
    for run in runs:  # what an interrupted --redo made already
        for pin in (run.pins[name] for name in run.redone if name in run.pins):
            if artifact := opened.lookup(pin.key, pin.artifact):
                crew.redone[pin.key] = artifact
    if remote is not None:
        crew.through = _through(opened, remote, runs[0], listener)
    with opened.leasing(run.id for run in runs):
        futures = _all_runs(opened, recipe, asked, crew, listener)
        errors = [error for future in futures if not future.cancelled() and (error := future.exception())]
    if crew.through is not None:
        listener.note(runs[0], f"{crew.through.artifacts} results pulled from {remote}, {crew.through.bytes:,} bytes")
    if errors:
        raise _summary(errors)
    remember(opened, [run.id for run in runs])
    for group in studies_of(opened, runs):
        comparison(opened, group)  # found, from then on, by whoever reports on these runs
    return [future.result() for future in futures]


def plan(
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
) -> dict[str, dict[str, StepState]]:
    """What `iterate` would do: run id -> step -> "hit", "run", or "unknown" until an earlier step has run."""
    overrides = with_model(model, overrides)
    return Plan(plans(recipe, methods, overrides, seeds, store, redo, overlays, unsafe_code, nulls, null_count).states)


@dataclass(frozen=True)
class Plans:
    """The runs of a request, planned: what would happen to each step, and what all of it would take."""

    recipe: Recipe
    store: Store
    planners: list[Planner]

    @property
    def states(self) -> dict[str, dict[str, StepState]]:
        """Run id -> step -> its state."""
        return {planner.run.id: planner.states for planner in self.planners}

    def estimate(self, rates: Mapping[str, float] | None = None) -> Estimate:
        """What `iterate` would still take; `rates` are tokens/s of "sample" and "train", else those of earlier runs."""
        from sirev.execution.estimate import estimate  # a replay has no use for it

        return estimate(self.recipe, [planner.steps for planner in self.planners], self.store, rates or {})


def plans(
    recipe: Recipe | str | Path,
    methods: Iterable[str] | None = None,
    overrides: Overrides = (),
    seeds: Iterable[int] = (0,),
    store: Store | str | Path | None = None,
    redo: Iterable[str] = (),
    overlays: Overlays = (),
    unsafe_code: bool = False,
    nulls: Iterable[str] = (),
    null_count: int = RETRAINED,
) -> Plans:
    """Look every step of every run up, and compute none."""
    loaded, wanted, named = _request(recipe, overrides, overlays, methods, seeds, redo, unsafe_code, nulls, null_count)
    opened = store if isinstance(store, Store) else Store(store)
    runs = [_open_run(opened, loaded, one, "", named) for one in wanted]
    planners = [_planned(opened, loaded, one, run) for one, run in zip(wanted, runs, strict=True)]
    _check_redo(named, planners)
    return Plans(loaded, opened, planners)


OUTSIDE_RUN_IDS = (
    ("name",),
    ("description",),
    ("methods",),
    ("gpu",),
    ("training", "memory"),
    ("training", "checkpoint_minutes"),
    ("evaluation", "verdict"),
    ("evaluation", "embedding", "batch_size"),
)
"""What a recipe says that changes no measure: the same run goes on with another of it."""
ABSENT_IN_RUN_IDS: dict[tuple[str, str], Any] = {("evaluation", "temperatures"): [], ("evaluation", "embedding"): None}
"""Fields that came later, left out at the value that means what was done before there was such a field."""


def run_id(recipe: Recipe, method: str, seed: int, retrained: int = RETRAINED) -> str:
    """The id of a run's first realisation: its names, and a digest of all that the recipe says of this method."""
    settings = recipe.settings()
    for (section, field), absent in ABSENT_IN_RUN_IDS.items():
        if settings[section][field] == absent:
            del settings[section][field]
    for *path, field in OUTSIDE_RUN_IDS:
        place = settings
        for key in path:
            place = place.get(key, {})
        place.pop(field, None)
    if settings["engine"] is not None:
        settings["engine"] = {field: settings["engine"][field] for field in ("name", "dtype")}
    digest = hashlib.sha256(canonical_json(settings)).hexdigest()[:8]
    count = f"-{retrained}" if method == "null-retrain" and retrained != RETRAINED else ""
    return f"{recipe.name}-{method}{count}-s{seed}-{digest}"


def _request(
    recipe: Recipe | str | Path,
    overrides: Overrides,
    overlays: Overlays,
    methods: Iterable[str] | None,
    seeds: Iterable[int],
    redo: Iterable[str],
    unsafe_code: bool,
    nulls: Iterable[str],
    null_count: int,
) -> tuple[Recipe, list[Wanted], tuple[str, ...]]:
    """The checked request: recipe, its runs, and what to redo."""
    if isinstance(recipe, Recipe):
        if overrides or overlays:
            raise BadInput("overrides and overlays go with a recipe's name or file, not with a loaded recipe")
    else:
        recipe = load_recipe(recipe, overrides, overlays)
    if unsafe_code:
        recipe = allow_unsafe_code(recipe)
    chosen: list[str] = []
    for method in recipe.methods if methods is None else methods:
        if method != "all" and method not in METHODS:
            raise BadInput(f"unknown method {method!r}{suggest(method, [*METHODS, 'all'])}")
        found: list[Any] = list(recipe.methods) if method == "all" else [method]
        for one in found:
            if one not in recipe.methods:
                raise BadInput(f"the recipe {recipe.name} has no method {one!r} (it has: {', '.join(recipe.methods)})")
        chosen += [one for one in found if one not in chosen]
    numbers = list(dict.fromkeys(map(_seed, seeds)))
    if not chosen or not numbers:
        raise BadInput("nothing to run: no method or no seed was named")
    typed = list(redo)
    named = tuple(map(pinned_step, typed))
    for one, name in zip(typed, named, strict=True):
        stage, t = asked_parts(name)
        if stage not in STAGES:
            raise BadInput(f"--redo {one}: unknown stage {stage!r}{suggest(stage, sorted(STAGES))}")
        if t is not None and not (re.fullmatch(r"\d+", t) and int(t) <= recipe.T):
            raise BadInput(f"--redo {one}: expected STAGE or t:STAGE, with t from 0 to {recipe.T}")
    courses = [*chosen, *null_methods(nulls, chosen, null_count)]
    return recipe, [Wanted(course, seed, null_count) for seed in numbers for course in courses], named


def _seed(seed: Any) -> int:
    if not isinstance(seed, Integral) or isinstance(seed, bool) or seed < 0:
        raise BadInput(f"seed {seed!r}: a seed is a whole number from 0")
    return int(seed)


def _open_listener(listener: Listener, recipe: Recipe, store: Store, planners: Sequence[Planner], parallel: int) -> None:
    from sirev.execution.outlook import Outlook  # a replay has no use for it

    listener.begin(Outlook.of(recipe, store, planners, parallel))


def _planned(store: Store, recipe: Recipe, wanted: Wanted, run: Run) -> Planner:
    planner = Planner(store, run)
    wanted.follow(Steps(recipe, run.seed, planner, LocalFiles(store.objects)))
    return planner


def _check_redo(redo: Sequence[str], planners: Sequence[Planner]) -> None:
    """Every --redo must name some step of some run."""
    steps = {(step.stage, step.name) for planner in planners for step in planner.steps.values()}
    for one in redo:
        if not any(is_asked(one, stage, step) for stage, step in steps):
            asked, _ = asked_parts(one)
            ts = [parse_step(step).t for stage, step in steps if stage == asked]
            which = f"of {asked} there is t = {', '.join(sorted({'no t' if t is None else str(t) for t in ts}))}"
            raise BadInput(f"--redo {step_title(one)}: these runs have no such step ({which})")


def _open_run(store: Store, recipe: Recipe, wanted: Wanted, invocation: str, redo: Sequence[str]) -> Run:
    """The latest realisation of a run as far as it got; with `redo` one more, starting from its pins.

    An unfinished realisation that the same `redo` began goes on.
    """
    base = run_id(recipe, wanted.method, wanted.seed, wanted.retrained)
    there = [n for name in store.runs.ids() if (n := _realisation(base, name))]
    latest = max(there, default=0)
    old = store.runs.get(_name(base, latest)) if latest else None
    if old is not None and (not redo or (old.status == "running" and old.redo == list(redo))):
        return old
    return Run(
        id=_name(base, latest + 1),
        recipe=recipe.name,
        method=wanted.method,
        seed=wanted.seed,
        realisation=latest + 1,
        settings=recipe.settings(),
        invocation=invocation,
        redo=list(redo),
        pins=dict(old.pins) if old else {},
    )


def _name(base: str, realisation: int) -> str:
    return base if realisation == 1 else f"{base}-r{realisation}"


def _realisation(base: str, name: str) -> int | None:
    found = re.fullmatch(re.escape(base) + r"(?:-r(\d+))?", name)
    return int(found[1] or 1) if found else None


def _all_runs(
    store: Store, recipe: Recipe, asked: Sequence[tuple[Wanted, Run]], crew: Crew, listener: Listener
) -> list[Future[RunResult]]:
    """Every run brought to its end, side by side; of those that failed, or were not begun, the future says so."""
    pool = ThreadPoolExecutor(max_workers=min(crew.parallel, len(asked)), thread_name_prefix="sirev-run")
    futures: list[Future[RunResult]] = []
    try:
        futures = [pool.submit(_one_run, store, recipe, one, run, crew, listener) for one, run in asked]
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


def _one_run(store: Store, recipe: Recipe, wanted: Wanted, run: Run, crew: Crew, listener: Listener) -> RunResult:
    runner = Runner(store, run, crew, listener)
    try:
        with failure_noted(store, run, crew), crew.turn:
            outcome = wanted.follow(Steps(recipe, run.seed, runner, LocalFiles(store.objects)))
            runner.finish("stopped" if outcome.stopped else "complete", outcome.stopped or outcome.remark)
    except OSError as error:  # the disk is full, say
        raise StageFailed(f"{run.id}: {os_reason(error)}") from error
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
