"""Regrading of imported completions, by another grader or by a later version of their own."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

from sirev.errors import BadInput
from sirev.grading.graders import OWN
from sirev.grading.sandbox.confine import CONFINED
from sirev.recipe.sections import Grader, OwnGrader, ProgramGrader
from sirev.recipe.yaml_reading import parse_yaml
from sirev.store.artifacts import Artifact
from sirev.store.runs import Run
from sirev.store.store import Store
from sirev.study.grading_task import grader_section
from sirev.study.step_names import AnswerSteps, answer_steps, parse_step, problems_among, stage_of

_KEY = "evaluation.grader"
SPLIT = "test"
"""The split in the names of a measured run's steps."""


def is_measured(run: Run) -> bool:
    """Whether a run has imported completions."""
    return "samples" in run.settings


def measured_grader(run: Run, overrides: Sequence[str], *, unsafe_code: bool) -> Grader:
    """The grader of a measured run, with overrides of `evaluation.grader`; BadInput if neither names one.

    A run may be untrusted: on its own it can't run a function of the user's, or a program without a sandbox.
    """
    task = run.settings.get("task")
    recorded = task.get("grader") if isinstance(task, Mapping) else None
    chosen: dict[str, Any] = dict(recorded) if isinstance(recorded, Mapping) else {}
    if chosen.get("sandbox", "B") not in CONFINED:
        del chosen["sandbox"]
    named = False
    for override in overrides:
        key, equals, text = override.partition("=")
        if not equals or not (key == _KEY or key.startswith(f"{_KEY}.")):
            raise BadInput(f"--set {override}: for measured completions only {_KEY} can change, as in --set {_KEY}=math")
        value = parse_yaml(text)
        if key == _KEY:
            chosen, named = (dict(value) if isinstance(value, Mapping) else {"name": value}), True
        else:
            chosen[key.removeprefix(f"{_KEY}.")] = value
    if not chosen.get("name"):
        raise BadInput(f"{run.id}: its verdicts are those of its files; name a grader: --set {_KEY}=NAME")
    name = str(chosen.pop("function", None) or chosen["name"])
    if ":" in name and not named and not unsafe_code:
        raise BadInput(f"{run.id}: its grader is a function that the run names, whose code runs only with --allow-unsafe-code")
    grader = grader_section(name, {key: value for key, value in chosen.items() if key not in ("name", "sandbox")})
    if isinstance(grader, ProgramGrader):
        return grader.model_copy(update={"sandbox": "C" if unsafe_code else chosen.get("sandbox", "B")})
    assert not isinstance(grader, OwnGrader) or grader.name == OWN
    return grader


def graded_answers(store: Store, run: Run) -> tuple[dict[str, dict[str, Artifact]], dict[str, str]]:
    """Grade step -> {"grades", "completions", "problems"} of a measured run; and step -> why any of these is missing."""
    found: dict[str, dict[str, Artifact]] = {}
    missing: dict[str, str] = {}
    problems = problems_among(run.pins, SPLIT)
    for name in sorted((step for step in run.pins if stage_of(step) == "grade"), key=lambda step: (parse_step(step).turn, step)):
        step = parse_step(name)
        assert step.t is not None
        steps: AnswerSteps = answer_steps(step.what, SPLIT, step.t)
        wanted = {"grades": name, "completions": steps.completions, "problems": problems or ""}
        there = {what: artifact for what, at in wanted.items() if (artifact := _pinned(store, run, at)) is not None}
        if lost := [what for what in wanted if what not in there]:
            missing[name] = f"its {' and '.join(lost)} are no longer in the store"
        else:
            found[name] = there
    return found, missing


def require_golds(run: Run, answers: Mapping[str, Mapping[str, Artifact]]) -> None:
    """Raise BadInput if a problem has no gold answer."""
    for there in answers.values():
        if any(not row["answer"] for row in there["problems"].rows("problems")):
            raise BadInput(f"{run.id}: its files hold no gold answer for some problems, so no grader can judge them")


def _pinned(store: Store, run: Run, step: str) -> Artifact | None:
    with contextlib.suppress(KeyError):
        pin = run.pins[step]
        return store.lookup(pin.key, pin.artifact)
    return None
