"""Availability of a recipe's models, data sets and server."""

from __future__ import annotations

import json
import os
import re
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlencode

from sirev import hub
from sirev.addresses import Address
from sirev.errors import BadInput
from sirev.machine.findings import Finding, Remedy
from sirev.recipe import Recipe
from sirev.recipe.sections import TaskSuite
from sirev.tasks.splits import local_file, require_distinct_files
from sirev.tasks.task import Data, Task
from sirev.trainers.base_models import NOT_THE_MODEL, PATTERNS, local_files, local_module_files


def base_model(recipe: Recipe, *, hub_only: bool = False) -> Iterator[Finding]:
    """The finding about M_0, unless it is pretrained here; with `hub_only`, none for a local folder."""
    if (name := recipe.model.name) is not None and not (hub_only and hub.is_local(name)):
        yield _model("base model", name, recipe.model.revision, "model", local_files)


def embedding_model(recipe: Recipe, *, hub_only: bool = False) -> Iterator[Finding]:
    """The finding about the embedding model, which is optional; with `hub_only`, none for a local folder."""
    embedding = recipe.evaluation.embedding
    if embedding is not None and not (hub_only and hub.is_local(embedding.model)):
        without = Remedy("go without", "--set evaluation.embedding=null")
        key = "evaluation.embedding.model"
        yield _model("embedding model", embedding.model, embedding.revision, key, local_module_files, without)


def _model(
    what: str, name: str, revision: str | None, key: str, files_of: Callable[[Path], list[str]], *others: Remedy
) -> Finding:
    if not hub.is_local(name):
        return on_the_hub(what, "model", name, revision, key, *others)
    folder = Path(os.path.expanduser(name))
    try:
        reason = "" if folder.is_dir() and files_of(folder) else f"there is no folder {name}"
    except BadInput as error:
        reason = str(error)
    another = Remedy("name another folder, or ORGANISATION/NAME on the Hub", _folder_for(key))
    return Finding(what, reason or name, not reason, True, (another, *others))


def data(recipe: Recipe, *, hub_only: bool = False) -> Iterator[Finding]:
    """Findings about the data of the task and of its out-of-distribution suites, told apart by `need`."""
    task = recipe.task
    yield from _rows("data", "task", task, ("train", recipe.evaluation.split), hub_only)
    for field, source in task.sources().items():
        if field != "data" and not (hub_only and source.local):
            yield replace(_source(field, f"task.{field}", task, source, ("train",)), need="data")
    for name, suite in recipe.evaluation.ood.items():
        if isinstance(suite, TaskSuite):
            key = f"evaluation.ood.{name}"
            without = Remedy("go without", f"--set {key}=null")
            for finding in _rows(f"data of {name}", f"{key}.task", suite.task, ("test",), hub_only):
                yield finding if finding.well else replace(finding, remedies=(*finding.remedies, without))


def _rows(what: str, key: str, task: Task, splits: tuple[str, ...], hub_only: bool) -> Iterator[Finding]:
    if task.code is not None:
        yield Finding(what, f"made by {task.code}", True, False, need=what)
    named = task.sources().get("data")
    if named is not None and not (hub_only and named.local):
        yield replace(_source(what, f"{key}.data", task, named, splits), need=what)


def _source(what: str, key: str, task: Task, named: Data, splits: tuple[str, ...]) -> Finding:
    if not named.local:
        assert named.hub is not None
        return on_the_hub(what, "dataset", named.hub, named.revision, f"{key}.path")
    remedy = Remedy("name the files", f"--set {key}.path=FOLDER")
    try:
        if {"train", "test"} <= set(splits) and not task.one_file:
            require_distinct_files(task.name, named.path, named.files, key)
        files = [local_file(named.path, named.files, task.upstream(split), key) for split in splits]
    except BadInput as error:
        return Finding(what, str(error), False, True, (remedy,))
    missing = [str(file) for file in dict.fromkeys(files) if not file.is_file()]
    found = f"there is no {', no '.join(missing)}" if missing else ", ".join(map(str, dict.fromkeys(files)))
    return Finding(what, found, not missing, True, (remedy,))


def on_the_hub(what: str, kind: hub.RepositoryKind, name: str, revision: str | None, key: str, *others: Remedy) -> Finding:
    """The finding about a Hub repository: cached on this machine, downloadable, or why not."""
    from huggingface_hub import HfApi
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    at = f"{name} at {revision[:12]}" if revision else name
    if hub.cached(kind, name, revision, *((PATTERNS, NOT_THE_MODEL) if kind == "model" else ())):
        return Finding(what, f"{at}, on this machine", True, True)
    local = Remedy(f"name {'a local one' if kind == 'model' else 'local files'}", _folder_for(key))
    login = Remedy("log in to the Hub", "hf auth login")
    try:
        HfApi().repo_info(name, repo_type=kind, revision=revision, timeout=hub.SECONDS)
        HfApi().auth_check(name, repo_type=kind)  # a gated repository's page is public, but not its files
    except GatedRepoError:
        accept = Remedy(f"accept its licence at {hub.page(kind, name)}, then log in", login.command)
        return Finding(what, f"{at} is gated", False, True, (accept, local, *others))
    except RevisionNotFoundError:
        return Finding(
            what, f"{at}: the Hub has no such revision", False, True, (Remedy("name another revision"), local, *others)
        )
    except RepositoryNotFoundError:
        found = f"{at}: the Hub has no such {kind}, or it is private"
        return Finding(what, found, False, True, (login, local, *others))
    except Exception as error:  # the type depends on the HTTP client of the Hub's library
        reason = re.sub(r"(https?://[^/\s]+)\S*", r"\1", re.sub(r"\s+", " ", str(error)))[:120]  # shorten addresses to their host
        found = f"{at} is not on this machine, and the Hub can't be reached: {reason}"
        return Finding(what, found, False, True, (Remedy("go online once, so that it is cached"), local, *others))
    return Finding(what, f"{at}, to be downloaded", True, True)


def _folder_for(key: str) -> str:
    return "--model FOLDER" if key == "model" else f"--set {key}=FOLDER"


def server(url: str) -> Finding:
    """The finding about the sampling server: whether it answers, and its models."""
    address = Address.of(url)
    url = address.url
    try:
        query = f"?{urlencode(address.query)}" if address.query else ""
        request = urllib.request.Request(f"{url}/models{query}")
        for name, value in address.headers.items():
            request.add_unredirected_header(name, value)  # not sent on to a redirect's host
        with urllib.request.urlopen(request, timeout=hub.SECONDS) as answer:
            served = [model["id"] for model in json.load(answer)["data"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        remedy = Remedy("start it, and give its address, which ends in /v1", "--set engine.url=URL")
        return Finding("server", f"{url} does not answer: {error}", False, True, (remedy,))
    return Finding("server", f"{url}, with {', '.join(served)}", True, True)
