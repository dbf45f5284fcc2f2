from __future__ import annotations

import json
import random
import time
from pathlib import Path

import pytest

from sirev.grading.unsafe_programs import Program, code_of, grade_all, run
from sirev.grading.verdict import Reason
from tests.grading.conftest import Published

GOLD = json.dumps({"tests": ["assert f(1) == 2", "assert f(2) == 3"], "setup": ""})
GOOD = "def f(x):\n    return x + 1"


def verdict(code: str, seconds: float = 1) -> Reason:
    return run(Program(code, "", ("assert f(1) == 2", "assert f(2) == 3")), seconds)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (GOOD, GOOD),
        ("First\n```python\nx = 1\n```\nbetter\n```python\ny = 2\n```\nDone.", "y = 2\n"),
        ("```\nx = 1\n```", "x = 1\n"),
        ("```Python\r\nx = 1\r\n```", "x = 1\r\n"),
        ("```py\nx = 1", "x = 1"),
        ("```\n```", None),
        ("  \n", None),
        ("", None),
    ],
)
def test_code_is_the_last_fenced_block_else_the_whole_text(text: str, code: str | None) -> None:
    assert code_of(text) == code


@pytest.mark.parametrize(
    "code",
    [
        GOOD,
        GOOD.replace("\n", "\r\n"),
        "f = lambda x: math.floor(x) + len(list(itertools.chain([1]))) * int(isinstance(x, int))",
        "def f(x: List[int]) -> Optional[int]:\n    return pow(x, 1, 10) + 1",
        GOOD + "\nif __name__ == '__main__':\n    print(f(int(input())))",
        GOOD + "\nprint('x' * 10_000_000)",
        GOOD + "\nimport sys\nsys.setrecursionlimit(10**5)",
        "import dataclasses\n@dataclasses.dataclass\nclass P:\n    x: 'int'\ndef f(x):\n    return P(x + 1).x",
        "try:\n    bytearray(8 << 30)\nexcept MemoryError:\n    pass\n" + GOOD,
        "import atexit, os\natexit.register(os._exit, 1)\n" + GOOD,
    ],
)
def test_a_sound_program_passes(code: str) -> None:
    assert verdict(code, seconds=5) == "right"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("def f(x):\n    return 2", "wrong"),
        ("exit(0)", "wrong"),
        ("import os\nos._exit(0)", "wrong"),
        ("import sys\nsys.exit()\n" + GOOD, "wrong"),
        ("print('passed')\nraise SystemExit(0)", "wrong"),
        ("def f(x):\n    return y", "error"),
        ("def f(x) return x", "error"),
        (GOOD + "\nx = '''", "error"),
        ("x = \0", "error"),
        ("x = '\ud800'", "error"),
        ("def f(x):\n    return f(x)", "error"),
        ("def f(x):\n    return bytearray(8 << 30)", "error"),
        ("def f(x):\n    return int(input())", "error"),
        ("import ctypes\nctypes.string_at(0)", "error"),
    ],
)
def test_any_other_end_is_no_pass(code: str, reason: Reason) -> None:
    assert verdict(code, seconds=5) == reason


@pytest.mark.parametrize(
    "code",
    [
        "while True: pass",
        "def f(x):\n    return 10**10**10",
        "def f(x):\n    while True:\n        try:\n            x += 1\n        except BaseException:\n            pass",
        "import signal\nsignal.signal(signal.SIGXCPU, signal.SIG_IGN)\nwhile True: pass",
    ],
)
def test_cpu_seconds_run_out(code: str) -> None:
    assert verdict(code) == "timeout"


def test_a_program_that_sleeps_meets_the_wall_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sirev.grading.unsafe_programs.WALL", 2.0)
    began = time.monotonic()
    assert verdict("import time\ntime.sleep(1000)") == "timeout"
    assert time.monotonic() - began < 20


def test_what_a_program_started_in_its_session_ends_with_it(tmp_path: Path) -> None:
    beats = tmp_path / "beats"
    beat = f"open({str(beats)!r}, 'a').write('.')"
    child = f"import os, time\nif os.fork() == 0:\n    while True:\n        {beat}\n        time.sleep(0.02)\ntime.sleep(0.5)\n"
    assert verdict(child + GOOD) == "right"
    size = beats.stat().st_size
    time.sleep(0.3)
    assert beats.stat().st_size == size > 0


def test_a_program_sees_no_environment_and_an_empty_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "secret")
    check = "import os\nassert 'TOKEN' not in os.environ and 'PATH' not in os.environ\nassert os.listdir() == []\n"
    assert verdict(check + GOOD) == "right"


def test_sets_and_chance_are_the_same_in_every_run() -> None:
    assert len({verdict("assert hash('a') % 2\n" + GOOD) for _ in range(5)}) == 1
    assert len({verdict("assert random.random() < 0.5\n" + GOOD) for _ in range(5)}) == 1


def test_pairs_keep_their_order_and_equal_ones_run_once(tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    counted = f"open({str(ran)!r}, 'a').write('.')\n" + GOOD
    told: list[int] = []
    pairs = [(counted, GOLD), ("", GOLD), ("def f(x): return 0", GOLD), (counted, GOLD), (f"```python\n{counted}```", GOLD)]
    grades = grade_all(pairs, seconds=5, workers=2, progress=told.append)
    assert [grade.reason for grade in grades] == ["right", "no answer found", "wrong", "right", "right"]
    assert grades[0].answer == counted[:200]
    assert ran.read_text() == "."
    assert told[0] == 1
    assert told[-1] == 5


def solutions(published: Published) -> dict[int, tuple[str, str]]:
    return {
        row["task_id"]: (row["code"], json.dumps({"tests": row["test_list"], "setup": row["test_setup_code"]}))
        for row in published("mbpp_full.jsonl")
    }


def test_some_reference_solutions_pass(published: Published) -> None:
    rows = solutions(published)
    some = [rows[task] for task in [367, 927, *random.Random(0).sample(sorted(rows), 60)]]  # these two need their set-up last
    grades = grade_all(some, seconds=10, workers=2, progress=lambda done: None)
    assert [grade.reason for grade in grades] == ["right"] * len(some)


@pytest.mark.slow
def test_every_reference_solution_passes(published: Published) -> None:
    rows = solutions(published)
    grades = grade_all(list(rows.values()), seconds=10, workers=2, progress=lambda done: None)
    assert len(rows) == 974
    assert [task for task, grade in zip(rows, grades, strict=True) if not grade.correct] == []


@pytest.mark.slow
def test_agreement_with_the_labels_of_1500_model_written_programs(published: Published) -> None:
    rows = published("labelled/mbpp_ldb_seeds.jsonl.gz")
    pairs = [(row["solution"], json.dumps({"tests": [row["test"]], "setup": ""})) for row in rows]
    grades = grade_all(pairs, seconds=10, workers=2, progress=lambda done: None)
    lost = [row["task_id"] for row, grade in zip(rows, grades, strict=True) if row["is_solved"] and not grade.correct]
    won = [row["task_id"] for row, grade in zip(rows, grades, strict=True) if grade.correct and not row["is_solved"]]
    assert lost == [338]  # its tests call a function of another name than the program's: the label is wrong
    assert len(won) == 18  # 16 lean on the prelude's imports, which the labels were made without; 133 and 448 do pass
