from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from sirev.engines import dispatch
from sirev.engines.dispatch import ScoreRequest
from sirev.engines.protocol import AnswerTokens
from sirev.engines.transformers_engine import TransformersEngine
from sirev.processes.requests import Progress
from sirev.trainers.models import ModelSource
from sirev.trainers.tokens import answer_ids, prompt_ids
from tests.conftest import Study


@pytest.fixture(scope="module")
def folder(smoke: Study, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """M_1 of the sft run."""
    return smoke.artifact("sft", "train:1").link_into(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def engine(folder: Path) -> TransformersEngine:
    return TransformersEngine(folder, None)


@pytest.fixture(scope="module")
def answers(smoke: Study, engine: TransformersEngine) -> list[AnswerTokens]:
    """Gold solutions of many lengths, and one answer without a token."""
    problems = smoke.artifact("sft", "source/train").rows("problems")[:40]
    tokens = [
        AnswerTokens(
            tuple(prompt_ids(engine.tokenizer, p["prompt"])), tuple(answer_ids(engine.tokenizer, p["prompt"], p["target"]))
        )
        for p in problems
    ]
    assert len({len(one.prompt) + len(one.answer) for one in tokens}) > 5
    return [*tokens, AnswerTokens(tokens[0].prompt, ())]


def test_the_score_is_the_sum_of_the_log_probabilities_of_the_answers_tokens(
    folder: Path, engine: TransformersEngine, answers: list[AnswerTokens]
) -> None:
    model = AutoModelForCausalLM.from_pretrained(folder, dtype="float32").eval()
    expected = []
    for one in answers:
        ids = torch.tensor([[*one.prompt, *one.answer]])
        with torch.inference_mode():
            each = model(ids).logits[0].log_softmax(-1)
        start = len(one.prompt)
        expected.append(sum(float(each[start - 1 + i, token]) for i, token in enumerate(one.answer)))
    assert engine.log_probabilities(answers) == pytest.approx(expected, abs=1e-4)
    assert expected[-1] == 0


def test_other_batches_give_the_same_scores(engine: TransformersEngine, answers: list[AnswerTokens]) -> None:
    whole = engine.log_probabilities(answers)
    assert engine.log_probabilities(answers) == whole
    for size in (1, 3):
        engine.batch_size = size
        assert engine.log_probabilities(answers) == pytest.approx(whole, abs=1e-4)
    engine.batch_size = None


def test_progress_counts_answers_up_to_all_of_them(engine: TransformersEngine, answers: list[AnswerTokens]) -> None:
    engine.batch_size = 16
    said: list[int] = []
    engine.log_probabilities(answers, said.append)
    engine.batch_size = None
    assert said == sorted(said)
    assert said[-1] == len(answers) > said[0]


def score(folder: Path, tmp_path: Path, asked: list[tuple[str, str, bool]]) -> tuple[list[list[float]], dispatch.Scored]:
    (tmp_path / "answers.json").write_text(json.dumps(asked))
    request = ScoreRequest(
        engine="transformers",
        model=ModelSource(folder),
        model_name="M_1",
        dtype="auto",
        options={"batch_size": None},
        chat=False,
        answers=tmp_path / "answers.json",
        out=tmp_path / "scores.json",
    )
    events: list[Progress] = []
    told = dispatch.score(request, events.append)
    assert events[0] == Progress(0, len(asked))
    return json.loads((tmp_path / "scores.json").read_text()), told


def test_an_answer_that_came_to_its_end_is_scored_with_it_and_one_cut_off_without(
    folder: Path, engine: TransformersEngine, smoke: Study, tmp_path: Path
) -> None:
    problem = smoke.artifact("sft", "source/test").rows("problems")[0]
    prompt, target = problem["prompt"], problem["target"]
    (ended, cut), told = score(folder, tmp_path, [(prompt, target, True), (prompt, target, False)])
    assert told.shortened == 0
    assert ended[0] == cut[0] + 1
    ids = [*prompt_ids(engine.tokenizer, prompt), *answer_ids(engine.tokenizer, prompt, target)]
    with torch.inference_mode():
        end = engine.model(torch.tensor([ids[:-1]])).logits[0, -1].log_softmax(-1)[ids[-1]]
    assert ended[1] - cut[1] == pytest.approx(float(end), abs=1e-4)


def test_an_answer_that_is_longer_than_the_model_reads_is_scored_as_far_as_it_does(folder: Path, tmp_path: Path) -> None:
    ((tokens, _),), told = score(folder, tmp_path, [("Tom has 5 apples.", "5 + 1 = 6\n" * 200, False)])
    assert told.shortened == 1
    assert 400 < tokens < 512


def test_the_engine_that_samples_is_the_one_that_scores(folder: Path, tmp_path: Path) -> None:
    before = dispatch.loads
    for _ in range(2):
        score(folder, tmp_path, [("Tom has 5 apples.", "5", True)])
    assert dispatch.loads <= before + 1
