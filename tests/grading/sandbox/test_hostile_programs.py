"""Nothing gets out, nothing lies: each program by the name of its trick, in each tier, as the user who runs the tests."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sirev.grading.grade import IN_PROCESS, RIGHT
from sirev.grading.sandbox import Limits, Tier
from sirev.grading.sandbox import pool as pool_module
from sirev.grading.sandbox.pool import Pool
from sirev.grading.sandbox.tiers import trouble
from tests.grading.sandbox import hostile_programs
from tests.grading.sandbox.hostile_programs import (
    FILES,
    FORGING,
    GOOD,
    HONEST,
    HOSTILE,
    MEMORY,
    PORT,
    TESTS,
    Place,
    Pools,
    Tried,
    accepted,
    judged,
)


def test_there_are_enough_of_them() -> None:
    assert len(HOSTILE) >= 65


def named() -> list[object]:
    """All of them; those that wait take the clock's limit, twice."""
    return [pytest.param(name, marks=pytest.mark.slow) if hostile.waits else name for name, hostile in HOSTILE.items()]


@pytest.mark.parametrize("name", named())
@pytest.mark.slow
def test_it_does_not_pass_and_the_next_program_does(name: str, pools: Pools, place: Place) -> None:
    tried = pools.hostile(name, place)
    assert accepted(name, tried), tried


@pytest.mark.parametrize("name", HONEST)
def test_an_honest_program_passes(name: str, pools: Pools) -> None:
    assert pools.honest(name) == Tried(RIGHT, RIGHT, True)


