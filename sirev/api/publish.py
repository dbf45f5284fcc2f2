"""Publication of a model, its training set and its answers on the Hugging Face Hub. No model is run."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Mapping
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, NoReturn

from sirev.api.published_tables import published_tables
from sirev.errors import BadInput
from sirev.explain.history import base_of
from sirev.explain.lookup import run_named
from sirev.hub import ADAPTER_CONFIG, RepositoryKind, hub_data, hub_facts, weight_sums
from sirev.metrics.comparison.nulls import is_null
from sirev.quoting import as_typed
from sirev.recipe import load_recipe, recipe_names
from sirev.reporting.cards.completions_card import completions_card, is_table
from sirev.reporting.cards.model_card import model_card, recipe_file
from sirev.reporting.cards.published_model import RECIPE_FILE, BaseModel, PublishedModel
from sirev.reporting.summary import report
from sirev.stages.model import REFERENCE
from sirev.store.artifacts import Artifact
from sirev.store.checkout import refuse_hollow
from sirev.store.digests import sha256_file
from sirev.store.local_files import LocalFiles
from sirev.store.runs import Run, address_parts, run_address
from sirev.store.sharing.hub_place import HubPlace
from sirev.store.sharing.hub_repository import Publication, make_repository, publish_files, refuse_unfit
from sirev.store.store import Store
from sirev.store.tables import to_parquet
from sirev.study.comparing import studies_of
from sirev.study.remedies import OR_RECOMPUTE, verb_of
from sirev.study.step_names import BASE_MODEL, PRETRAINED_MODEL, parse_step
from sirev.study.trained_models import model_step_at, model_steps

_MODEL_FILES = ("*.safetensors", "*.json", "*.jinja", RECIPE_FILE)
"""Files of an earlier published model, at the top of its repository, which are replaced."""


def publish(
    model: str,
    repository: str,
    *,
    completions: bool = False,
    base: str | None = None,
    private: bool | None = None,
    store: Store | str | Path | None = None,
    on_warning: Callable[[str], None] = lambda text: None,
) -> list[Publication]:
    """Publish M_t of a finished run, "RUN:t", as the model `repository`, ORG/NAME, on the Hugging Face Hub.

    An adapter is published with its base's name, other models with all weights; each loads in transformers, PEFT and vLLM. The
    card has the headline, the training, digests, and commands that check the model. With `completions`, the graded draws and D_t
    follow as a data set of the same name. `base`, ORG/NAME[@REVISION], names the base of an adapter that the store only knows by
    its files; the Hub's weights must be the same, and `on_warning` is called if that can't be checked. With `private`, a new
    repository is private, and an existing public one is refused; a new data set is private if its model is. Returns the model's
    publication, then the data set's.

    No model is run, and nothing is sent unless everything is available. Raises BadInput for a model that can't be published or
    that the Hub refuses, RemoteFailed if the Hub can't be reached.
    """
    opened = store if isinstance(store, Store) else Store(store)
    repository = _repository(repository)
    place = HubPlace("model", repository)
    run, t = _asked(opened, model)
    found = _model(opened, run, t, repository, base, on_warning)
    seeds = [one.id for study in studies_of(opened, [run]) for one in study if one.method == run.method]
    (study,) = report(runs=seeds or [run.id], store=opened).studies
    data = HubPlace("dataset", repository) if completions else None
    sets = _completions(found) if data else {}
    source = _learned_from(found)
    learned_from = [one for one in (source, repository if data else None) if one]
    files = {**_weights(found), RECIPE_FILE: recipe_file(found)}
    files["README.md"] = model_card(found, study, _check(found), learned_from)
    what = f"M_{t} of {run.id}"
    places = [one for one in (place, data) if one is not None]
    for one in places:
        refuse_unfit(one, private)
    hidden = False
    for one in places:  # a new data set is private if its model is
        hidden = make_repository(one, private, hidden=hidden)
    published = [publish_files(place, files, f"sirev: {what}", _is_model_file)]
    if data is not None:
        published.append(publish_files(data, sets, f"sirev: graded draws and D_t of {what}", is_table))
    return published


def _is_model_file(path: str, card: Mapping[str, Any]) -> bool:
    return "/" not in path and any(fnmatch(path, pattern) for pattern in _MODEL_FILES)


def _asked(store: Store, name: str) -> tuple[Run, int]:
    """The run and t of RUN:t or RUN:t:train; BadInput if there is no such model, or the run is not finished."""
    run_name, step = address_parts(name)
    run = run_named(store, run_name)
    if verb_of(run) != "iterate":
        raise BadInput(f"{run.id} trained no model: `sirev {verb_of(run)}` evaluated models that sirev did not train")
    if is_null(run.method):
        raise BadInput(f"{run.id} is a null run, in which no method is at work; name a run of a method")
    if run.status == "running":
        raise BadInput(f"the run {run.id} is not finished: finish it with `sirev {verb_of(run)}` first")
    asked = re.fullmatch(r"(\d+)(?::(\w+))?", step or "")
    if asked is None or (asked[2] and asked[2] not in ("train", "pretrain")):
        raise BadInput(f"{name} names no model of a run; those of {run.id} are {', '.join(_models(run))}")
    return run, int(asked[1])


def _models(run: Run) -> list[str]:
    return [f"{run.id}:{t}" for t in sorted({parse_step(step).t or 0 for step in model_steps(run)})] or ["none"]


def _repository(name: str) -> str:
    """ORG/NAME, from ORG/NAME or hf://models/ORG/NAME; BadInput for any other name."""
    found = name.removeprefix("hf://models/")
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", found):
        raise BadInput(f"{found!r} is not ORG/NAME")
    return found


