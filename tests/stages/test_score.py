from __future__ import annotations

import math
from pathlib import Path

import pytest

import sirev
from sirev.study.evaluation import SCORED_DRAWS
from tests.conftest import Study, tree


def test_every_answer_of_m1_and_of_the_last_model_is_scored_in_order(smoke: Study) -> None:
    for step, sampled in (("score/greedy:1", "sample/test/greedy:1"), ("score/greedy:3", "sample/test/greedy:3")):
        scores = smoke.artifact("sft", step).rows("scores")
        completions = smoke.artifact("sft", sampled).rows("completions")
        assert [(s["problem_id"], s["draw"]) for s in scores] == [(c["problem_id"], c["draw"]) for c in completions]
        assert [s["tokens"] for s in scores] == [c["tokens"] + (c["finish"] == "stop") for c in completions]
        assert all(s["logprob"] < 0 for s in scores)


def test_of_m1s_draws_the_first_are_scored_and_equal_answers_alike(smoke: Study) -> None:
    scores = {(s["problem_id"], s["draw"]): s for s in smoke.artifact("sft", "score/draws:1").rows("scores")}
    completions = smoke.artifact("sft", "sample/test:1").rows("completions")
    first = [c for c in completions if c["draw"] < SCORED_DRAWS]
    assert list(scores) == [(c["problem_id"], c["draw"]) for c in first]
    by_text: dict[tuple[str, str, str], set[float]] = {}
    for c in first:
        by_text.setdefault((c["problem_id"], c["text"], c["finish"]), set()).add(scores[c["problem_id"], c["draw"]]["logprob"])
    assert all(len(found) == 1 for found in by_text.values())


def test_greedy_answers_are_likelier_under_their_own_model_than_its_draws(smoke: Study) -> None:
    def perplexity(step: str) -> float:
        scores = smoke.artifact("sft", step).rows("scores")
        return math.exp(-sum(s["logprob"] for s in scores) / sum(s["tokens"] for s in scores))

    assert 1 < perplexity("score/greedy:1") < perplexity("score/draws:1")


def test_methods_share_the_scores_of_m1_and_only_the_first_and_the_last_model_have_any(smoke: Study) -> None:
    of = {}
    for result in smoke.results:
        run = smoke.store.runs.get(result.id)
        assert run is not None
        of[result.method] = {step: pin.key for step, pin in run.pins.items() if step.startswith("score")}
        assert set(of[result.method]) == {"score/greedy:1", "score/draws:1", "score/greedy:3"}
    assert of["sft"]["score/draws:1"] == of["dpo"]["score/draws:1"]
    assert of["sft"]["score/greedy:3"] != of["dpo"]["score/greedy:3"]


def test_the_batch_size_changes_no_key_and_without_scores_the_run_is_the_same(smoke: Study, smoke_copy: Path) -> None:
    before = tree(smoke_copy)
    (result,) = sirev.iterate("tiny_smoke", methods=["sft"], overrides=["engine.batch_size=5"], store=smoke_copy)
    assert (result.id, result.computed) == (smoke.of("sft").id, ())
    assert tree(smoke_copy) == before
    (without,) = sirev.iterate("tiny_smoke", methods=["sft"], overrides=["evaluation.score=false"], store=smoke_copy)
    assert (without.id, without.computed) == (result.id, ("compare",))
    assert without.iterations[-1]["likelihood"]["right"]["reason"].startswith("not measured: needs M_1's weights")


def test_scored_anew_they_are_the_same(smoke: Study, smoke_copy: Path) -> None:
    (again,) = sirev.iterate("tiny_smoke", methods=["sft"], redo=["score"], store=smoke_copy)
    assert [step for step in again.computed if step.startswith("score")] == ["score/greedy:1", "score/draws:1", "score/greedy:3"]
    assert again.iterations == smoke.of("sft").iterations


def test_a_model_whose_files_were_given_up_is_not_trained_again_for_scores(smoke: Study, smoke_copy: Path) -> None:
    from sirev.store.upkeep.gc import Policy, collect
    from sirev.study.keep_models import models_to_drop

    sirev.iterate("tiny_smoke", methods=["sft"], overrides=["evaluation.score=false"], store=smoke_copy)
    store = sirev.Store(smoke_copy)
    for record in store.records.all():
        if record.action["stage"] == "score":
            store.records.path(record.key, record.artifact).unlink()
    collect(store, Policy(drop=lambda opened, runs: models_to_drop(opened, runs, "last")))
    (result,) = sirev.iterate("tiny_smoke", methods=["sft"], store=smoke_copy)
    assert result.computed == ()
    assert result.iterations[-1]["likelihood"]["gained"]["value"] is None
    (states,) = sirev.plan("tiny_smoke", methods=["sft"], store=smoke_copy).values()
    assert not any(step.startswith("score") for step in states)


@pytest.mark.parametrize("t", [1, 3])
def test_what_a_comparison_says_is_made_of_the_scores(smoke: Study, t: int) -> None:
    scores = smoke.artifact("sft", f"score/greedy:{t}").rows("scores")
    grades = smoke.artifact("sft", f"grade/greedy:{t}").rows("grades")
    right = [s for s, g in zip(scores, grades, strict=True) if g["correct"]]
    found = smoke.of("sft").iterations[t - 1]["likelihood"]["right"]
    assert found["n"] == len(right) > 0
    assert found["value"] == pytest.approx(math.exp(-sum(s["logprob"] for s in right) / sum(s["tokens"] for s in right)))
