"""A task of sirev that grades completions made elsewhere: its problems, its grader, and what its answers are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from sirev.errors import BadInput
from sirev.grading.graders import GRADERS, OWN
from sirev.recipe.load import read_recipe
from sirev.recipe.sections import Grader, OwnGrader, ProgramGrader, TextGrader
from sirev.stages.grade import GradeParameters
from sirev.store.local_files import LocalFiles
from sirev.study.inputs import dataset_parameters, grading_parameters
from sirev.suggest import suggest
from sirev.tasks.load import DatasetParameters
from sirev.tasks.registry import TASKS
from sirev.tasks.task import DataTask

GRADING: dict[str, type[DataTask]] = {name: task for name, task in TASKS.items() if issubclass(task, DataTask)}
"""The tasks whose problems can be read without a recipe of the user's."""
NAMED = [name for name in GRADERS if name != OWN]


@dataclass(frozen=True)
class GradingTask:
    """A task's section as a recipe has it, one split of it, and its grader's section."""

    section: DataTask
    split: str
    grader: Grader

    @property
    def name(self) -> str:
        return self.section.name

    @property
    def template(self) -> str:
        """The name of the template of its prompts; a user's own task has the template itself."""
        return self.section.prompt_template

    @property
    def answers(self) -> str:
        """What an answer is, for measures of diversity."""
        return self.section.answers(self.grader.name)

    def dataset(self, local: LocalFiles) -> DatasetParameters:
        """The parameters of the stage `dataset` for its problems."""
        return dataset_parameters(self.section, self.split, local, key="--data")

    def grading(self, local: LocalFiles) -> GradeParameters:
        """The parameters of the stage `grade` for its grader."""
        return grading_parameters(self.grader, local)

    def unconfined(self) -> GradingTask:
        """The same with programs run even where they can't be confined."""
        if not isinstance(self.grader, ProgramGrader):
            raise BadInput(f"--allow-unsafe-code: the grader {self.grader.name} runs no programs")
        return replace(self, grader=self.grader.model_copy(update={"sandbox": "C"}))

    def settings(self) -> dict[str, Any]:
        """What it is, as plain JSON; where local rows lie is left out."""
        section = self.section.model_dump(mode="json", by_alias=True)
        if self.section.data.local:
            del section["data"]
        return {**section, "split": self.split, "grader": self.grader.model_dump(mode="json")}


def grading_task(name: str, data: str | Path | None, grader: str | None, split: str) -> GradingTask:
    """The task `name` with the rows of a local file or folder `data`, else of the Hub; BadInput for what can't be."""
    if name not in GRADING:
        raise BadInput(f"--task: unknown task {name!r}{suggest(name, list(GRADING))}")
    if split not in ("train", "test"):
        raise BadInput(f"--split: unknown split {split!r} (known: train, test)")
    task = GRADING[name]
    chosen = grader or task.default_grader
    if chosen is None:
        why = "it runs programs that a model wrote, which is to be said in so many words" if task.programs else "it has no own"
        raise BadInput(f"--grader: missing, and required by the task {name}: {why} (known: {', '.join(NAMED)})")
    own = ":" in chosen
    if not own and chosen not in NAMED:
        raise BadInput(f"--grader: unknown grader {chosen!r}{suggest(chosen, NAMED)}")
    if task.programs is not None and task.programs != (chosen == "mbpp"):
        raise BadInput(f"--grader {chosen}: not for the task {name}; programs, and they alone, are graded by mbpp")
    return GradingTask(_section(task, name, data), split, _grader(chosen))


def _section(task: type[DataTask], name: str, data: str | Path | None) -> DataTask:
    """The section of a recipe: that of the task's recipe, which names its data set on the Hub, pinned."""
    if data is None and task.own:
        raise BadInput(f"--data: missing, and required by the task {name}: a file of rows with question and answer")
    fields = {"name": name} if task.own else read_recipe(name).value(("task",))
    if data is not None:
        fields = {**fields, "data": {"path": str(data)}}
    return task.model_validate(fields)


def _grader(name: str) -> Grader:
    if ":" in name:
        return OwnGrader(name="python", function=name)
    return ProgramGrader(name="mbpp") if name == "mbpp" else TextGrader(name=cast(Any, name))
