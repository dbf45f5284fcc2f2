"""Names of a run's steps: STAGE[/WHAT][:t], such as "train:2", "sample/test/greedy:1", "model/embedding" or "compare".

They are built and parsed only here. `sirev.store.runs.step_title` gives the form for display and typing, with t first.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

COMPARISON = "compare"
"""The last step of a run."""
BASE_MODEL = "model:0"
PRETRAINED_MODEL = "pretrain:0"
EMBEDDING_MODEL = "model/embedding"
OVERLAP = "overlap"
DRAWS, GREEDY_ANSWERS, TRAINING_DRAWS = "draws", "greedy", "train"
"""Kinds of graded answers; the others are temperature/T, and for suites of other problems SUITE (greedy) and SUITE/draws."""
_KINDS = (DRAWS, GREEDY_ANSWERS, TRAINING_DRAWS)
_SUITE, _DRAWN, _NULL, _COMMON, _BASE, _TEMPERATURE = "ood/", f"/{DRAWS}", "null", "common/", "base", "temperature/"


class StepName(NamedTuple):
    """The parts of a step's name; t is None for a step outside the iterations."""

    stage: str
    what: str = ""
    t: int | None = None

    def __str__(self) -> str:
        name = f"{self.stage}/{self.what}" if self.what else self.stage
        return name if self.t is None else f"{name}:{self.t}"

    @property
    def without_t(self) -> str:
        """The name without its t."""
        return str(self._replace(t=None))

    @property
    def is_null(self) -> bool:
        """Whether it is a null run's own training."""
        return self.what == _NULL

    @property
    def turn(self) -> float:
        """A sort key: steps without a t first, then by t, and the comparison last."""
        if self.t is not None:
            return self.t
        return math.inf if self.stage == COMPARISON else -1


def parse_step(step: str) -> StepName:
    """The parts of a step's name; a t that is no number stays part of the stage or of WHAT."""
    name, colon, t = step.rpartition(":")
    numbered = bool(colon) and t.isdecimal()
    stage, _, what = (name if numbered else step).partition("/")
    return StepName(stage, what, int(t) if numbered else None)


def stage_of(step: str) -> str:
    """The stage in a step's name: "sample" of "sample/test:2"."""
    return parse_step(step).stage


def problems_step(stage: str, split: str) -> str:
    """The problems of a split, which may be a suite's."""
    return str(StepName(stage, split))


def given_model_step(t: int, *, base: bool = False) -> str:
    """M_t trained elsewhere, or its `base` if it is an adapter."""
    return str(StepName("model", _BASE if base else "", t))


def description_step(t: int, *, base: bool = False) -> str:
    """Description of such a model, from its files."""
    return str(StepName("describe", _BASE if base else "", t))


def selection_step(t: int) -> str:
    """D_t."""
    return str(StepName("select", t=t))


def training_step(t: int, *, null: bool = False) -> str:
    """M_t; with `null` the one trained by a null run."""
    return str(StepName("train", _NULL if null else "", t))


def sampling_step(split: str, t: int, how: str = "") -> str:
    """Answers of M_t to a split's problems: draws, or as `how` says "greedy" or a temperature of a sweep."""
    return str(StepName("sample", f"{split}/{how}" if how else split, t))


def grading_step(what: str, t: int) -> str:
    """Grades of some of M_t's answers."""
    return str(StepName("grade", what, t))


def measuring_step(what: str, t: int) -> str:
    """Statistics of some of M_t's answers."""
    return str(StepName("measure", what, t))


def scoring_step(what: str, t: int) -> str:
    """Log-probabilities of some of M_t's answers under M_1."""
    return str(StepName("score", what, t))


def embedding_step(t: int) -> str:
    """Embedded draws of M_t."""
    return str(StepName("embed", DRAWS, t))


def agreement_step(t: int) -> str:
    """Agreement of M_t's two answers to the same questions."""
    return str(StepName("agree", t=t))


def import_step(kind: str, t: int, *, common: bool = False) -> str:
    """Completions of a kind read from M_t's files; `common`: only those to problems that all models have."""
    return str(StepName("samples", f"{_COMMON if common else ''}{kind}", t))


def suite_split(suite: str) -> str:
    """The split of a suite of other problems."""
    return f"{_SUITE}{suite}"


def suite_of(split: str) -> str | None:
    """The suite of a split; None if it is the task's own."""
    return split.removeprefix(_SUITE) if split.startswith(_SUITE) else None


def drawn_suite(suite: str) -> str:
    """The kind of the answers drawn on a suite; its greedy answers have the suite's name."""
    return f"{suite}{_DRAWN}"


