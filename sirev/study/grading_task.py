"""A task of sirev that grades completions made elsewhere: its problems, its grader, and what its answers are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, cast, get_args

from sirev.errors import BadInput
from sirev.grading.graders import GRADERS
from sirev.recipe import load_recipe
from sirev.recipe.sections import Grader, ProgramGrader, TextGrader
from sirev.recipe.task_sections import DEFAULT_GRADERS, Csqa, Data, Gsm8k, Math, Mbpp, OwnRows
from sirev.stages.dataset import DatasetParameters
from sirev.store.local_files import LocalFiles
from sirev.study.inputs import dataset_parameters, template_of
from sirev.suggest import suggest

GraderSection = Gsm8k | Math | Mbpp | Csqa | OwnRows
TaskName = Literal["gsm8k", "math", "mbpp", "csqa", "jsonl"]
_TASKS: tuple[TaskName, ...] = get_args(TaskName)
_ANSWERS = {"gsm8k": "math", "math": "math", "mbpp": "code", "csqa": "text", "jsonl": "math"}
_RECIPES = "mistral"
"""Whose recipes name each task's data set on the Hub, pinned."""


@dataclass(frozen=True)
class GradingTask:
    """A task's section as a recipe has it, one split of it, and its grader's section."""

    section: GraderSection
    split: str
    grader: Grader

    @property
    def name(self) -> str:
        return self.section.name

    @property
    def template(self) -> str:
        """The name of the template of its prompts; a user's own task has the template itself."""
        return self.section.prompt if isinstance(self.section, OwnRows) else template_of(self.section)

    @property
    def answers(self) -> str:
        """What an answer is, for measures of diversity."""
        return _ANSWERS[self.name]

    def dataset(self, local: LocalFiles) -> DatasetParameters:
        """The parameters of the stage `dataset` for its problems."""
        return dataset_parameters(self.section, self.split, local, key="--data")

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
    if name not in _TASKS:
        raise BadInput(f"--task: unknown task {name!r}{suggest(name, list(_TASKS))}")
    if split not in ("train", "test"):
        raise BadInput(f"--split: unknown split {split!r} (known: train, test)")
    if grader is None and name not in DEFAULT_GRADERS:
        why = "it runs programs that a model wrote, which is to be said in so many words" if name == "mbpp" else "it has no own"
        raise BadInput(f"--grader: missing, and required by the task {name}: {why} (known: {', '.join(GRADERS)})")
    chosen = grader or DEFAULT_GRADERS[name]
    if chosen not in GRADERS:
        raise BadInput(f"--grader: unknown grader {chosen!r}{suggest(chosen, list(GRADERS))}")
    if (name == "mbpp") != (chosen == "mbpp") and not (name == "jsonl" and chosen == "mbpp"):
        raise BadInput(f"--grader {chosen}: not for the task {name}; programs, and they alone, are graded by mbpp")
    if name == "jsonl":
        if data is None:
            raise BadInput("--data: missing, and required by the task jsonl: a file of rows with question and answer")
        section: GraderSection = OwnRows(name="jsonl", data=Data(path=str(data)))
    else:
        section = cast(GraderSection, load_recipe(f"{_RECIPES}_{name}").task)
        if data is not None:
            section = section.model_copy(update={"data": Data(path=str(data))})
    made: Grader = ProgramGrader(name="mbpp") if chosen == "mbpp" else TextGrader(name=cast(Any, chosen))
    return GradingTask(section, split, made)