def _model(
    store: Store, run: Run, t: int, repository: str, base: str | None, on_warning: Callable[[str], None]
) -> PublishedModel:
    steps = model_steps(run)
    step = model_step_at(steps, t) if t else next((one for one in steps if parse_step(one).t == 0), None)
    names = map(parse_step, run.pins)
    last = max(name.t or 0 for name in names if name.stage != "select")  # a run that stops before M_t has an empty D_t
    if step is None or t > last:
        raise BadInput(f"{run.id} has no M_{t} of its own; its models are {', '.join(_models(run))}")
    artifact = store.artifact(run.pins[step].artifact)
    refuse_hollow(store, artifact, OR_RECOMPUTE)
    adapter = ADAPTER_CONFIG in artifact.manifest["files"]
    found = _base(store, run, step, adapter, base, on_warning)
    return PublishedModel(store, run, t, step, artifact, repository, adapter, found)


def _base(
    store: Store, run: Run, step: str, adapter: bool, named: str | None, on_warning: Callable[[str], None]
) -> BaseModel | None:
    """The model's base on the Hub, by the store or as `named`; None if neither has one. BadInput for an adapter without one."""
    record = store.records.get(run.pins[step].key, run.pins[step].artifact)
    found = base_of(store, record, [run]) if record else None
    place = run.pins.get(found[1]) if found else run.pins.get(BASE_MODEL) or run.pins.get(PRETRAINED_MODEL)
    origin = store.artifact(place.artifact) if place else None
    if origin is not None and (reference := _reference(origin)) and "hub" in reference:
        if named is not None:
            raise BadInput(
                f"--base {named}: the base of {run_address(run.id, step)} is the Hub's {reference['hub']}; leave it out"
            )
        return BaseModel(reference["hub"], reference["commit"], _licence("model", reference["hub"], reference["commit"]))
    if named is None and adapter:
        _refuse_unnamed(run, step, found[1] if found else None)
    if named is None:
        return None
    name, _, revision = named.partition("@")
    name = _repository(name)
    facts = hub_facts("model", name, revision or None)
    _refuse_other_weights(store, origin, name, facts.commit, on_warning)
    return BaseModel(name, facts.commit, facts.licence)


