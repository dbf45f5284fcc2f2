"""The task of a recipe: which problems, from where, and how they are put to the model."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from sirev.recipe.fields import Count, Section, Seed, Weight

Level = Annotated[int, Field(ge=1, le=7)]
DEFAULT_GRADERS = {"arithmetic": "final_number", "gsm8k": "gsm8k_strict", "math": "math", "csqa": "letter"}
"""The grader of a recipe that names none. MBPP has none: to run model-written programs is said in so many words."""


class StyleWeights(Section):
    """How often the gold solutions of the embedded task use each style of working."""

    long: Weight = 1.0
    step: Weight = 1.0
    end: Weight = 1.0
    sums: Weight = 1.0
    verbal: Weight = 1.0
    pluses: Weight = 1.0

    @model_validator(mode="after")
    def _some(self) -> StyleWeights:
        if not any(self.model_dump().values()):
            raise ValueError("one style at least must have a weight above 0")
        return self


class Arithmetic(Section):
    """The embedded task. A problem's level is its number of events."""

    name: Literal["arithmetic"]
    data_seed: Seed = 0
    levels: Annotated[list[Level], Field(min_length=1)]
    train: Count
    """Problems of the training set D, each with one gold solution."""
    test: Count
    style_weights: StyleWeights = StyleWeights()


class Data(Section):
    """Where the rows come from: a data set on the Hub at a pinned revision, or local files, which win over it.

    Local files are JSONL or JSONL.gz in the shape that the upstream project publishes. `path` is a folder that holds
    train.jsonl and test.jsonl (or .jsonl.gz), for MBPP the one file; `train` and `test` name the files one by one.
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


class Limit(Section):
    """Only so many problems of a split, drawn with `seed`; a smaller subset lies inside a larger one."""

    train: Count | None = None
    test: Count | None = None
    seed: Seed = 0


class _Problems(Section):
    """What all tasks with rows from a data set have."""

    data: Data
    limit: Limit = Limit()
    dev: Count | None = None
    """Problems kept out of the training split for choosing t and settings; MBPP has a validation split of its own."""


class Gsm8k(_Problems):
    """GSM8K (Cobbe et al. 2021, arXiv 2110.14168)."""

    name: Literal["gsm8k"]
    calculator: bool = False
    """Whether gold solutions keep the calculator marks <<3*4=12>>."""


class Math(_Problems):
    """MATH (Hendrycks et al. 2021, arXiv 2103.03874), whole or some subjects and levels of it."""

    name: Literal["math"]
    subjects: list[str] | None = None
    levels: list[str] | None = None


class Mbpp(_Problems):
    """MBPP (Austin et al. 2021, arXiv 2108.07732): task_id 601-974 train, 11-510 test, 511-600 dev."""

    name: Literal["mbpp"]


class Csqa(_Problems):
    """CommonsenseQA (Talmor et al. 2019, arXiv 1811.00937); its dev split is the test set, as usual.

    `rationales` says what M_1 is trained on: `ecqa` explanations (Aggarwal et al. 2021), `self`-made ones by few-shot
    rejection from M_0 (STaR, arXiv 2203.14465, never shown the gold answer), or `none`: the letter alone.
    """

    name: Literal["csqa"]
    rationales: Literal["ecqa", "self", "none"]
    explanations: Data | None = None
    """ECQA's rows (id, explanation); read with `rationales: ecqa` alone."""
    bootstrap: Count = 8
    """Draws a problem that self-made rationales are chosen from; read with `rationales: self` alone."""

    @model_validator(mode="after")
    def _explained(self) -> Csqa:
        if self.rationales == "ecqa" and self.explanations is None:
            raise ValueError("rationales: ecqa needs `explanations`, where ECQA's rows are")
        return self


class OwnRows(_Problems):
    """A user's own task as JSONL: question, answer and, if there are any, level, solution and id."""

    name: Literal["jsonl"]
    prompt: str = "Question: {question}\nAnswer:\n"
    target: str = "{solution}"
    """What M_1 is trained to write: may hold {solution} (the answer, where a row has none) and {answer}."""


class OwnClass(Section):
    """A user's own task as a Python class: `module:Class` or `file.py:Class`."""

    name: Literal["python"]
    class_: str = Field(alias="class")
    options: dict[str, Any] = Field(default={})
    """Keyword arguments of the class; part of the key."""
    limit: Limit = Limit()
    dev: Count | None = None


DataTask = Gsm8k | Math | Mbpp | Csqa | OwnRows | OwnClass
Task = Annotated[Arithmetic | Gsm8k | Math | Mbpp | Csqa | OwnRows | OwnClass, Field(discriminator="name")]
