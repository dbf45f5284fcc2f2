from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from sirev.errors import BadInput
from sirev.execution.measured_rates import MeasuredRate
from sirev.execution.model_sizes import shipped_shapes
from sirev.machine.gpu_check.running import Bench, Check, CheckResult, Notes, run_checks
from tests import resident_work
from tests.conftest import alive

RATE = MeasuredRate("a GPU", "train", 7, 9.0)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[3]))
    return Bench("cpu", tmp_path, shipped_shapes()["mistralai/Mistral-7B-v0.1"], 1)


def outcomes(bench: Bench, *checks: Check) -> dict[str, tuple[str, str]]:
    return {result.name: (result.status, result.told) for result in run_checks(checks, bench)}


def pid(bench: Bench, child: str) -> int:
    return bench.child(child).call(resident_work.pid, {}, lambda event: None)


def wrong(bench: Bench) -> Notes:
    notes = Notes(found=["seen"])
    notes.expect(False, "bad")
    notes.expect(True, "good")
    return notes


def refused(bench: Bench) -> Notes:
    raise BadInput("no\nsuch thing")


def broken(bench: Bench) -> Notes:
    bench.child("one").call(resident_work.fail, {}, lambda event: None)
    return Notes()


def test_a_check_that_fails_keeps_only_those_that_need_it_from_running(bench: Bench) -> None:
    found = outcomes(
        bench,
        Check("wrong", wrong, 60),
        Check("refused", refused, 60),
        Check("broken", broken, 60),
        Check("impossible", lambda bench: Notes(found=[str(1 / 0)]), 60),
        Check("absent", lambda bench: Notes(skipped="there is none"), 60),
        Check("well", lambda bench: Notes(found=["a", "b"]), 60),
        Check("next", lambda bench: Notes(), 60, ("well",)),
        Check("lost", lambda bench: Notes(), 60, ("well", "wrong", "absent")),
    )
    assert found == {
        "wrong": ("failed", "bad; seen"),
        "refused": ("failed", "no such thing"),
        "broken": ("failed", f"ValueError: bad weights (log: {bench.folder / 'one.log'})"),
        "impossible": ("failed", "ZeroDivisionError: division by zero"),
        "absent": ("skipped", "there is none"),
        "well": ("ok", "a; b"),
        "next": ("ok", ""),
        "lost": ("skipped", "it needs wrong and absent"),
    }


def test_a_check_that_takes_too_long_is_ended_with_its_child_and_the_others_go_on(bench: Bench) -> None:
    seen: list[int] = []
    ended: list[str] = []

    def slow(bench: Bench) -> Notes:
        seen.append(pid(bench, "one"))
        bench.also_ends(lambda: ended.append("what it started by itself"))
        threading.Thread(target=bench.ring).start()  # as the alarm does
        bench.child("one").call(resident_work.sleep, {}, lambda event: None)
        return Notes()

    def after(bench: Bench) -> Notes:
        return Notes(found=[str(pid(bench, "one") not in seen)])

    found = outcomes(bench, Check("slow", slow, 3600), Check("after", after, 60))
    assert found == {"slow": ("failed", "it took more than 72000 s"), "after": ("ok", "True")}
    assert ended == ["what it started by itself"]
    assert not any(map(alive, seen))


def test_one_child_at_a_time_is_alive_and_none_after_the_checks(bench: Bench) -> None:
    seen: list[int] = []

    def look(bench: Bench) -> Notes:
        notes = Notes()
        for child in ("one", "two", "two", "one"):
            seen.append(pid(bench, child))
            others = {other for other in seen if other != seen[-1]}
            notes.expect(not any(map(alive, others)), f"{child} is not alone")
        notes.expect(seen[1] == seen[2], "the same child was started twice")
        return notes

    assert outcomes(bench, Check("look", look, 60)) == {"look": ("ok", "")}
    assert len(set(seen)) == 3
    assert not any(map(alive, seen))
    assert os.getpid() not in seen


def test_rates_come_with_the_result_even_of_a_check_that_failed(bench: Bench) -> None:
    checks = (
        Check("well", lambda bench: Notes(rates=[RATE]), 60),
        Check("failed", lambda bench: Notes(wrong=["a"], rates=[RATE]), 60),
    )
    results = list(run_checks(checks, bench))
    assert [result.rates for result in results] == [(RATE,), (RATE,)]
    assert results[0].to_dict()["rates"] == [vars(RATE)]


def test_a_result_is_json_without_its_seconds_fractions() -> None:
    told = CheckResult("a", "ok", "b", 1.2345).to_dict()
    assert told == {"name": "a", "status": "ok", "told": "b", "seconds": 1.2, "rates": []}
