"""How often the grader `math` agrees with the verdicts of others, and which answers it judges otherwise.

    python benchmarks/agreement_math.py FOLDER

FOLDER holds labelled/ and samples/ of the published data sets (docs/graders.md says which). A line for each set: answers, those
on which both agree, and each of the others with the gold answer, what was read, and both verdicts. Who is wrong is for a reader
to say.
"""

from __future__ import annotations

import gzip
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sirev.grading.dispatch import grade_all
from sirev.grading.graders import Settings

Labelled = tuple[str, str, bool]
"""A completion, its gold answer, and whether somebody else says that it is right."""


def main() -> None:
    """Grade every set and print where verdicts differ."""
    folder = Path(sys.argv[1])
    for name, labelled in sets(folder).items():
        pairs = [(text, gold) for text, gold, _ in labelled]
        began = time.perf_counter()
        grades = grade_all("math", pairs, Settings(5), workers=1, progress=lambda done, of: None).grades
        took = time.perf_counter() - began
        apart = [(row, grade) for row, grade in zip(labelled, grades, strict=True) if row[2] != grade.correct]
        rate = 1000 * took / len(labelled)
        print(f"{name}: n {len(labelled)}, agree {len(labelled) - len(apart)}, {rate:.1f} s per 1,000 answers")
        for (_, gold, label), grade in apart:
            print(f"    gold {gold!r}, read {grade.answer!r}: label {label}, sirev {grade.reason}")


def sets(folder: Path) -> dict[str, list[Labelled]]:
    """Name -> what is labelled."""
    found = {
        "equiv_hendrycks_math": [
            (f"\\boxed{{{row['b']}}}", row["a"], row["expected"]) for row in rows(folder / "labelled/equiv_hendrycks_math.jsonl")
        ]
    }
    for seed in range(3):
        found[f"nemo_output-rs{seed}"] = [
            (row["generation"], row["expected_answer"], bool(row["symbolic_correct"]))
            for row in rows(folder / f"samples/nemo_output-rs{seed}.jsonl")
        ]
    found["gsm8k_tora-code-34b"] = [
        (row["code"][0], str(row["gt"]), close(row["pred"][0], row["gt"]))
        for row in rows(folder / "labelled/gsm8k_tora-code-34b-v1.0.jsonl.gz")
    ]
    return found


def close(predicted: str, gold: Any) -> bool:
    """Numeric closeness to 0.001, which is what ToRA's own report counts."""
    try:
        return abs(float(str(predicted).replace(",", "")) - float(str(gold).replace(",", ""))) < 1e-3
    except ValueError:
        return False


def rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a JSONL file, compressed or not."""
    content = path.read_bytes()
    for line in (gzip.decompress(content) if path.suffix == ".gz" else content).splitlines():
        yield json.loads(line)


if __name__ == "__main__":
    main()
