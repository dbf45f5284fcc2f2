"""The other recipes of the paper with a pretrained model, on a CPU: how their answers are learned from and graded."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

import sirev

SMALL = ("T=2", "training.lora.r=4", "training.lora.alpha=8", "training.lora.target_modules=[q_proj, v_proj]", "gpu=optional")
ON_CPU = (
    *("engine=transformers", "engine.dtype=float32", "training.dtype=float32", "sampling.n=4", "evaluation.draws.n=4"),
    "evaluation.embedding=null",  # another model than the one at hand
)


def written(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.mark.slow
@pytest.mark.spinning
def test_commonsenseqa_learns_from_rationales_of_its_own(smollm2: Path, tmp_path: Path) -> None:
    things = ["bread", "soup", "tea", "cake", "rice", "milk", "fish", "eggs", "salt", "corn"]
    rows = [
        {
            "id": f"q{i}",
            "question": {
                "stem": f"Where would you keep {thing}?",
                "choices": [
                    {"label": label, "text": text}
                    for label, text in zip("ABCDE", ["kitchen", "moon", "car", "shoe", "river"], strict=True)
                ],
                "question_concept": thing,
            },
            "answerKey": "A",
        }
        for i, thing in enumerate(things)
    ]
    train, test = written(tmp_path / "train.jsonl", rows[:7]), written(tmp_path / "test.jsonl", rows[7:9])
    settings = [*SMALL, *ON_CPU, f"task.data.train={train}", f"task.data.test={test}", f"model={smollm2}"]
    settings += ["sampling.max_new_tokens=48", "evaluation.draws.max_new_tokens=48", "training.max_completion_tokens=64"]
    settings += ["training.on_degenerate=continue", "training.max_prompt_tokens=512"]
    settings += ["evaluation.ood.arc_challenge=null", "evaluation.ood.openbookqa=null"]  # which the Hub has
    # With seven worked examples each answer takes seconds, and each step of a training half a minute.
    settings += ["evaluation.draws.n=2", "evaluation.score=false", "sampling.n=1", "training.initial.epochs=1"]
    store = sirev.Store(tmp_path / "store")
    (result,) = sirev.iterate("mistral_csqa", methods=["sft"], overrides=settings, store=store)
    run = store.runs.get(result.id)
    assert run is not None
    learned = store.artifact(run.pins["select:1"].artifact).rows("examples")
    assert 1 <= len(learned) <= 7
    for example in learned:
        assert example["completion"].endswith("Answer: A")
        assert "\n\nQuestion:" not in example["completion"]
        assert example["prompt"].count("Question:") == 1  # the worked examples stay out of what M_1 learns from
    assert result.iterations[0]["diversity"]["all"]["distinct_equations"]["value"] is None


@pytest.mark.slow
@pytest.mark.spinning
def test_mbpp_trains_on_programs_and_runs_what_comes_back(smollm2: Path, tmp_path: Path) -> None:
    rows = [
        {
            "task_id": task,
            "text": f"Write a function to add {n} to a number.",
            "code": f"def add_{n}(x):\r\n    return x + {n}",
            "test_list": [f"assert add_{n}({x}) == {x + n}" for x in (1, 2, 3)],
            "test_setup_code": "",
            "challenge_test_list": [],
        }
        for task, n in ((601, 1), (602, 2), (603, 3), (604, 4), (11, 5), (12, 6))
    ]
    data = written(tmp_path / "mbpp.jsonl", rows)
    settings = [*SMALL, *ON_CPU, f"task.data.path={data}", f"model={smollm2}", "training.on_degenerate=continue"]
    settings += ["training.initial.learning_rate=2e-3", "training.initial.batch_size=4", "training.initial.epochs=12"]
    settings += ["sampling.max_new_tokens=32", "evaluation.draws.max_new_tokens=32", "training.memory.micro_batch_size=4"]
    settings += ["evaluation.ood.humaneval=null"]  # which the Hub has
    store = sirev.Store(tmp_path / "store")
    (result,) = sirev.iterate("mistral_mbpp", methods=["sft"], overrides=settings, store=store)
    run = store.runs.get(result.id)
    assert run is not None
    grades = store.artifact(run.pins["grade/select:1"].artifact).rows("grades")
    assert len(grades) == 16
    assert sum(grade["correct"] for grade in grades) >= 4  # it learned programs that pass their tests
    record = store.records.get(run.pins["grade/select:1"].key, run.pins["grade/select:1"].artifact)
    assert record is not None
    ran = record.provenance["sandbox"]
    assert ran["passed"] == sum(grade["correct"] for grade in grades)
    assert ran["programs"] <= 16
    details = gzip.decompress(store.objects.checked(record.provenance["notes"]["programs.jsonl.gz"]).read_bytes())
    assert len(details.splitlines()) == 16