def temperature_of(kind: str) -> str | None:
    """The temperature, as written in the recipe, of a kind of answers drawn in a sweep; None for other kinds."""
    return kind.removeprefix(_TEMPERATURE) if kind.startswith(_TEMPERATURE) else None


class AnswerSteps(NamedTuple):
    """The split of M_t's answers of one kind, and the steps of their completions and grades."""

    split: str
    completions: str
    grades: str


def answer_steps(kind: str, split: str, t: int) -> AnswerSteps:
    """The steps of M_t's answers of a kind: "draws", "greedy", "train", temperature/T, SUITE or SUITE/draws.

    `split` is the evaluation's. A suite whose name equals another kind's is ood/SUITE.
    """
    if kind == DRAWS:
        return AnswerSteps(split, sampling_step(split, t), grading_step(DRAWS, t))
    if kind == GREEDY_ANSWERS:
        return AnswerSteps(split, sampling_step(split, t, GREEDY_ANSWERS), grading_step(GREEDY_ANSWERS, t))
    if kind == TRAINING_DRAWS:
        return AnswerSteps(kind, sampling_step(kind, t), grading_step(kind, t))
    if (temperature := temperature_of(kind)) is not None:
        return AnswerSteps(split, sampling_step(split, t, temperature), grading_step(kind, t))
    suite = suite_of(kind) or kind
    own = suite_split(suite.removesuffix(_DRAWN))
    how = "" if suite.endswith(_DRAWN) else GREEDY_ANSWERS
    return AnswerSteps(own, sampling_step(own, t, how), grading_step(suite_split(suite), t))


def answer_kinds(steps: Iterable[str], split: str) -> dict[str, list[int]]:
    """The kinds of answers that a run has both sampled and graded, each with its values of t."""
    pinned = set(steps)
    kinds: dict[str, list[int]] = {}
    for name in sorted((parse_step(step) for step in pinned), key=lambda name: name.turn):
        kind = _kind_graded(name.what)
        if name.stage == "grade" and name.t is not None and kind and answer_steps(kind, split, name.t).completions in pinned:
            kinds.setdefault(kind, []).append(name.t)
    return kinds


def _kind_graded(what: str) -> str | None:
    """The kind of the graded answers; None for answers by which no M_t is judged."""
    if what in _KINDS or what.startswith(_TEMPERATURE):
        return what
    suite = suite_of(what)
    return what if suite in _KINDS else suite


def evaluation_split(settings: Mapping[str, Any]) -> str:
    """The split on which models of a run with these settings are evaluated."""
    return str(settings.get("evaluation", {}).get("split", "test"))


def measured_part(what: str, split: str) -> tuple[str, str]:
    """The split of a measuring step's problems, and what it measures; `split` as in `answer_steps`."""
    if what == TRAINING_DRAWS:
        return what, DRAWS
    suite, _, rest = (suite_of(what) or "").partition("/")
    return (suite_split(suite), rest.removeprefix(f"{DRAWS}/") or GREEDY_ANSWERS) if suite else (split, what)


def problems_among(steps: Iterable[str], split: str) -> str | None:
    """The step of a split's problems, generated or read; None if there is none."""
    pinned = set(steps)
    return next((step for stage in ("source", "dataset") if (step := problems_step(stage, split)) in pinned), None)


def asked_parts(asked: str) -> tuple[str, str | None]:
    """STAGE and t of a user's STAGE[:t], unchecked."""
    stage, colon, t = asked.partition(":")
    return stage, t if colon else None


def is_asked(asked: str, stage: str, step: str) -> bool:
    """True if a user's STAGE or STAGE:t means a step of the given stage."""
    asked_stage, t = asked_parts(asked)
    return asked_stage == stage and (t is None or _is_of(t, step))


def is_called(asked: str, stage: str, step: str) -> bool:
    """True if a user's text is a step's name, its stage, STAGE:t, or its t alone."""
    return asked == step or is_asked(asked, stage, step) or _is_of(asked, step)


def steps_beginning(asked: str, steps: Iterable[str]) -> list[str]:
    """The steps whose parts begin with the parts of `asked`, at its t if it has one."""
    parts, t = asked_parts(asked)
    alike = [step for step in steps if f"{parse_step(step).without_t}/".startswith(f"{parts}/")]
    return [step for step in alike if not t or _is_of(t, step)]


def _is_of(t: str, step: str) -> bool:
    name = parse_step(step)
    return name.t is not None and t == str(name.t)
