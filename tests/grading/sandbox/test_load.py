"""Verdicts do not depend on what else the machine does: time is CPU time, and the clock is only for what waits."""

from __future__ import annotations

import ast
import contextlib
import subprocess
import sys
from collections.abc import Iterator, Sequence

import pytest

from sirev.grading.claims import claims
from sirev.grading.grade import RIGHT
from sirev.grading.mbpp import program_verdict
from sirev.grading.sandbox import Limits, Outcome, Program, Question, Tier, run
from sirev.grading.sandbox.values import Opaque, encode
from tests.grading.conftest import Published

MODEL = "gpt-3.5-turbo-0613"
BUSY = 8


@contextlib.contextmanager
def busy() -> Iterator[None]:
    """So many processes that do nothing else, each in a session of its own: schedulers share the machine out among sessions."""
    command = [sys.executable, "-S", "-c", "while True: pass"]
    processes = [subprocess.Popen(command, start_new_session=True) for _ in range(BUSY)]
    try:
        yield
        assert [process.poll() for process in processes] == [None] * BUSY
    finally:
        for process in processes:
            process.kill()
            process.wait()


def outcomes(programs: Sequence[Program], limits: Limits, tier: Tier) -> list[Outcome]:
    found = dict(run(programs, limits, workers=2, tier=tier))
    return [found[i] for i in range(len(programs))]


def said(outcome: Outcome) -> tuple[object, ...]:
    """All of it that has to be the same in every run."""
    return outcome.ended, outcome.detail, [one.name if isinstance(one, Opaque) else encode(one) for one in outcome.answers]


def working(rounds: int) -> Program:
    return Program(
        ("def f(n):\n    for i in range(n): n = (n * 31 + i) % 1000003\n    return n",), (Question("value", f"f({rounds})"),)
    )


@pytest.mark.slow
def test_a_program_that_takes_a_third_of_its_limit_is_done_on_a_loaded_machine(tier: Tier) -> None:
    limits, rounds = Limits(1), 300_000
    took = min(outcome.cpu for outcome in outcomes([working(rounds)] * 3, limits, tier))
    third = [working(int(rounds * 0.33 / took) + i) for i in range(4)]
    alone = outcomes(third, limits, tier)
    assert [one.ended for one in alone] == ["done"] * 4
    with busy():
        loaded = outcomes(third, limits, tier)
    assert list(map(said, loaded)) == list(map(said, alone))


@pytest.mark.parametrize(
    ("count", "repeats"), [pytest.param(100, 1, marks=pytest.mark.slow), pytest.param(500, 20, marks=pytest.mark.soak)]
)
def test_hundreds_of_programs_end_the_same_on_a_loaded_machine(
    count: int, repeats: int, tier: Tier, published: Published
) -> None:
    rows = [row for row in published("labelled/mbpp_ldb_seeds.jsonl.gz") if row["model"] == MODEL]
    asked = [_asked(row["solution"], row["test"]) for row in rows[:: len(rows) // count]]
    assert len(asked) == count
    programs = [program for program, _ in asked]
    limits = Limits(17)
    alone = outcomes(programs, limits, tier)
    reasons = [program_verdict(outcome, claims(tests)) for outcome, (_, tests) in zip(alone, asked, strict=True)]
    assert 0.6 * count < reasons.count(RIGHT) < count
    for _ in range(repeats):
        with busy():
            loaded = outcomes(programs, limits, tier)
        differing = {i: (a, b) for i, (a, b) in enumerate(zip(alone, loaded, strict=True)) if said(a) != said(b)}
        assert differing == {}


def _asked(solution: str, test: str) -> tuple[Program, tuple[str, ...]]:
    """A program and its tests, which the file has in a function `check`."""
    body = ast.parse(test).body
    (check,) = (statement for statement in body if isinstance(statement, ast.FunctionDef))
    setup = "\n".join(ast.unparse(statement) for statement in body if isinstance(statement, ast.Assign))
    tests = tuple(map(ast.unparse, check.body))
    return Program((solution, setup), tuple(claim.question for claim in claims(tests))), tests
