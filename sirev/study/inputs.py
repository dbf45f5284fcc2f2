"""Where a recipe's problems and base model come from, as parameters of their stages: what they are, not where they lie."""

from __future__ import annotations

import contextlib
import importlib.util
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sirev.errors import BadInput
from sirev.hub import is_local
from sirev.recipe.sections import Embedding, Model
from sirev.recipe.task_sections import Csqa, Data, DataTask, Gsm8k, Math, Mbpp, OwnClass, OwnRows
from sirev.stages.model import ModelParameters
from sirev.store.local_files import LocalFiles
from sirev.tasks.load import DatasetParameters
from sirev.tasks.splits import local_file, require_distinct_files, upstream_split
from sirev.tasks.templates import RATIONALES
from sirev.trainers.base_models import local_files, local_module_files


def template_of(task: DataTask) -> str:
    """The name of the prompt template of a task; a user's own brings its words itself."""
    if isinstance(task, Csqa):
        return RATIONALES[task.rationales]
    return task.name if isinstance(task, Gsm8k | Math | Mbpp) else ""


def dataset_parameters(
    task: DataTask, split: str, local: LocalFiles, *, key: str = "task", template: str | None = None
) -> DatasetParameters:
    """The parameters of the stage `dataset` for a split of the task that a recipe has under `key`.

    BadInput where a local file is not there and never was.
    """
    base = split.partition("/")[0]
    limit = {"train": task.limit.train, "test": task.limit.test}.get(base)
    source: dict[str, Any] = {}
    files: dict[str, str] = {}
    if isinstance(task, OwnClass):
        source["rows"] = {"sha256": _digest_of_class(local, task.class_)}
        files["class"] = task.class_
    else:
        _add_source(source, files, "rows", task.data, upstream_split(task.name, split), local, f"{key}.data")
    if isinstance(task, Csqa) and task.rationales == "ecqa" and task.explanations is not None:
        _add_source(source, files, "explanations", task.explanations, "train", local, f"{key}.explanations")
    return DatasetParameters(
        task=task.name,
        split=split,
        source=source,
        template=template or template_of(task),
        options=_options(task),
        limit=limit,
        limit_seed=task.limit.seed if limit else 0,
        dev=task.dev if base in ("train", "dev") else None,
        files=files,
    )


def require_distinct_splits(task: DataTask, local: LocalFiles) -> None:
    """BadInput where the training set and the test set are the same local file, or two files with the same content."""
    if isinstance(task, OwnClass | Mbpp) or not task.data.local:
        return
    named = {"train": task.data.train, "test": task.data.test}
    if task.data.path is None and not all(named.values()):  # the run says so where it reads the split without a file
        return
    require_distinct_files(task.name, task.data.path, named)
    train, test = (local_file(task.data.path, named, split) for split in ("train", "test"))
    digest = local.digest(train)
    if digest is not None and digest == local.digest(test):
        raise BadInput(f"task.data: {train} and {test} have the same content; the test set must not be the training set")


def model_parameters(model: Model, local: LocalFiles) -> ModelParameters:
    """The parameters of the stage `model` for M_0: a Hub repository at a revision, or what a local folder holds."""
    assert model.name is not None
    return _hub_or_folder(model.name, model.revision, local, "model", "name", local_files)


def embedding_parameters(embedding: Embedding, local: LocalFiles) -> ModelParameters:
    """The parameters of the stage `model` for the model that answers are embedded by."""
    return _hub_or_folder(embedding.model, embedding.revision, local, "evaluation.embedding", "model", local_module_files)


def _hub_or_folder(
    name: str, revision: str | None, local: LocalFiles, section: str, field: str, files_of: Callable[[Path], list[str]]
) -> ModelParameters:
    """A model by its name in a `field` of a recipe's `section`; `files_of` says which files of a folder are the model."""
    if not is_local(name) and not local.remembers(Path(name)):
        return ModelParameters(hub=name, revision=revision)
    folder = Path(os.path.expanduser(name))
    if revision is not None:
        raise BadInput(f"{section}.revision: {name} is a local folder, which has none")
    digest = local.digest(folder, files_of(folder) if folder.is_dir() else None)
    if digest is None:
        raise BadInput(f"{section}.{field}: there is no folder {name}")
    return ModelParameters(digest=digest)


def _add_source(
    source: dict[str, Any], files: dict[str, str], what: str, data: Data, split: str, local: LocalFiles, key: str
) -> None:
    if not data.local:
        source[what] = {"hub": data.hub, "config": data.config, "revision": data.revision}
        return
    file = local_file(data.path, {"train": data.train, "test": data.test}, split, key)
    digest = local.digest(file)
    if digest is None:
        raise BadInput(f"{key}: there is no file {file}")
    files[what] = str(file.absolute())
    source[what] = {"sha256": digest}


def _digest_of_class(local: LocalFiles, name: str) -> str:
    """The digest of the source file of a user's task class, which stands for it in the key."""
    module = name.rpartition(":")[0]
    for file in _module_files(module):
        if digest := local.digest(file):
            return digest
    raise BadInput(f"task.class: {name!r} is neither a file nor an importable module, followed by :CLASS")


def _module_files(module: str) -> Iterator[Path]:
    """Where a module's source may be: from the current folder, else wherever Python finds it."""
    if module.endswith(".py"):
        yield Path(module)
    elif module:
        here = Path(*module.split("."))
        yield from (here.with_suffix(".py"), here / "__init__.py")
        with contextlib.suppress(ImportError, ValueError):
            if (spec := importlib.util.find_spec(module)) and spec.origin:
                yield Path(spec.origin)


def _options(task: DataTask) -> dict[str, Any]:
    """What else of the task decides which problems come out; null where the task has no such choice."""
    if isinstance(task, Gsm8k):
        return {"calculator": task.calculator}
    if isinstance(task, Math):
        return {"subjects": task.subjects, "levels": task.levels}
    if isinstance(task, Csqa):
        return {"rationales": task.rationales}
    if isinstance(task, OwnRows):
        return {"prompt": task.prompt, "target": task.target}
    if isinstance(task, OwnClass):
        file, _, name = task.class_.rpartition(":")
        return {"class": name if file.endswith(".py") else task.class_, "options": task.options}
    return {}
