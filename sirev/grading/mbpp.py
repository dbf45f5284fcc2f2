"""MBPP and tasks like it: the program in a completion, run in the sandbox against its tests."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sirev.errors import BadInput
from sirev.grading import extract
from sirev.grading.claims import Claim, claims
from sirev.grading.sandbox import SAYS, TIERS, Limits, Outcome, Program, Tier, best_tier, run
from sirev.grading.verdict import IN_PROCESS, RIGHT, Grade, because

NO_CODE = "no code found"


@dataclass(frozen=True)
class Settings:
    """What a recipe says of grading programs; see `sirev.recipe.sections.Grader`."""

    seconds: float
    memory_mb: int = 1024
    sandbox: Tier = "B"
    """The least tier that will do."""
    prelude: bool = True

    @property
    def limits(self) -> Limits:
        """Of each program."""
        return Limits(self.seconds, self.memory_mb << 20)


@dataclass(frozen=True)
class Tests:
    """A gold answer: code that runs after the program (some of MBPP's needs the program's classes), then the tests."""

    setup: str
    tests: tuple[str, ...]


@dataclass
class Report:
    """What happened beside the verdicts: nothing of it is the same in every run, and nothing of it is part of a grade."""

    tier: Tier
    refused: Mapping[Tier, str]
    """Why each better tier was not to be had."""
    programs: int = 0
    """Different (program, tests); equal ones ran once."""
    passed: int = 0
    passed_in_process: int = 0
    """Of those passed: how many answers rest at least in part on the program's own word."""
    runs: list[dict[str, Any]] | None = None
    """For each pair that had code: {"cpu", "wall": seconds, "stderr": its first 500 characters}; else None."""


def grade_all(
    pairs: Sequence[tuple[str, str]], settings: Settings, *, workers: int, progress: Callable[[int], None]
) -> tuple[list[Grade], Report]:
    """Grade (completion, gold) pairs, in order; a gold is JSON {"tests": ["assert ...", ...], "setup": "..."}.

    Equal programs with equal tests run once. `progress` is told how many pairs are done. Raises BadInput where this machine
    offers no tier as good as the least accepted.
    """
    tier, refused = accepted_tier(settings.sandbox)
    golds = {gold: _tests(gold) for _, gold in pairs}
    asked = [(code, golds[gold]) if (code := extract.code(text)) else None for text, gold in pairs]
    counts = Counter(one for one in asked if one is not None)
    taken = {tests: claims(tests.tests) for tests in dict.fromkeys(golds.values())}
    found: dict[tuple[str, Tests], tuple[Grade, dict[str, Any]]] = {}
    distinct = list(counts)
    done = len(pairs) - counts.total()
    progress(done)
    for index, outcome in run(_programs(distinct, taken, settings.prelude), settings.limits, workers=workers, tier=tier):
        code, tests = distinct[index]
        found[code, tests] = (
            because(verdict(outcome, taken[tests]), code),
            {"cpu": outcome.cpu, "wall": outcome.wall, "stderr": outcome.stderr},
        )
        done += counts[code, tests]
        progress(done)
    grades = [Grade(False, NO_CODE, "") if one is None else found[one][0] for one in asked]
    reasons = Counter(grade.reason for grade in grades)
    inside = reasons[IN_PROCESS]
    runs = [{} if one is None else found[one][1] for one in asked]
    return grades, Report(tier, refused, len(distinct), inside + reasons[RIGHT], inside, runs)


def accepted_tier(least: Tier) -> tuple[Tier, Mapping[Tier, str]]:
    """The tier that this machine offers, and why not a better one; BadInput if it is not as good as `least`."""
    best = best_tier()
    if TIERS.index(best.tier) > TIERS.index(least):
        why = "; ".join(f"{tier}: {reason}" for tier, reason in best.refused.items())
        raise BadInput(
            f"programs that a model wrote can't be confined here as the recipe asks (tier {least} at least: {SAYS[least]}; "
            f"this machine offers {best.tier}: {SAYS[best.tier]}; {why}); --allow-unsafe-code runs them all the same"
        )
    return best.tier, best.refused


def verdict(outcome: Outcome, tests: Sequence[Claim]) -> str:
    """The reason of a grade: RIGHT, IN_PROCESS, or what went wrong first.

    "KIND" or "KIND: more": a failed assertion with its number (from 1), an exception with its type and last line, a syntax
    error, "cpu timeout", "wall timeout", "memory", "killed" with the signal, "forbidden call", "no verdict".
    """
    for number, (claim, answer) in enumerate(zip(tests, outcome.answers, strict=False), 1):
        try:
            held = claim.holds(answer)
        except Exception as error:
            return f"exception: {type(error).__name__}: {error}"
        if not held:
            return f"failed assertion: {number}"
    if outcome.ended == "done":
        return RIGHT if all(claim.decides is not None for claim in tests) else IN_PROCESS
    at = len(outcome.answers)
    asserted = at < len(tests) and tests[at].decides is None and outcome.detail.startswith("AssertionError")
    if outcome.ended == "exception" and asserted:
        return f"failed assertion: {at + 1}"
    return f"{outcome.ended}: {outcome.detail}" if outcome.detail else outcome.ended


def _programs(distinct: Sequence[tuple[str, Tests]], taken: Mapping[Tests, list[Claim]], prelude: bool) -> Iterator[Program]:
    for code, tests in distinct:
        parts = (code, tests.setup) if tests.setup else (code,)
        yield Program(parts, tuple(claim.question for claim in taken[tests]), prelude)


def _tests(gold: str) -> Tests:
    parts = json.loads(gold)
    return Tests(parts.get("setup", ""), tuple(parts["tests"]))
