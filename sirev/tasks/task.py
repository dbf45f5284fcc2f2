"""Base classes of tasks. Fields are a recipe's settings; class variables and methods are the interface to sirev.

Each of sirev's tasks is one file in `sirev.tasks.core`; nothing else names it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from pydantic import model_validator

from sirev.fields import Count, Section, Seed
from sirev.tasks.rows import Row

Answers = Literal["math", "code", "text", "letters"]
"""Kinds of answers, which decide how diversity is measured; single letters have none."""
Problems = list[dict[str, str]]
"""Rows of id, prompt, target (the completion in training), answer and level."""


class Data(Section):
    """Source of a task's rows: a data set on the Hub at a pinned revision, or local files, which take precedence.

    Local files are JSONL or JSONL.gz in the shape that the upstream project publishes. `path` is a folder with train.jsonl
    and test.jsonl (or .jsonl.gz), or, for a task whose splits are all in one file, that file; `train` and `test` name single
    files.
    """

    hub: str | None = None
    config: str | None = None
    revision: str | None = None
    path: str | None = None
    train: str | None = None
    test: str | None = None

    @model_validator(mode="after")
    def _somewhere(self) -> Data:
        if not (self.hub or self.path or self.train or self.test):
            raise ValueError("name a Hub data set (hub), a local folder or file (path), or local files (train, test)")
        return self

    @property
    def local(self) -> bool:
        """Whether the rows come from local files."""
        return bool(self.path or self.train or self.test)

    @property
    def files(self) -> dict[str, str | None]:
        """Split -> its local file, or None."""
        return {"train": self.train, "test": self.test}


class Limit(Section):
    """The number of problems per split, drawn with `seed`; a smaller subset is part of a larger one."""

    train: Count | None = None
    test: Count | None = None
    seed: Seed = 0


@dataclass(frozen=True)
class Asked:
    """A request for the problems of a split. `wording` is the text of the template; `rows` reads the rows of a field.

    `options` are the task's `problem_options`; `code` names the user's class and its file.
    """

    split: str
    wording: str
    options: Mapping[str, Any]
    rows: Callable[[str], list[Row]]
    code: str = ""


class Task(Section):
    """A task of a recipe. Subclasses add fields, set the class variables that differ, and override methods."""

    name: str

    title: ClassVar[str] = ""
    """The name on a page; empty: the same as in a recipe."""
    default_grader: ClassVar[str | None] = None
    """The default grader; None if a recipe must name one."""
    outside_grader: ClassVar[str | None] = None
    """The grader for models trained elsewhere, if the recipe's only reads the form that its own models learn."""
    programs: ClassVar[bool | None] = False
    """True: answers are programs, which are graded by running them; None: the recipe's grader decides."""
    guess: ClassVar[float | None] = None
    """The accuracy of guessing, if an answer is one of a few options."""
    splits: ClassVar[Mapping[str, str]] = {"train": "train", "test": "test"}
    """Published split -> its name on the Hub. Without a published dev split, one can be held out of train."""
    published: ClassVar[Mapping[str, int]] = {}
    """Split -> number of published problems, for plans without the data and for the sampling error of published results."""
    one_file: ClassVar[bool] = False
    """Whether one local file holds all splits."""
    templates: ClassVar[Mapping[str, str]] = {}
    """Name -> prompt template (`sirev.tasks.templates`)."""
    on_hub: ClassVar[Mapping[str, str]] = {}
    """The pinned data set on the Hub, with the fields of `Data`, if no recipe of that name gives it."""
    suite: ClassVar[bool] = False
    """Whether it may be an out-of-distribution suite of another task."""
    embedded: ClassVar[bool] = False
    """Whether its problems are generated from a seed, and a small model can be pretrained on its words."""
    own: ClassVar[bool] = False
    """Whether it is the user's own, without a published data set."""
    runs_code: ClassVar[bool] = False
    """Whether its problems come from the user's code, which is never run only because a store names it."""

    @staticmethod
    def read(asked: Asked) -> Problems:
        """The problems of a split. Runs in a child process; equal rows give equal problems, regardless of their source."""
        raise NotImplementedError

    @classmethod
    def upstream(cls, split: str) -> str:
        """The published split of a split's problems."""
        base = split.partition("/")[0]
        return "train" if base == "dev" and "dev" not in cls.splits else base

    @staticmethod
    def normal_form(text: str) -> list[str]:
        """The words and signs of a prompt, in lower case, for the search for test problems in training data."""
        return re.findall(r"\w+|[-+*/=<>^%]", text.lower())

    @classmethod
    def size(cls, split: str, options: Mapping[str, Any]) -> int | None:
        """Number of published problems of a split under `options`; None if unknown."""
        return cls.published.get(split)

    @classmethod
    def problem_id(cls, given: str) -> str:
        """The id of a problem from another spelling of it in imported completions."""
        return given

    @staticmethod
    def whole_answer(problem: Mapping[str, str], completion: str) -> str:
        """The completion as its grader reads it, if imported completions continue the prompt."""
        return completion

    @property
    def template(self) -> str:
        """The name of its prompt template; empty if the problems include their wording."""
        return next(iter(self.templates), "")

    @property
    def prompt_template(self) -> str:
        """The name of its prompt template, or the template's text if the recipe gives it."""
        return self.template

    @property
    def limits(self) -> Limit:
        """The number of problems per split."""
        return Limit()

    @property
    def held_out(self) -> int | None:
        """Number of problems held out of the training split as dev split; None if there are none."""
        return None

    @property
    def training_problems(self) -> int | None:
        """Number of training problems, if the recipe alone decides it; else None."""
        return None

    @property
    def rationale_draws(self) -> int | None:
        """Draws per problem for M_0's own rationales; None if targets come with the problems."""
        return None

    @property
    def code(self) -> str | None:
        """The user's class of the problems, "package.module:Class" or "file.py:Class"; None if there is none."""
        return None

    def sources(self) -> dict[str, Data]:
        """Field -> source of its data; `data` are the rows themselves."""
        return {}

    def problem_options(self) -> dict[str, Any]:
        """Further settings that affect the problems, as part of the key."""
        return {}

    def generated(self, split: str, levels: list[int] | None, n: int | None, question: str) -> dict[str, Any] | None:
        """Parameters of a split's generated problems, with `n`, `levels` and `question` of a suite; None if problems are read
        instead."""
        return None

    def corpus_options(self) -> dict[str, Any]:
        """Settings of the pretraining corpus that the task decides, and not `model.pretrain`."""
        return {}

    def answers(self, grader: str) -> Answers:
        """The kind of its answers under a grader."""
        return "code" if self.programs else "math"

    def unread(self) -> dict[str, str]:
        """Field that is unread under the other fields' values -> the reason."""
        return {}


class DatasetTask(Task):
    """A task whose problems are read, or come from the user's code."""

    limit: Limit = Limit()
    dev: Count | None = None
    """Problems held out of the training split, for choosing t and settings."""

    @property
    def limits(self) -> Limit:
        return self.limit

    @property
    def held_out(self) -> int | None:
        return self.dev


class DataTask(DatasetTask):
    """A task with rows from a data set or files."""

    data: Data

    def sources(self) -> dict[str, Data]:
        return {"data": self.data}


class OwnTask(DatasetTask):
    """The user's own task, whose grader decides the kind of answers."""

    programs = None
    own = True

    def answers(self, grader: str) -> Answers:
        if grader == "mbpp":
            return "code"
        return "text" if grader in ("letter", "exact", "python") else "math"
