"""Grading of completions made elsewhere: by a task of sirev, or by a grader with the gold answers in the files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError

from sirev.errors import BadInput
from sirev.grading.graders import GRADERS, OWN
from sirev.recipe.load import read_recipe, recipe_names
from sirev.recipe.sections import Grader, OwnGrader, ProgramGrader, TextGrader
from sirev.stages.grade import GradeParameters
from sirev.store.local_files import LocalFiles
from sirev.study.inputs import dataset_parameters, grading_parameters
from sirev.suggest import suggest
from sirev.tasks.load import DatasetParameters
from sirev.tasks.registry import TASKS
from sirev.tasks.task import DataTask, OwnTask

GRADING: dict[str, type[DataTask]] = {name: task for name, task in TASKS.items() if issubclass(task, DataTask)}
"""Tasks whose problems can be read without a recipe of the user's own."""
NAMED = [name for name in GRADERS if name != OWN]
PROGRAM_SECONDS = 5.0
"""Default CPU seconds per program from a file."""
ALL_SPLITS = "all"
"""All published splits of a task."""


@dataclass(frozen=True)
class GradingTask:
    """A task's section as in a recipe, one of its splits, and its grader's section."""

    section: DataTask
    split: str
    grader: Grader

    @property
    def name(self) -> str:
        return self.section.name

    @property
    def template(self) -> str:
        """The name of the prompt template; for a user's own task the template itself."""
        return self.section.prompt_template

    @property
    def answers(self) -> str:
        """The kind of answers, for measures of diversity."""
        return self.section.answers(self.grader.name)

    @property
    def splits(self) -> list[str]:
        """The splits that its problems come from."""
        known = self.section.splits
        return list(known) if self.split == ALL_SPLITS and ALL_SPLITS not in known else [self.split]

    def dataset(self, split: str, local: LocalFiles) -> DatasetParameters:
        """The parameters of the stage `dataset` for its problems from `split`."""
        return dataset_parameters(self.section, split, local, key="--data")

    def grading(self, local: LocalFiles) -> GradeParameters:
        """The parameters of the stage `grade` for its grader."""
        return grading_parameters(self.grader, local)

    def unconfined(self) -> GradingTask:
        """A copy that runs programs even where they can't be confined. Raises BadInput for a grader that runs none."""
        if not isinstance(self.grader, ProgramGrader):
            raise BadInput(f"--allow-unsafe-code: the grader {self.grader.name} runs no programs")
        return replace(self, grader=self.grader.model_copy(update={"sandbox": "C"}))

    def settings(self) -> dict[str, Any]:
        """The task as plain JSON, without the place of local rows."""
        section = self.section.model_dump(mode="json", by_alias=True)
        if self.section.data.local:
            del section["data"]
        return {**section, "split": self.split, "grader": self.grader.model_dump(mode="json")}


@dataclass(frozen=True)
class FileGrading:
    """A grader's section, for comparing answers with the files' gold answers."""

    grader: Grader

    @property
    def answers(self) -> str:
        """The kind of answers, for measures of diversity."""
        return OwnTask.answers(cast(Any, None), self.grader.name)

    def grading(self, local: LocalFiles) -> GradeParameters:
        """The parameters of the stage `grade` for its grader."""
        return grading_parameters(self.grader, local)

    def unconfined(self) -> FileGrading:
        """Raise BadInput: this grader runs no programs."""
        raise BadInput(f"--allow-unsafe-code: the grader {self.grader.name} runs no programs")

    def settings(self) -> dict[str, Any]:
        """The grading as plain JSON."""
        return {"name": "files", "grader": self.grader.model_dump(mode="json")}


def file_grading(grader: str, settings: Mapping[str, Any] | None = None) -> FileGrading:
    """The named grader with the files' gold answers; BadInput for an unknown grader, or one that runs programs."""
    if grader == "mbpp":
        raise BadInput("--grader mbpp: runs programs against tests, which are a task's: --task, such as mbpp or mbpp_sanitized")
    return FileGrading(grader_section(grader, settings or {}))


def grading_task(
    name: str, data: str | Path | None, grader: str | None, split: str, settings: Mapping[str, Any] | None = None
) -> GradingTask:
    """The task `name` with rows from a local file or folder `data`, else from the Hub; BadInput for wrong or missing options.

    `settings`: fields of the grader's section, such as "seconds".
    """
    if name not in GRADING:
        raise BadInput(f"--task: unknown task {name!r}{suggest(name, list(GRADING))}")
    if split not in ("train", "test", ALL_SPLITS):
        raise BadInput(f"--split: unknown split {split!r} (known: train, test, {ALL_SPLITS})")
    task = GRADING[name]
    chosen = grader or task.default_grader or ("mbpp" if task.programs else None)
    if chosen is None:
        raise BadInput(f"--grader: missing, and required by the task {name}: it has none of its own (known: {', '.join(NAMED)})")
    _check_grader(chosen)
    if task.programs is not None and task.programs != (chosen == "mbpp"):
        raise BadInput(f"--grader {chosen}: not for the task {name}; mbpp grades programs, and nothing else does")
    return GradingTask(_section(task, name, data), split, grader_section(chosen, settings or {}))


def _check_grader(name: str) -> None:
    if ":" not in name and name not in NAMED:
        raise BadInput(f"--grader: unknown grader {name!r}{suggest(name, NAMED)}")


def _section(task: type[DataTask], name: str, data: str | Path | None) -> DataTask:
    """A recipe's task section: from the task's own recipe, with its data set pinned on the Hub, or with the rows in `data`."""
    if data is None and task.own:
        raise BadInput(f"--data: missing, and required by the task {name}: a file of rows with question and answer")
    if data is None and not task.own and not task.on_hub and name not in recipe_names():
        raise BadInput(f"--data: missing, and required by the task {name}: a file or a folder of its rows")
    known = {"name": name, "data": dict(task.on_hub)} if task.on_hub else {"name": name}
    fields: Any = read_recipe(name).value(("task",)) if name in recipe_names() else known
    if data is not None:
        fields = {**fields, "data": {"path": str(data)}}
    return task.model_validate(fields)


def grader_section(name: str, settings: Mapping[str, Any]) -> Grader:
    """A recipe's grader section with the fields `settings`; BadInput names a field that it doesn't have or allow."""
    _check_grader(name)
    section: type[OwnGrader | ProgramGrader | TextGrader]
    if ":" in name:
        section, fields = OwnGrader, {"name": OWN, "function": name}
    else:
        section, fields = (ProgramGrader if name == "mbpp" else TextGrader), {"name": name}
    allowed = [field for field in section.model_fields if field not in ("name", "function", "sandbox")]
    for field in settings:
        if field not in allowed:
            raise BadInput(f"--grader-set: the grader {name} has no setting {field!r}{suggest(field, allowed)}")
    # An endless program costs the whole limit, and an honest one takes a hundredth of it.
    given = {**({"seconds": PROGRAM_SECONDS} if section is ProgramGrader else {}), **settings}
    try:
        return section.model_validate({**fields, **given})
    except ValidationError as error:
        first = error.errors()[0]
        at = ".".join(map(str, first["loc"]))
        raise BadInput(f"--grader-set {at}={given.get(at)}: {first['msg'].lower()}") from None
