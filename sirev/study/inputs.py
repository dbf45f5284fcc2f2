"""Inputs of a study, problems and base model, as parameters of their stages: by content, not by place."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sirev.errors import BadInput
from sirev.hub import is_local
from sirev.own_code import source_files
from sirev.recipe.sections import Embedding, Grader, Model, OwnGrader
from sirev.stages import grade
from sirev.stages.model import ModelParameters
from sirev.store.local_files import LocalFiles
from sirev.tasks.load import DatasetParameters
from sirev.tasks.splits import local_file, require_distinct_files
from sirev.tasks.task import Data, Task
from sirev.trainers.base_models import given_files, local_files, local_module_files


def dataset_parameters(
    task: Task, split: str, local: LocalFiles, *, key: str = "task", template: str | None = None
) -> DatasetParameters:
    """The parameters of the stage `dataset` for a split of the task that a recipe has under `key`.

    Raises BadInput where a local file does not exist and its content is not known from before.
    """
    base = split.partition("/")[0]
    limit = {"train": task.limits.train, "test": task.limits.test}.get(base)
    source: dict[str, Any] = {}
    files: dict[str, str] = {}
    if task.code is not None:
        source["rows"] = {"sha256": code_digest(local, task.code, f"{key}.class")}
        files["class"] = task.code
    for field, data in task.sources().items():
        what, upstream = ("rows", task.upstream(split)) if field == "data" else (field, "train")
        _add_source(source, files, what, data, upstream, local, f"{key}.{field}")
    return DatasetParameters(
        task=task.name,
        split=split,
        source=source,
        template=template or task.template,
        options=task.problem_options(),
        limit=limit,
        limit_seed=task.limits.seed if limit else 0,
        dev=task.held_out if base in ("train", "dev") else None,
        files=files,
    )


def require_distinct_splits(task: Task, local: LocalFiles) -> None:
    """Raise BadInput where training set and test set are the same local file, or two files with the same content."""
    data = task.sources().get("data")
    if task.one_file or data is None or not data.local:
        return
    if data.path is None and not all(data.files.values()):  # reported where the split without a file is read
        return
    require_distinct_files(task.name, data.path, data.files)
    train, test = (local_file(data.path, data.files, split) for split in ("train", "test"))
    digest = local.digest(train)
    if digest is not None and digest == local.digest(test):
        raise BadInput(f"task.data: {train} and {test} have the same content; the test set must not be the training set")


def grading_parameters(grader: Grader, local: LocalFiles) -> grade.GradeParameters:
    """The parameters of the stage `grade` for a recipe's grader; a user's own function is identified by its source file."""
    code = code_digest(local, grader.function, "grader.function") if isinstance(grader, OwnGrader) else None
    return grade.grade_parameters(grader, code)


def model_parameters(model: Model, local: LocalFiles) -> ModelParameters:
    """The parameters of the stage `model` for M_0: a Hub repository at a revision, or the content of a local folder."""
    assert model.name is not None
    return _hub_or_folder(model.name, model.revision, local, "model", "name", local_files)


def given_model_parameters(model: Model, local: LocalFiles) -> ModelParameters:
    """The parameters of the stage `model` for a model or an adapter trained elsewhere."""
    assert model.name is not None
    return _hub_or_folder(model.name, model.revision, local, "model", "name", given_files)


def embedding_parameters(embedding: Embedding, local: LocalFiles) -> ModelParameters:
    """The parameters of the stage `model` for the model that embeds answers."""
    return _hub_or_folder(embedding.model, embedding.revision, local, "evaluation.embedding", "model", local_module_files)


def _hub_or_folder(
    name: str, revision: str | None, local: LocalFiles, section: str, field: str, files_of: Callable[[Path], list[str]]
) -> ModelParameters:
    """A model named in a `field` of a recipe's `section`; `files_of` lists a folder's model files. BadInput for no folder."""
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
    file = local_file(data.path, data.files, split, key)
    digest = local.digest(file)
    if digest is None:
        raise BadInput(f"{key}: there is no file {file}")
    files[what] = str(file.absolute())
    source[what] = {"sha256": digest}


def code_digest(local: LocalFiles, name: str, key: str) -> str:
    """The digest of the source file of a user's class or function, for the key. Raises BadInput if there is no such file."""
    for file in source_files(name):
        if digest := local.digest(file):
            return digest
    expected = "CLASS" if key.endswith(".class") else "FUNCTION"
    raise BadInput(f"{key}: {name!r} is neither a file nor an importable module, followed by :{expected}")
