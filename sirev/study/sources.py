"""Where a recipe's problems and base model come from, as parameters of their stages: what they are, not where they lie."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from sirev.errors import BadInput
from sirev.recipe.sections import Model
from sirev.recipe.tasks import Csqa, Data, DataTask, Gsm8k, Math, Mbpp, OwnClass, OwnRows
from sirev.stages.dataset import DatasetParameters
from sirev.stages.model import ModelParameters
from sirev.store.local_files import LocalFiles
from sirev.tasks.files import FEW_SHOT, STOP, local_file, upstream_split
from sirev.tasks.templates import RATIONALES
from sirev.trainers.base_models import is_local, local_files

__all__ = ["FEW_SHOT", "STOP", "dataset_parameters", "model_parameters", "template_of"]


def template_of(task: DataTask) -> str:
    """The name of the prompt template of a task; a user's own brings its words itself."""
    if isinstance(task, Csqa):
        return RATIONALES[task.rationales]
    return task.name if isinstance(task, Gsm8k | Math | Mbpp) else ""


def dataset_parameters(task: DataTask, split: str, local: LocalFiles, template: str | None = None) -> DatasetParameters:
    """The parameters of the stage `dataset` for a split; BadInput where a local file is not there and never was."""
    base = split.partition("/")[0]
    source: dict[str, Any] = {}
    files: dict[str, str] = {}
    if isinstance(task, OwnClass):
        source["rows"] = {"sha256": _digest(local, _module_file(task.class_), "task.class")}
    else:
        _add_source(source, files, "rows", task.data, upstream_split(task.name, split), local)
    if isinstance(task, Csqa) and task.rationales == "ecqa" and task.explanations is not None:
        _add_source(source, files, "explanations", task.explanations, "train", local)
    return DatasetParameters(
        task=task.name,
        split=split,
        source=source,
        template=template or template_of(task),
        options=_options(task),
        limit={"train": task.limit.train, "test": task.limit.test}.get(base),
        limit_seed=task.limit.seed if {"train": task.limit.train, "test": task.limit.test}.get(base) else 0,
        dev=task.dev if base in ("train", "dev") else None,
        files=files,
    )


def model_parameters(model: Model, local: LocalFiles) -> ModelParameters:
    """The parameters of the stage `model`: a Hub repository at a revision, or what a local folder holds."""
    assert model.name is not None
    if not is_local(model.name):
        return ModelParameters(hub=model.name, revision=model.revision)
    folder = Path(model.name)
    if model.revision is not None:
        raise BadInput(f"model.revision: {model.name} is a local folder, which has none")
    names = local_files(folder.expanduser()) if folder.expanduser().is_dir() else None
    digest = local.digest(folder, names)
    if digest is None:
        raise BadInput(f"model.name: there is no folder {model.name}")
    return ModelParameters(digest=digest)


def _add_source(source: dict[str, Any], files: dict[str, str], what: str, data: Data, split: str, local: LocalFiles) -> None:
    if data.local:
        file = local_file(data.path, {"train": data.train, "test": data.test}, split)
        files[what] = str(file.expanduser().absolute())
        source[what] = {"sha256": _digest(local, file, "task.data")}
    else:
        source[what] = {"hub": data.hub, "config": data.config, "revision": data.revision}


def _digest(local: LocalFiles, file: Path, where: str) -> str:
    digest = local.digest(file)
    if digest is None:
        raise BadInput(f"{where}: there is no file {file}")
    return digest


def _module_file(name: str) -> Path:
    """The source of a user's task class, whose digest stands for it in the key."""
    module = name.rpartition(":")[0]
    if module.endswith(".py"):
        return Path(module)
    here = Path(*module.split(".")).with_suffix(".py")
    if here.is_file():
        return here
    try:
        spec = importlib.util.find_spec(module) if module else None
    except (ImportError, ValueError):
        spec = None
    if spec is None or not spec.origin:
        raise BadInput(f"task.class: {name!r} is neither a file nor an importable module, followed by :CLASS")
    return Path(spec.origin)


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
        return {"class": task.class_, "options": task.options}
    return {}
