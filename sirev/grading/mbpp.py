"""Grader of programs, as for MBPP: the program in a completion, run in the sandbox against its tests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from sirev.errors import BadInput
from sirev.grading.claims import AssertionClaim, claims
from sirev.grading.extract_code import code
from sirev.grading.grade import IN_PROCESS, RIGHT, Grade, grade_because
from sirev.grading.graders import Settings
from sirev.grading.program_tests import Tests, tests_of
from sirev.grading.sandbox import SAYS, TIERS, Found, Limits, Outcome, Program, Tier, best_tier, run
from sirev.grading.sandbox.reading import stable
from sirev.grading.sandbox.values import Wrapped

NO_CODE = "no code found"


def grade_programs(
    pairs: Sequence[tuple[str, str]], settings: Settings, *, workers: int, progress: Callable[[int], None]
) -> tuple[list[Grade], dict[str, Any], list[dict[str, Any]]]:
    """Grade (completion, gold) pairs, in order; a gold is JSON {"tests": ["assert ...", ...], "setup": "..."}.

    Equal programs with equal tests run once. `progress` receives the number of pairs done. Returns the grades, a summary
    {"sandbox": the tier, why no better one, programs that ran, how many passed, and how many of these on the program's own word},
    and for each pair that had code {"cpu", "wall": seconds, "stderr": the first 500 characters}, else {}. Raises BadInput where
    this machine offers no tier as good as the least accepted.
    """
    found = _accepted(settings.sandbox)
    golds = {gold: tests_of(gold) for _, gold in pairs}
    taken = {tests: claims(tests.tests) for tests in dict.fromkeys(golds.values())}
    asked = [(program, golds[gold]) if (program := code(text, golds[gold].names)) else None for text, gold in pairs]
    counts = Counter(one for one in asked if one is not None)
    judged: dict[tuple[str, Tests], tuple[Grade, dict[str, Any]]] = {}
    distinct = list(counts)
    done = len(pairs) - counts.total()
    progress(done)
    programs = _programs(distinct, taken, settings.prelude)
    for index, outcome in run(programs, Limits(settings.seconds, settings.memory_mb << 20), workers=workers, tier=found.tier):
        program, tests = distinct[index]
        grade = grade_because(program_verdict(outcome, taken[tests]), program)
        judged[program, tests] = grade, {"cpu": outcome.cpu, "wall": outcome.wall, "stderr": outcome.stderr}
        done += counts[program, tests]
        progress(done)
    grades = [grade_because(NO_CODE, None) if one is None else judged[one][0] for one in asked]
    reasons = Counter(grade.reason for grade in grades)
    summary = {
        "tier": found.tier,
        "not_better": found.refused,
        "programs": len(distinct),
        "passed": reasons[RIGHT] + reasons[IN_PROCESS],
        "passed_in_process": reasons[IN_PROCESS],
    }
    return grades, {"sandbox": summary}, [{} if one is None else judged[one][1] for one in asked]


def warning(least: Tier) -> str | None:
    """The warning to show before programs run unconfined; None where they are confined. Raises BadInput like `grade_programs`."""
    found = _accepted(least)
    if found.tier != "C":
        return None
    return (
        "model-written programs run UNCONFINED here, with your rights: they can read, change and delete your files and "
        f"use the network. Why: {found.why}. Use a machine that you can throw away."
    )


def _accepted(least: Tier) -> Found:
    """The tier that this machine offers; raises BadInput if it is below `least`."""
    found = best_tier()
    if TIERS.index(found.tier) > TIERS.index(least):
        raise BadInput(
            f"model-written programs can't be confined here as the recipe asks: tier {least} at least ({SAYS[least]}), "
            f"and this machine offers {found.tier} ({SAYS[found.tier]}; {found.why}); --allow-unsafe-code runs them unconfined"
        )
    return found


def program_verdict(outcome: Outcome, tests: Sequence[AssertionClaim]) -> str:
    """The reason of a grade: RIGHT, IN_PROCESS, or the first failure.

    "KIND" or "KIND: more": a failed assertion with its number (from 1), an exception with its type and last line, a syntax error,
    "cpu timeout", "wall timeout", "memory", "killed" with the signal, "forbidden call", "no verdict".
    """
    for number, (claim, answer) in enumerate(zip(tests, outcome.answers, strict=False), 1):
        try:
            held = claim.holds(answer)
        except Exception as error:
            return f"exception: {type(error).__name__}: {stable(str(error))}"
        if not held:
            return f"failed assertion: {number}"
    if outcome.ended == "done":
        outside = all(claim.decides is not None for claim in tests)
        return IN_PROCESS if not outside or any(isinstance(one, Wrapped) for one in outcome.answers) else RIGHT
    at = len(outcome.answers)
    asserted = at < len(tests) and tests[at].decides is None and outcome.detail.startswith("AssertionError")
    if outcome.ended == "exception" and asserted:
        return f"failed assertion: {at + 1}"
    return f"{outcome.ended}: {outcome.detail}" if outcome.detail else outcome.ended


def _programs(
    distinct: Sequence[tuple[str, Tests]], taken: Mapping[Tests, list[AssertionClaim]], prelude: bool
) -> Iterator[Program]:
    for program, tests in distinct:
        parts = (program, tests.setup) if tests.setup else (program,)
        yield Program(parts, tuple(claim.question for claim in taken[tests]), prelude)
