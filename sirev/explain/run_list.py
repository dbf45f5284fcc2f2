"""The list of a store's runs, with their differences: model, T, changed settings, date, state, size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sirev.errors import BadInput
from sirev.explain.action_diff import flat
from sirev.explain.disk_usage import run_shares
from sirev.explain.run_states import RunState, States
from sirev.recipe import load_recipe, recipe_names
from sirev.store.runs import Run
from sirev.store.store import Store
from sirev.store.upkeep.closure import closure_of
from sirev.store.upkeep.keeps import Keeps

_NOT_SET = ("name", "description", "methods")
"""Settings that never count as changed: they are in the run id or in other columns."""
TRAINED_HERE = "trained here"
"""The model of a recipe that pretrains its own."""


@dataclass(frozen=True)
class ListedRun:
    """One run.

    `model` is None if the completions came from files, `T` if the settings lack it. `set` are the changed settings, by dotted
    path: compared with the recipe's defaults if it ships with sirev, else with the first run of that recipe name. `reason`
    says why the run stopped or failed. `begun` is the start of its last computation, UTC. `size` is in bytes, of all files
    that it reaches, each counted once. `pins` are the names of the keeps (`sirev store pin`) that hold it.
    """

    run: str
    recipe: str
    method: str
    seed: int
    model: str | None
    T: int | None
    set: dict[str, Any]
    state: RunState
    reason: str | None
    begun: str
    steps: int
    size: int
    pins: list[str]

    def to_dict(self) -> dict[str, Any]:
        """The JSON form: the fields."""
        return asdict(self)


def listed_runs(store: Store, runs: Sequence[Run]) -> list[ListedRun]:
    """List the given runs, in their order. Reads their records and manifests."""
    sizes = {share.name: share.size for share in run_shares(closure_of(store, runs), runs)}
    keeps = Keeps(store.path, store.objects).all()
    states = States(store)
    bases = _bases(runs)
    return [
        ListedRun(
            run=run.id,
            recipe=run.recipe,
            method=run.method,
            seed=run.seed,
            model=model_of(run.settings),
            T=_whole(run.settings.get("T")),
            set=_differences(run.settings, bases[run.recipe]),
            state=states.of(run),
            reason=run.reason,
            begun=run.invocation[:32],
            steps=len(run.pins),
            size=sizes[run.id],
            pins=[keep.name for keep in keeps if run.id in keep.runs],
        )
        for run in runs
    ]


def model_of(settings: Mapping[str, Any]) -> str | None:
    """The base model of a run: its name on the Hub, its folder, or `TRAINED_HERE`; None if the run has no model."""
    model = settings.get("model")
    if not isinstance(model, Mapping):
        return None
    return str(model["name"]) if model.get("name") else TRAINED_HERE


def _bases(runs: Sequence[Run]) -> dict[str, Mapping[str, Any]]:
    """Recipe -> the settings that its runs are compared with: its defaults, else those of its first run."""
    shipped = set(recipe_names())
    bases: dict[str, Mapping[str, Any]] = {}
    for run in sorted(runs, key=lambda run: (run.invocation, run.id)):
        if run.recipe not in bases:
            bases[run.recipe] = (_own(run.recipe) if run.recipe in shipped and "model" in run.settings else None) or run.settings
    return bases


def _own(recipe: str) -> Mapping[str, Any] | None:
    try:
        return load_recipe(recipe).settings()
    except BadInput:  # it has no default for something, such as the model
        return None


def _differences(settings: Mapping[str, Any], base: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that differ from the base's.

    A field that the base lacks, from another version of sirev, counts unless it is empty. A different model is left out: it
    has its own column.
    """
    left_out = {*_NOT_SET, "model"} if model_of(settings) != model_of(base) else set(_NOT_SET)
    own = flat({name: value for name, value in settings.items() if name not in left_out})
    usual = flat(base)
    groups = {path[:end] for path in usual for end in range(len(path)) if path[end] == "."}
    return {
        path: value
        for path, value in own.items()
        if (usual[path] != value if path in usual else path in groups or value not in (None, [], {}, False, ""))
    }


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) else None
