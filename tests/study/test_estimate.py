from __future__ import annotations

from pathlib import Path

import pytest

import sirev
from sirev.store.records import Record
from sirev.study.estimate import Estimate
from sirev.study.invocation import plans
from tests.conftest import Command, Study

NOTHING_SAMPLED = ("an answer takes 40% of max_new_tokens", "50% of the draws on training problems are right")


def planned(
    store: sirev.Store | Path, recipe: str = "tiny_smoke", rates: dict[str, float] | None = None, **asked: object
) -> Estimate:
    return plans(recipe, store=store, **asked).estimate(rates)  # type: ignore[arg-type]


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
    assert before.hours["sample"] is not None


def test_a_rate_of_the_users_own_gives_the_hours(tmp_path: Path) -> None:
    found = planned(tmp_path / "store", rates={"sample": 100.0})
    assert found.hours == {"sample": found.sampled_tokens / 100 / 3600, "train": None}


def test_the_papers_recipes_are_planned_without_their_data_and_models(tmp_path: Path) -> None:
    found = planned(tmp_path / "store", "mistral_gsm8k", methods=["sft"])
    draws, suite = 5 * 50 * 7473 + 5 * 64 * 1319, 5 * 1187
    assert found.answers == draws + 5 * 1319 + suite
    assert found.memory["training: base weights"] == 2 * 7_241_732_096
    assert found.memory["sampling: KV cache a token"] == 2 * 32 * 8 * 128 * 2
    smaller = planned(tmp_path / "store", "mistral_gsm8k", methods=["sft"], overrides=["task.limit.train=100"])
    assert found.answers - smaller.answers == 5 * 50 * 7373


def test_a_small_gpu_and_all_parameters_show_in_the_memory(tmp_path: Path) -> None:
    plain = planned(tmp_path / "store", "mistral_gsm8k")
    small = planned(tmp_path / "store", "mistral_gsm8k", overlays=["24gb"])
    full = planned(tmp_path / "store", "mistral_gsm8k", overlays=["full"])
    assert "training: DPO's reference" in plain.memory
    assert "training: DPO's reference" not in small.memory
    assert full.memory["training: weights"] == 4 * 7_241_732_096
    assert full.disk_bytes > 10 * plain.disk_bytes


def test_the_command_prints_the_estimate_and_refuses_a_rate_of_nothing(command: Command, tmp_path: Path) -> None:
    done = command("plan", "--recipe", "mistral_mbpp", "--rate", "sample=9000", "--store", tmp_path / "store")
    assert done.returncode == 0, done.stderr
    assert "tokens sampled" in done.stdout
    assert "hours to sample" in done.stdout
    for rate in ("sample", "sample=fast", "grade=3", "train=0"):
        refused = command("plan", "--recipe", "tiny", "--rate", rate)
        assert refused.returncode == 2
        assert refused.stderr.startswith(f"sirev: error: --rate {rate}: expected sample=TOKENS/S or train=TOKENS/S")
