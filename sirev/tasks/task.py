"""The base of every task: its fields are what a recipe says about it, the rest is all that sirev asks a task.

A task of sirev's own is one file in `sirev.tasks.core`; nothing else names it.
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
"""Kinds of answers, which decide how their diversity is measured: an option's letter alone has none."""
Problems = list[dict[str, str]]
"""Rows of id, prompt, target (what follows the prompt in training), answer and level."""


class Data(Section):
    """Where the rows come from: a data set on the Hub at a pinned revision, or local files, which win over it.

    Local files are JSONL or JSONL.gz in the shape that the upstream project publishes. `path` is a folder that holds
    train.jsonl and test.jsonl (or .jsonl.gz), or for a task with `one_file` that file; `train` and `test` name the files one
    by one.
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
        """True if the rows come from local files."""
        return bool(self.path or self.train or self.test)

    @property
    def files(self) -> dict[str, str | None]:
        """Split -> the local file that is named for it."""
        return {"train": self.train, "test": self.test}


class Limit(Section):
    """Only so many problems of a split, drawn with `seed`; a smaller subset lies inside a larger one."""

    train: Count | None = None
    test: Count | None = None
    seed: Seed = 0


@dataclass(frozen=True)
class Asked:
    """A request for the problems of a split, in the words of a template, from rows that are read when called.

    `options` are the task's `problem_options`; `code` names a class of the user's and its file.
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
    """Its name on a page; empty: the same as in a recipe."""
    default_grader: ClassVar[str | None] = None
    """The grader of a recipe that names none."""
    outside_grader: ClassVar[str | None] = None
    """The grader of models trained elsewhere, where the recipe's reads only what its own models learn to write."""
    programs: ClassVar[bool | None] = False
    """True: answers are programs, which are run to grade them; None: the recipe's grader decides."""
    guess: ClassVar[float | None] = None
    """Share of guesses that are right, where an answer is one of a few options."""
    splits: ClassVar[Mapping[str, str]] = {"train": "train", "test": "test"}
    """The published splits, and what each is called on the Hub. A dev split is held out of train unless there is one."""
    published: ClassVar[Mapping[str, int]] = {}
    """Problems of the published splits, for plans made before the data is here and the sampling error of published numbers."""
    one_file: ClassVar[bool] = False
    """One local file holds all splits."""
    templates: ClassVar[Mapping[str, str]] = {}
    """Prompt templates by name (`sirev.tasks.templates`)."""
    on_hub: ClassVar[Mapping[str, str]] = {}
    """Where its rows are on the Hub (`Data`), pinned, if no recipe of that name says so."""
    suite: ClassVar[bool] = False
    """It may be an out-of-distribution suite of another task."""
    embedded: ClassVar[bool] = False
    """Its problems are made from a seed, and a small model can be pretrained on its words."""
    own: ClassVar[bool] = False
    """It is the user's: there is no published data set."""
    runs_code: ClassVar[bool] = False
    """Its problems come from code of the user's, which a store's word alone never runs."""

    @staticmethod
    def read(asked: Asked) -> Problems:
        """The problems of a split. Runs in a child process; equal rows give equal problems, wherever they come from."""
        raise NotImplementedError

    @classmethod
    def upstream(cls, split: str) -> str:
        """The published split that a split's problems come from."""
        base = split.partition("/")[0]
        return "train" if base == "dev" and "dev" not in cls.splits else base

    @staticmethod
    def normal_form(text: str) -> list[str]:
        """The words and signs of a prompt by which problems are told to be the same, to see what training data hold of them."""
        return re.findall(r"\w+|[-+*/=<>^%]", text.lower())

    @classmethod
    def size(cls, split: str, options: Mapping[str, Any]) -> int | None:
        """Published problems of a split under `options`; None if not known."""
        return cls.published.get(split)

    @classmethod
    def problem_id(cls, given: str) -> str:
        """The id of the problem that completions made elsewhere call by another spelling."""
        return given

    @staticmethod
    def whole_answer(problem: Mapping[str, str], completion: str) -> str:
        """The completion as its grader reads it, where files hold what goes on from a prompt."""
        return completion

    @property
    def template(self) -> str:
        """The name of its prompt template; empty where the problems bring their words along."""
        return next(iter(self.templates), "")

    @property
    def prompt_template(self) -> str:
        """The name of its prompt template, or the template itself where the recipe holds it."""
        return self.template

    @property
    def limits(self) -> Limit:
        """The number of problems that are taken of each split."""
        return Limit()

    @property
    def held_out(self) -> int | None:
        """Problems kept out of the training split as dev split."""
        return None

    @property
    def training_problems(self) -> int | None:
        """Problems of the training set, where the recipe alone decides how many."""
        return None

    @property
    def rationale_draws(self) -> int | None:
        """Draws a problem that M_0's own rationales are chosen from; None where targets come with the problems."""
        return None

    @property
    def code(self) -> str | None:
        """The user's class that makes the problems: "package.module:Class" or "file.py:Class"."""
        return None

    def sources(self) -> dict[str, Data]:
        """The fields that name data, and where these come from; `data` are the rows themselves."""
        return {}

    def problem_options(self) -> dict[str, Any]:
        """Further choices that decide which problems come out, as part of the key."""
        return {}

    def generated(self, split: str, levels: list[int] | None, n: int | None, question: str) -> dict[str, Any] | None:
        """Parameters that the problems of a split are made from, with `n`, `levels` and `question` of a suite; None where they
        are read."""
        return None

    def corpus_options(self) -> dict[str, Any]:
        """What the task, and not `model.pretrain`, decides about the corpus that a model made here learns from."""
        return {}

    def answers(self, grader: str) -> Answers:
        """The kind of its answers under a grader."""
        return "code" if self.programs else "math"

    def unread(self) -> dict[str, str]:
        """The fields that nothing reads under the others' values, each with the reason."""
        return {}


class DatasetTask(Task):
    """A task whose problems are read, or come from code of the user's."""

    limit: Limit = Limit()
    dev: Count | None = None
    """Problems kept out of the training split for choosing t and settings."""

    @property
    def limits(self) -> Limit:
        return self.limit

    @property
    def held_out(self) -> int | None:
        return self.dev


class DataTask(DatasetTask):
    """A task with rows from a data set or from files."""

    data: Data

    def sources(self) -> dict[str, Data]:
        return {"data": self.data}


class OwnTask(DatasetTask):
    """A task of the user's: the grader decides what its answers are."""

    programs = None
    own = True

    def answers(self, grader: str) -> Answers:
        if grader == "mbpp":
            return "code"
        return "text" if grader in ("letter", "exact", "python") else "math"
