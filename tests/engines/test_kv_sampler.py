from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, TopPLogitsWarper

from sirev.engines.kv_sampler import choose, uniforms
from sirev.engines.protocol import Cell, Completion, DecodingSettings, Prompt
from sirev.engines.transformers_engine import TransformersEngine
from sirev.trainers.tokens import prompt_ids
from tests.conftest import Study

WARM = DecodingSettings(temperature=0.75, top_p=0.95, max_new_tokens=24)
GREEDY = DecodingSettings(temperature=0.0, top_p=1.0, max_new_tokens=24)


@pytest.fixture(scope="module")
def folder(smoke: Study, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """M_3 of the sft run."""
    return smoke.artifact("sft", "train:3").link_into(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def prompts(smoke: Study) -> tuple[Prompt, ...]:
    rows = smoke.artifact("sft", "source/train").rows("problems")
    return tuple(Prompt(row["id"], row["prompt"]) for row in rows)


Answers = dict[tuple[str, int], Completion]


def answers(engine: TransformersEngine, cells: list[Cell], decoding: DecodingSettings, seed: int = 0) -> Answers:
    found: Answers = {}
    engine.sample(cells, decoding, seed, lambda _, completions: found.update({(c.problem_id, c.draw): c for c in completions}))
    return found


def test_greedy_answers_are_those_of_transformers_generate(folder: Path, prompts: tuple[Prompt, ...]) -> None:
    engine = TransformersEngine(folder, None)
    ours = answers(engine, [Cell(prompts, 0, 1)], GREEDY)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype="float32").eval()
    for prompt in prompts:
        ids = torch.tensor([prompt_ids(engine.tokenizer, prompt.text)])
        theirs = model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            do_sample=False,
            max_new_tokens=24,
            pad_token_id=engine.tokenizer.pad_token_id,
        )
        expected = theirs[0, ids.shape[1] :].tolist()
        if engine.tokenizer.eos_token_id in expected:
            expected = expected[: expected.index(engine.tokenizer.eos_token_id)]
        assert list(ours[prompt.problem_id, 0].token_ids) == expected


@pytest.mark.slow
def test_a_draw_does_not_depend_on_what_else_is_in_the_batch(folder: Path, prompts: tuple[Prompt, ...]) -> None:
    whole = answers(TransformersEngine(folder, None), [Cell(prompts, 0, 16)], WARM)
    small = answers(TransformersEngine(folder, None, batch_size=7), [Cell(prompts, 0, 16)], WARM)
    alone = answers(TransformersEngine(folder, None), [Cell((prompt,), 0, 16) for prompt in prompts], WARM)
    assert len(whole) == 64 * 16
    for other in (small, alone):
        same = sum(whole[key].token_ids == other[key].token_ids for key in whole)
        assert same / len(whole) >= 0.999  # the rest is float rounding


def test_later_draws_asked_for_alone_are_the_same(folder: Path, prompts: tuple[Prompt, ...]) -> None:
    engine = TransformersEngine(folder, None)
    whole = answers(engine, [Cell(prompts[:8], 0, 4)], WARM)
    late = answers(engine, [Cell(prompts[:8], 2, 2)], WARM)
    assert all(whole[key].token_ids == completion.token_ids for key, completion in late.items())
    assert len(late) == 16


def test_draws_differ_by_seed_problem_and_index(folder: Path, prompts: tuple[Prompt, ...]) -> None:
    engine = TransformersEngine(folder, None)
    found = answers(engine, [Cell(prompts[:1], 0, 32)], WARM)
    assert len({c.token_ids for c in found.values()}) > 8
    other = answers(engine, [Cell(prompts[:1], 0, 32)], WARM, seed=1)
    assert [c.token_ids for c in other.values()] != [c.token_ids for c in found.values()]
    same_text = answers(engine, [Cell((Prompt("another", prompts[0].text),), 0, 32)], WARM)
    assert [c.token_ids for c in same_text.values()] != [c.token_ids for c in found.values()]


def test_the_limit_ends_an_answer_and_says_so(folder: Path, prompts: tuple[Prompt, ...]) -> None:
    found = answers(TransformersEngine(folder, None), [Cell(prompts[:4], 0, 4)], DecodingSettings(0.75, 0.95, 3))
    assert {c.finish for c in found.values()} == {"length"}
    assert all(len(c.token_ids) == 3 for c in found.values())


def test_end_of_text_is_neither_in_the_text_nor_in_the_tokens(folder: Path, prompts: tuple[Prompt, ...]) -> None:
    engine = TransformersEngine(folder, None)
    found = answers(engine, [Cell(prompts, 0, 2)], WARM)
    stopped = [c for c in found.values() if c.finish == "stop"]
    assert stopped
    assert all(engine.tokenizer.eos_token_id not in c.token_ids and "<eos>" not in c.text for c in stopped)


def test_a_further_end_cuts_an_answer_where_it_would_have_gone_on(folder: Path, prompts: tuple[Prompt, ...]) -> None:
    engine = TransformersEngine(folder, None)
    cells = [Cell(prompts[:4], 0, 4)]
    found = answers(engine, cells, WARM)
    token = next(c.token_ids[2] for c in found.values() if len(c.token_ids) > 3)
    cut = answers(engine, cells, replace(WARM, ends=(token,)))
    for key, whole in found.items():
        until = whole.token_ids.index(token) if token in whole.token_ids else len(whole.token_ids)
        assert cut[key].token_ids == whole.token_ids[:until]
        assert cut[key].finish == ("stop" if token in whole.token_ids else whole.finish)


def test_the_nucleus_is_that_of_transformers() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(20, 50, generator=generator) * 3
    kept = TopPLogitsWarper(0.8)(None, logits / 0.75).isfinite()  # type: ignore[arg-type]
    places = torch.linspace(0, 1 - 1e-9, 4001, dtype=torch.double)
    for row in range(20):
        tokens = choose(logits[row].expand(len(places), -1), places, 0.75, 0.8)
        assert set(tokens.tolist()) == set(kept[row].nonzero().flatten().tolist())


def test_tokens_are_drawn_in_proportion() -> None:
    logits = torch.tensor([[2.0, 1.0, 0.0, -1.0]])
    places = torch.linspace(0, 1 - 1e-9, 100_001, dtype=torch.double)
    drawn = choose(logits.expand(len(places), -1), places, 0.5, 1.0).bincount(minlength=4) / len(places)
    assert torch.allclose(drawn.double(), torch.softmax(logits[0].double() / 0.5, dim=0), atol=1e-3)


def test_temperature_0_takes_the_most_probable() -> None:
    logits = torch.tensor([[0.0, 3.0, 1.0]])
    assert choose(logits, torch.tensor([0.99], dtype=torch.double), 0.0, 1.0).tolist() == [1]


def test_the_random_numbers_of_a_draw_are_fixed_for_ever() -> None:
    assert uniforms(0, "train-00000", 0, 2).tolist() == [0.9394670531204178, 0.8935911114910075]
    assert (uniforms(0, "x", 0, 5) == uniforms(0, "x", 0, 9)[:5]).all()
    assert not np.allclose(uniforms(0, "x", 0, 5), uniforms(0, "x", 1, 5))
