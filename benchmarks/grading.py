"""Answers a second of each grader, on real answers where ../shared/data has them and on made-up ones elsewhere.

    python benchmarks/grading.py [--workers N] [--answers N]

Real: model-written GSM8K solutions and MBPP programs, MATH's golds written another way (so that no two texts are equal and
Math-Verify must judge each). Starting the workers counts; "distinct" is how many pairs differ.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sirev.grading import extract
from sirev.grading.dispatch import grade_all
from sirev.grading.graders import GRADERS, OWN, Settings
from sirev.processes.spawning import cores

DATA = Path(os.environ.get("SIREV_TEST_DATA") or Path(__file__).resolve().parents[2] / "shared" / "data")
SECONDS = 5.0
RIGHT, LATE = ("right", "right, in process"), ("timeout", "cpu timeout", "wall timeout")

Pair = tuple[str, str]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=cores())
    parser.add_argument("--answers", type=int, default=2000, help="of each grader, as far as there are so many")
    arguments = parser.parse_args()
    print(f"workers {arguments.workers}, {SECONDS:g} CPU seconds an answer, {'real' if DATA.is_dir() else 'made-up'} answers")
    print(f"{'grader':24}{'answers':>8}{'distinct':>9}{'right':>7}{'timeout':>9}{'seconds':>9}{'answers/s':>11}")
    for grader in (name for name in GRADERS if name != OWN):
        pairs = random.Random(0).sample(found := list(answers(grader)), min(arguments.answers, len(found)))
        began = time.perf_counter()
        settings = Settings(SECONDS)
        grades = grade_all(grader, pairs, settings, workers=arguments.workers, progress=lambda done, total: None).grades
        took = time.perf_counter() - began
        right, late = (sum(grade.reason in reasons for grade in grades) for reasons in (RIGHT, LATE))
        print(f"{grader:24}{len(pairs):8}{len(set(pairs)):9}{right:7}{late:9}{took:9.2f}{len(pairs) / took:11,.0f}")


def answers(grader: str) -> Iterator[Pair]:
    """(completion, gold) pairs that a grader may meet."""
    if grader == "math":
        yield from math_answers()
    elif grader == "mbpp":
        yield from programs()
    elif grader == "letter":
        yield from ((f"It must be so.\nAnswer: {'ABCDE'[i % 5]}", "ABCDE"[i % 4]) for i in range(5000))
    else:
        mark = "" if grader in ("gsm8k_flexible", "last_number") else "####"
        yield from ((text.replace("A:", mark or "A:"), gold) for text, gold in word_problems())


def word_problems() -> Iterator[Pair]:
    """Solutions that end in "A: N"."""
    if rows := published("labelled/gsm8k_openai_model_solutions.jsonl.gz"):
        for row in rows:
            gold = extract.number_in(row["ground_truth"].rpartition("A: ")[2])
            yield from ((value["solution"], gold or "") for value in row.values() if isinstance(value, dict))
    else:
        yield from ((f"{i} + {i} = <<{i}+{i}={2 * i}>>{2 * i}\nA: {2 * i}", str(2 * i + i % 2)) for i in range(5000))


def math_answers() -> Iterator[Pair]:
    """Solutions whose box is written unlike the gold; every fifth holds another problem's answer."""
    rows = published("math_test.jsonl.gz")
    golds = [extract.boxed(row["solution"]) or "0" for row in rows] or [f"\\frac{{{i}}}{{{i + 1}}}" for i in range(1, 5000)]
    solutions = [row["solution"] for row in rows] or [f"So it is $\\boxed{{{gold}}}$." for gold in golds]
    for i, gold in enumerate(golds):
        other = golds[(i + (i % 5 == 0)) % len(golds)].replace("\\frac", "\\dfrac")
        yield f"{solutions[i]}\nTherefore $\\boxed{{{other}\\;}}$.", gold


def programs() -> Iterator[Pair]:
    """Short functions with their tests."""
    if rows := published("labelled/mbpp_ldb_seeds.jsonl.gz"):
        yield from ((row["solution"], json.dumps({"tests": [row["test"]]})) for row in rows[:600])
    else:
        for i in range(300):
            yield f"def f(x):\n    return x * {i}", json.dumps({"tests": [f"assert f(2) == {2 * i}", "assert f(0) == 0"]})


def published(name: str) -> list[dict[str, Any]]:
    """The rows of a file of DATA; none where it is not."""
    if not (DATA / name).is_file():
        return []
    content = (DATA / name).read_bytes()
    return [json.loads(line) for line in (gzip.decompress(content) if name.endswith(".gz") else content).splitlines()]


if __name__ == "__main__":
    main()
