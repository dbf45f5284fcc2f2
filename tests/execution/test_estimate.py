from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

import sirev
from sirev.api.plan import plans
from sirev.api.request import Request
from sirev.execution.estimate import Estimate
from sirev.store.records import Record
from tests.conftest import Command, Study

NOTHING_SAMPLED = ("an answer takes 40% of max_new_tokens", "50% of draws on training problems correct")


def planned(
    store: sirev.Store | Path, recipe: str = "tiny_smoke", rates: dict[str, float] | None = None, **asked: object
) -> Estimate:
    return plans(Request.of(recipe, store=store, **asked)).estimate(rates)  # type: ignore[arg-type]


def records(store: sirev.Store, *stages: str) -> list[Record]:
    return [record for record in store.records.all() if record.action["stage"] in stages]


def test_a_finished_study_takes_nothing_more(smoke: Study) -> None:
    found = planned(smoke.store)
    assert (found.steps, found.answers, found.sampled_tokens, found.trained_tokens, found.disk_bytes) == ({}, 0, 0, 0, 0)


def test_from_nothing_the_answers_are_those_that_a_run_samples(smoke: Study, tmp_path: Path) -> None:
    found = planned(tmp_path / "store")
    assert found.answers == sum(r.provenance["answers"] for r in records(smoke.store, "sample"))
    assert found.steps["train"] == len(records(smoke.store, "train"))  # what methods share is counted once
    assert set(NOTHING_SAMPLED) <= set(found.assumptions)


@pytest.mark.slow
def test_after_one_seed_the_tokens_of_another_are_known(smoke: Study, smoke_copy: Path) -> None:
    store = sirev.Store(smoke_copy)
    before = planned(store, seeds=[1])
    sirev.iterate("tiny_smoke", seeds=[1], store=store)
    known = {record.key for record in smoke.store.records.all()}
    made = [record for record in records(store, "sample", "train") if record.key not in known]
    sampled = [r.provenance for r in made if r.action["stage"] == "sample"]
    trained = [r.provenance for r in made if r.action["stage"] == "train"]
    assert before.answers == sum(p["answers"] for p in sampled)
    assert before.sampled_tokens == pytest.approx(sum(p["tokens"] for p in sampled), rel=0.25)
    assert before.trained_tokens == pytest.approx(sum(p["tokens"] for p in trained), rel=0.5)
    assert before.times["sample"].source == "seen"


def test_a_rate_of_the_users_own_gives_the_hours(tmp_path: Path) -> None:
    found = planned(tmp_path / "store", rates={"sample": 100.0})
    assert found.times["sample"].hours == pytest.approx(found.sampled_tokens / 100 / 3600, rel=1e-3)
    assert (found.times["sample"].source, found.times["train"].source) == ("given", "table")


def test_the_papers_recipes_are_planned_without_their_data_and_models(tmp_path: Path) -> None:
    found = planned(tmp_path / "store", "mistral_gsm8k", methods=["sft"])
    draws, suite = 5 * 50 * 7473 + 5 * 64 * 1319, (5 + 2 * 16) * 1187
    assert found.answers == draws + 5 * 1319 + suite
    assert found.footprint is not None
    assert found.footprint.training["base weights"] == 2 * 7_241_732_096
    smaller = planned(tmp_path / "store", "mistral_gsm8k", methods=["sft"], overrides=["task.limit.train=100"])
    assert found.answers - smaller.answers == 5 * 50 * 7373


def test_all_parameters_show_on_the_disk(tmp_path: Path) -> None:
    plain = planned(tmp_path / "store", "mistral_gsm8k")
    full = planned(tmp_path / "store", "mistral_gsm8k", overlays=["full"])
    assert full.disk_bytes > 10 * plain.disk_bytes