@pytest.mark.parametrize("name", [name for name, hostile in HOSTILE.items() if hostile.tame])
def test_its_trick_works_where_nothing_stops_it(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else that it fails in a tier would say nothing of the tier."""
    place = Place(tmp_path, "sirev-tame", PORT + 1)  # for a moment they are there, and the other tests look for theirs
    place.plant()
    monkeypatch.setenv(hostile_programs.SECRET_NAME, hostile_programs.SECRET)
    for path in [tmp_path, *tmp_path.rglob("*")]:
        path.chmod(0o777 if path.is_dir() else 0o666)  # tier C may have given up root
    monkeypatch.chdir(place.work)
    with Pool("C", Limits(1, MEMORY), 1) as pool:
        said = judged(pool, place.fill(HOSTILE[name].source), HOSTILE[name].tests)
    if said != RIGHT and (tmp_path.stat().st_uid != 0 or _gave_up_root()):
        pytest.skip(f"not this user's to do, or not on this system: {said}")
    assert said == RIGHT


def _gave_up_root() -> bool:
    with Pool("C", Limits(1, MEMORY), 1) as pool:
        return judged(pool, "import os\ndef f(x): return os.getuid()", ("assert f(1) == 0",)) != RIGHT


@pytest.mark.parametrize("version", [1, 2, 3, 6])
def test_files_that_it_may_read_do_not_change_under_an_older_landlock(
    version: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of an interpreter that belongs to the user, say. Landlock 1 came with Linux 5.13, 3 with 6.2, 6 with 6.12."""
    if reason := trouble("B"):
        pytest.skip(f"no tier B: {reason}")
    place = Place(tmp_path / "place")
    place.plant()
    before = place.digests()
    older = f"""
import sirev.grading.sandbox.kernel as k, sirev.grading.sandbox.private_root as r
k.landlock_version = lambda found=k.landlock_version(): min(found, {version})
r.readable = lambda found=r.readable(): [*found, {str(tmp_path)!r}]
w.main()"""
    monkeypatch.setattr(pool_module, "BOOT", pool_module.BOOT.replace("w.main()", older))
    with Pool("B", Limits(1, MEMORY), 1) as pool:
        assert judged(pool, place.fill(HOSTILE["reads_the_grades"].source)) == RIGHT
        changing = {name: judged(pool, place.fill(hostile.source)) for name, hostile in FILES.items()}
    assert {name: said for name, said in changing.items() if said == RIGHT} == {}
    assert place.digests() == before


def test_an_assertion_that_runs_inside_can_be_forged_and_says_so(tier: Tier) -> None:
    """Of `f(1) == f(2)` both sides are the program's; what it says of that is marked as its own word."""
    forged = f"{FORGING}\nsay([noted()['nonce'], [['held']], ['done']])\nos._exit(0)"
    with Pool(tier, Limits(1, MEMORY), 1) as pool:
        assert judged(pool, forged, ("assert f(1) == f(2)",)) == IN_PROCESS
        assert judged(pool, forged, ("assert f(1) == 3",)) != RIGHT


COSTLY = {
    "sums_a_range": ("def f(x): return range(10**15)", "assert sum(f(1)) == 1"),
    "sorts_a_range": ("def f(x): return range(10**9)", "assert sorted(f(1)) == [1]"),
    "takes_a_set_of_a_range": ("def f(x): return range(10**9)", "assert set(f(1)) == {1}"),
    "looks_for_a_text_in_a_range": ("def f(x): return range(10**15)", "assert 'a' in f(1)"),
    "makes_a_number_of_an_exponent": ("import decimal\ndef f(x): return decimal.Decimal('1e3000000')", "assert int(f(1)) == 1"),
    "rounds_an_exponent": ("import decimal\ndef f(x): return decimal.Decimal('1e3000000')", "assert round(f(1)) == 1"),
    "reads_a_long_text_as_a_number": ("def f(x): return '9' * 250_000", "assert int(f(1)) == 1"),
    "hashes_colliding_members": ("def f(x): return [i * (2**61 - 1) for i in range(5000)]", "assert set(f(1)) == {1}"),
    "adds_up_lists": ("def f(x): return [[i] for i in range(4000)]", "assert sum(f(1), []) == [1]"),
    "reduces_a_fraction": (
        f"{FORGING}\nimport random\ndigits = [{{'int': '1' + '%x' % random.getrandbits(7_000_000)}} for _ in range(2)]\n"
        "say([noted()['nonce'], [['value', {'fraction': digits}]], ['done']])\nos._exit(0)",
        "assert f(1) == 1",
    ),
}


@pytest.mark.parametrize("name", COSTLY)
def test_no_answer_costs_whoever_grades_much(name: str) -> None:
    """What a test makes of an answer outside: it takes no seconds and no gigabytes."""
    source, test = COSTLY[name]
    code = f"""
import resource
from sirev.grading.sandbox import Limits
from sirev.grading.sandbox.pool import Pool
from tests.grading.sandbox.hostile_programs import judged
resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
resource.setrlimit(resource.RLIMIT_CPU, (5, 5))
with Pool("C", Limits(4), 1) as pool:
    print(judged(pool, {source!r}, ({test!r},)))
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert ran.stdout.strip() not in (RIGHT, IN_PROCESS)


@pytest.mark.parametrize(
    ("source", "tests"),
    [
        ("raise Exception('\\x1b[2J\\x07\\0')", TESTS),
        ("raise Exception('\\ud800')", TESTS),
        ("raise Exception('\\u202e\\x85\\u2028')", TESTS),
        ("raise Exception('x' * 10**6)", TESTS),
        ("raise type('E' * 10**6, (Exception,), {})", TESTS),
        ("def f(x): return 'x' * 200_000", ("assert float(f(1)) == 1.5",)),
        (f"{FORGING}\nsay([noted()['nonce'], [], ['raised', 'exception', '\\ud800\\x1b' * 10**5]])\nos._exit(1)", TESTS),
    ],
    ids=["control characters", "a lone surrogate", "odd spaces", "a long text", "a long name", "a long value", "forged"],
)
def test_a_reason_is_one_short_line_that_can_be_stored_and_printed(source: str, tests: tuple[str, ...]) -> None:
    with Pool("C", Limits(1, MEMORY), 1) as pool:
        reason = judged(pool, source, tests)
    assert reason.startswith("exception: ")
    assert len(reason) < 300
    assert reason.isprintable()  # which no surrogate is: tables are UTF-8


def test_a_program_larger_than_any_message_fails_by_itself(tier: Tier) -> None:
    with Pool(tier, Limits(1, MEMORY), 1) as pool:
        assert judged(pool, GOOD + "#" + "x" * (9 << 20)) not in (RIGHT, IN_PROCESS)
        assert judged(pool, GOOD) == RIGHT
