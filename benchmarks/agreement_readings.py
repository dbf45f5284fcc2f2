"""How often the graders of numbers, options and programs agree with labels, and which answers they judge otherwise.

    python benchmarks/agreement_readings.py FOLDER

FOLDER holds the published data sets and labelled/ (docs/graders.md says which). A line for each set: answers, those on which both
agree, seconds for 1,000; then each of the others with what was read and both verdicts. Who is wrong is for a reader to say. Where
a set has no labels, its own answers are right, and for options the next letter is wrong.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from agreement_math import close, rows

from sirev.grading.dispatch import grade_all
from sirev.grading.graders import Settings

Labelled = tuple[str, str, bool]
"""A completion, its gold answer, and its label."""
LETTERS = "ABCDE"


def main() -> None:
    """Grade every set and print where verdicts and labels differ."""
    folder = Path(sys.argv[1])
    for name, grader, labelled, settings in sets(folder):
        pairs = [(text, gold) for text, gold, _ in labelled]
        began = time.perf_counter()
        grades = grade_all(grader, pairs, settings, workers=2, progress=lambda done, of: None).grades
        took = time.perf_counter() - began
        apart = [(row, grade) for row, grade in zip(labelled, grades, strict=True) if row[2] != grade.correct]
        print(f"{name}, {grader}: n {len(pairs)}, agree {len(pairs) - len(apart)}, {1000 * took / len(pairs):.3f} s per 1,000")
        for (_, gold, label), grade in apart:
            print(f"    gold {gold[:200]!r}, read {grade.answer!r}: label {label}, sirev {grade.reason}")


def sets(folder: Path) -> Iterator[tuple[str, str, list[Labelled], Settings]]:
    """Name, grader, what is labelled, and the grader's settings."""
    brief, long = Settings(3), Settings(17)
    solved = [
        (one["solution"], row["ground_truth"].rpartition("A: ")[2], one["is_correct"])
        for row in rows(folder / "labelled/gsm8k_openai_model_solutions.jsonl.gz")
        for one in row.values()
        if isinstance(one, dict)
    ]
    for grader in ("gsm8k_flexible", "last_number"):
        yield "OpenAI's four models on GSM8K", grader, solved, brief
    marked = [("####".join(text.rsplit("A:", 1)), gold, label) for text, gold, label in solved]
    yield "the same, ending in ####", "gsm8k_strict", marked, brief
    boxed = [
        (row["code"][0], row["gt"].replace(",", ""), close(row["pred"][0], row["gt"]))
        for row in rows(folder / "labelled/gsm8k_tora-code-34b-v1.0.jsonl.gz")
    ]
    for grader in ("gsm8k_flexible", "last_number"):
        yield "ToRA's code-34b on GSM8K, boxed", grader, boxed, brief
    published = [*rows(folder / "gsm8k_train.jsonl.gz"), *rows(folder / "gsm8k_test.jsonl")]
    for grader in ("gsm8k_strict", "gsm8k_flexible", "final_number"):
        yield (
            "GSM8K's own answers",
            grader,
            [(row["answer"], row["answer"].rpartition("#### ")[2], True) for row in published],
            brief,
        )
    asked = [(row["question"]["stem"], row["answerKey"]) for row in rows(folder / "commonsenseqa_dev.jsonl")]
    ways = ("{}", "Answer: {}", "({})", "Because.\nAnswer: ({})", "So the answer is {}.", "\\boxed{{{}}}")
    answers = [
        (way.format(LETTERS[(LETTERS.index(key) + i) % 5]), key, i == 0) for _, key in asked for i in (0, 1) for way in ways
    ]
    yield "CommonsenseQA's keys and the letters after them, in six ways", "letter", answers, brief
    for models, prelude in (({"starcoder", "codellama"}, False), ({"gpt-3.5-turbo-0613"}, True)):
        programs = [
            (row["solution"], json.dumps({"tests": [row["test"]]}), row["is_solved"])
            for row in rows(folder / "labelled/mbpp_ldb_seeds.jsonl.gz")
            if row["model"] in models
        ]
        yield f"LDB's seeds on MBPP, {' and '.join(sorted(models))}", "mbpp", programs, Settings(3, sandbox="C", prelude=prelude)
    own = [
        (row["code"], json.dumps({"tests": row["test_list"], "setup": row["test_setup_code"]}), True)
        for row in rows(folder / "mbpp_full.jsonl")
    ]
    yield "MBPP's own solutions", "mbpp", own, Settings(long.seconds, sandbox="C")


if __name__ == "__main__":
    main()