def test_the_rows_of_local_files_are_counted(tmp_path: Path) -> None:
    rows = [{"id": str(i), "question": f"{i}?", "answer": str(i)} for i in range(40)]
    for split, some in (("train", rows), ("test", rows[:7])):
        lines = [json.dumps(row) for row in some]
        (tmp_path / f"{split}.jsonl").write_text("\n\n".join(lines))
    task = {"name": "jsonl", "data": {"path": str(tmp_path)}, "prompt": "{question}\n", "target": "{answer}"}
    settings = {"defaults": ["paper"], "gpu": "optional", "task": task, "model": "some/model", "methods": ["sft"], "T": 2}
    settings |= {"schedule": None, "sampling": {"n": 3, "max_new_tokens": 9}, "training": {"grader": "exact", "dpo": None}}
    draws = {"n": 5, "max_new_tokens": 9}
    recipe = tmp_path / "own.yaml"
    recipe.write_text(yaml.safe_dump(settings | {"evaluation": {"grader": "exact", "draws": draws}}))
    found = planned(tmp_path / "store", str(recipe))
    assert found.answers == 2 * (40 * 3 + 7 * 5 + 7)
    assert not [words for words in found.assumptions if "problems in" in words]
    limited = planned(tmp_path / "store", str(recipe), overrides=["task.limit.train=10"])
    assert limited.answers == 2 * (10 * 3 + 7 * 5 + 7)
    (tmp_path / "train.jsonl").write_text("no JSON")
    broken = planned(tmp_path / "store", str(recipe))
    assert any("1,000 problems in train, which can't be read: " in words for words in broken.assumptions)


def test_steps_are_counted_by_stage_and_state(smoke: Study, tmp_path: Path) -> None:
    done = planned(smoke.store).states
    assert {stage: of["hit"] for stage, of in done.items()} == {stage: sum(of.values()) for stage, of in done.items()}
    begun = planned(smoke.store, overrides=["training.sft.learning_rate=1e-3"]).states["train"]
    assert begun["hit"] > 0
    assert begun["run"] > 0
    assert sum(begun.values()) == done["train"]["hit"]
    never = planned(tmp_path / "store").states["train"]
    assert never == {"hit": 0, "run": 0, "unknown": done["train"]["hit"]}


def test_a_short_trial_tells_how_fast_it_is_but_not_how_many_examples_there_are(smoke: Study) -> None:
    more = planned(smoke.store, seeds=[1], overrides=["task.train=200"])
    same = planned(smoke.store, seeds=[1])
    assert more.times["train"].source == "seen"
    assert more.examples > 1.3 * same.examples


def test_lengths_are_those_of_gold_answers_where_the_task_is_known(tmp_path: Path) -> None:
    found = planned(tmp_path / "store", "mistral_gsm8k", methods=["sft"])
    assert "answers as long as gold ones, 3% run on to the limit" in found.assumptions
    assert "81% of draws on training problems correct" in found.assumptions
    suite = (5 + 2 * 16) * 1187
    per_answer, per_suite_answer = 97 + 0.03 * (512 - 97), 155 + 0.03 * (1024 - 155)
    assert found.sampled_tokens == pytest.approx((found.answers - suite) * per_answer + suite * per_suite_answer)
    first, later = 7473, 4 * 7473 * 50 * 0.81
    assert found.examples == pytest.approx(first + later, rel=1e-4)
    assert found.trained_tokens == pytest.approx((3 * first + later) * (99 + 97), rel=1e-4)


@pytest.mark.slow
def test_the_command_prints_the_estimate_and_refuses_a_rate_of_nothing(command: Command, tmp_path: Path) -> None:
    done = command("plan", "--recipe", "mistral_mbpp", "--rate", "sample=9000", "--store", tmp_path / "store")
    assert done.returncode == 0, done.stderr
    assert "637k answers" in done.stdout
    assert re.search(r"^sample +52 +0 +52 +\d+\.\d+  --rate ", done.stdout, re.M)
    for rate in ("sample", "sample=fast", "grade=3", "train=0"):
        refused = command("plan", "--recipe", "tiny", "--rate", rate)
        assert refused.returncode == 2
        assert refused.stderr.startswith(f"sirev: error: --rate {rate}: expected sample=TOKENS/S or train=TOKENS/S")