def _refuse_other_weights(
    store: Store, origin: Artifact | None, name: str, commit: str | None, on_warning: Callable[[str], None]
) -> None:
    """Raise BadInput if the Hub's weights differ from the run's base; warn if they can't be compared."""
    ours = _weight_sums(store, origin) if origin else {}
    theirs = weight_sums(name, commit, list(ours))
    if other := [file for file in sorted(theirs) if theirs[file] != ours[file]]:
        raise BadInput(f"--base {name}: its {other[0]} is not the one that the model was trained on: name the same model")
    if not ours or ours.keys() - theirs.keys():
        why = "the Hub gives no sha256 of them" if ours else "the folder is gone or has changed"
        on_warning(f"the weights of --base {name} were not compared with those of the training: {why}")


def _weight_sums(store: Store, origin: Artifact) -> dict[str, str]:
    """Name -> sha256 of a base's weight files; empty if its folder is gone or has changed."""
    if "digest" not in (reference := _reference(origin)):
        return {name: one["sha256"] for name, one in origin.manifest["files"].items() if name.endswith(".safetensors")}
    local, digest = LocalFiles(store.objects), reference["digest"]
    folder = next((path for path in local.where(digest) if local.holds(path, digest)), None)
    return {path.name: sha256_file(path) for path in sorted(folder.glob("*.safetensors"))} if folder else {}


def _licence(kind: RepositoryKind, name: str, revision: str | None) -> dict[str, str]:
    with contextlib.suppress(BadInput):  # if it is gone or gated by now, its licence is not named
        return hub_facts(kind, name, revision).licence
    return {}


def _reference(model: Artifact) -> Mapping[str, Any]:
    return model.json(REFERENCE) if REFERENCE in model.manifest["files"] else {}


def _refuse_unnamed(run: Run, step: str, base_step: str | None) -> NoReturn:
    what = f"{run_address(run.id, step)} is an adapter, and its base"
    if base_step is not None and base_step != BASE_MODEL:
        first = as_typed("sirev", "store", "publish", f"{run.id}:0", "ORG/BASE")
        raise BadInput(f"{what} was pretrained by the run: publish that first ({first}), then name it with --base ORG/BASE")
    raise BadInput(f"{what} is a local folder: name the same model on the Hub with --base ORG/NAME")


def _weights(model: PublishedModel) -> dict[str, bytes | Path]:
    """The files of the model, with the base's name in an adapter's configuration."""
    files: dict[str, bytes | Path] = {name: model.artifact.path(name) for name in model.artifact.manifest["files"]}
    if model.adapter and model.base:
        config = {
            **model.artifact.json(ADAPTER_CONFIG),
            "base_model_name_or_path": model.base.name,
            "revision": model.base.commit,
        }
        files[ADAPTER_CONFIG] = (json.dumps(config, indent=2, sort_keys=True) + "\n").encode()
    return files


def _completions(model: PublishedModel) -> dict[str, bytes | Path]:
    tables, source = published_tables(model), _learned_from(model)
    licence = _licence("dataset", source, model.settings["task"]["data"].get("revision")) if source else {}
    files: dict[str, bytes | Path] = {one.path: to_parquet(one.columns, one.rows) for one in tables}
    return {**files, "README.md": completions_card(model, tables, source, licence, _check(model))}


def _learned_from(model: PublishedModel) -> str | None:
    """The Hub data set of the problems; None for local files and generated problems."""
    return hub_data(model.settings["task"].get("data") or {})


def _check(model: PublishedModel) -> list[str]:
    """The commands that retrain the model and that evaluate it again on the same problems."""
    run = model.run
    recipe = run.recipe if run.recipe in recipe_names() and load_recipe(run.recipe).settings() == run.settings else RECIPE_FILE
    until = ["--until", str(max(model.t, 1))] if model.t < int(run.settings["T"]) else []
    again = as_typed("sirev", "iterate", "--recipe", recipe, "--method", run.method, "--seed", run.seed, *until)
    plain = run.settings["model"].get("name") and not run.settings["model"].get("chat_template")
    how = ["--chat", "never"] if plain else []  # the tokenizer may have a template that the run did without
    how += ["--set", "engine=vllm"] if run.settings["engine"]["name"] == "server" else []
    asked = as_typed("sirev", "evaluate", "check", "--recipe", recipe, "--step", f"M_{model.t}={model.repository}", *how)
    return [again, asked]
