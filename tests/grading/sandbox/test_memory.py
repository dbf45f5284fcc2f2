"""A program's memory: nothing in it is of a program that its worker ran before, nor of the grader's side."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from sirev.grading.claims import claims
from sirev.grading.grade import RIGHT
from sirev.grading.mbpp import program_verdict
from sirev.grading.sandbox import Limits, Outcome, Program, Question, Tier
from sirev.grading.sandbox import pool as pool_module
from sirev.grading.sandbox.pool import Pool
from tests.grading.sandbox import parasites
from tests.grading.sandbox.hostile_programs import GOOD, MEMORY, PARASITES, PREDECESSORS, TESTS, idle

LIMITS = Limits(10)
WORDS = f"""{parasites.LINES}
import json
words = sorted({{one.decode() for run in memory() for one in re.findall(rb"(?<![0-9a-f])[0-9a-f]{{32}}(?![0-9a-f])", run)}})
"""
"""Also everything that may be a nonce."""


@pytest.fixture
def nonces(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every nonce that this process makes."""
    made: list[str] = []

    def noted(count: int, make: object = secrets.token_hex) -> str:
        made.append(secrets.token_bytes(count).hex())
        return made[-1]

    monkeypatch.setattr(pool_module.secrets, "token_hex", noted)
    return made


def programs() -> Iterator[Program]:
    """Seven each that answer, hold what is asserted inside, fail, write much, leave early; then one that looks."""
    asked = tuple(claim.question for claim in claims(TESTS))
    for number, source in enumerate(PREDECESSORS):
        lines = parasites.marked(GOOD, f"{number}y")
        yield Program((source,), asked)
        yield Program((lines,), (Question("value", "text"), Question("holds", f"assert f(1) != {lines[-1000:]!r}")))
        yield Program((lines,), (Question("value", "1 // 0"),))
        yield Program((lines, "raise Exception(text[0])"), ())
        yield Program((lines, "import os\nos.write(3, b'\\0' + str(text).encode() * 900)\nos._exit(0)"), ())
        yield Program((lines, "import os\nwhile True: os.write(3, str(text).encode() * 9)"), ())
        yield Program((lines, "import os\nwhile text: os.write(2, str(text).encode() * 9); text.pop()"), ())
        yield Program((f"{lines}\ndef",), ())
    own = f"'{parasites.MARK_OF_OTHERS}' 'zown'"
    yield Program((WORDS, f"mine = {own}"), (Question("value", "sorted(lines)"), Question("value", "words")))


def test_it_holds_its_own_request_and_nothing_of_another(tier: Tier, nonces: list[str]) -> None:
    asked = list(programs())
    with Pool(tier, LIMITS, 1) as pool:
        found: dict[int, Outcome] = {}
        for index, outcome in pool.run(asked):
            found[index] = outcome
        assert len(idle(pool)) == 1
    assert {found[index].ended for index in range(len(asked))} == {"done", "exception", "no verdict", "syntax error"}
    lines, words = found[len(asked) - 1].answers
    assert len(nonces) == len(asked)
    # Its own nonce is there, so what it looked through is memory indeed.
    assert set(words) & set(nonces) == {nonces[-1]}
    assert lines == []


@pytest.mark.parametrize("name", PARASITES)
def test_the_verdict_on_a_parasite_is_the_same_with_and_without_predecessors(name: str, tier: Tier) -> None:
    taken, hostile = claims(TESTS), PARASITES[name]
    questions = tuple(claim.question for claim in taken)
    found = []
    for before in ((), hostile.after):
        with Pool(tier, Limits(10, MEMORY), 1) as pool:
            sources = [*before, hostile.source]
            outcomes = dict(pool.run(Program((source,), questions) for source in sources))
            found.append([program_verdict(outcomes[index], taken) for index in range(len(sources))])
    assert found == [["failed assertion: 1"], [*[RIGHT] * len(hostile.after), "failed assertion: 1"]]
