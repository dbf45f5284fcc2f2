"""Mistral's real vocabulary from prompts to training rows and back from sampled tokens, checked against SentencePiece itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sirev.engines.protocol import Cell, Completion, DecodingSettings, Prompt
from sirev.engines.transformers_engine import TransformersEngine
from sirev.tasks.registry import TEMPLATES
from sirev.tasks.templates import render
from sirev.trainers.models import ModelFolders, ModelSource, load_tokenizer
from sirev.trainers.tokens import answer_ids, answer_text, prompt_ids
from sirev.trainers.trl_steps import make_trainer, train
from tests.trainers.training_requests import LORA, request

pytestmark = pytest.mark.slow  # for what `make test-slow` installs
BOS, EOS = 1, 2
ASKED = {
    "question": "Let $f(x)=\\left\\{\\begin{array}{cl} ax+3 \\end{array}\\right.$ Natalia sold 48 clips. How many?",
    "tests": "assert set(similar_elements((3, 4, 5, 6),(5, 7, 4, 10))) == set((4, 5))\nassert x",
    "options": "A. x\nB. y",
    "stub": 'def f(x):\n    """Twice x."""\n',
}
ANSWERS = (
    "Natalia sold 48/2 = 24 clips in May.\nAltogether 72.\n#### 72",
    "def similar(one, other):\n  res = tuple(set(one) & set(other))\n  return (res) ",
    "import re\n\n\ndef f(x):\n\treturn x\n",
    *(" leading blank", "  two leading blanks", "\nnewline first", "\n\n    def f():\n        pass"),
    *("é 漢字 🙂 x", "Reason.\nAnswer: A", "\\boxed{3}", "", "a", "\t1,000 don't  ,  ", "    indented code\n    more", "1\n2"),
)


PROMPTS = [render(template, **ASKED) for template in TEMPLATES.values()]


@pytest.fixture(scope="module")
def tokenizer(paper_model: Path) -> Any:
    return load_tokenizer(ModelFolders(paper_model))


@pytest.fixture(scope="module")
def pieces(paper_model: Path) -> Any:
    """What SentencePiece itself makes of a text."""
    from sentencepiece import SentencePieceProcessor

    return SentencePieceProcessor(model_file=str(paper_model / "tokenizer.model")).encode


def rows_of(prompts: list[str]) -> list[dict[str, str]]:
    return [{"prompt": prompts[i % len(prompts)], "completion": answer} for i, answer in enumerate(ANSWERS)]


def test_a_prompt_is_what_sentence_piece_makes_of_it(tokenizer: Any, pieces: Any) -> None:
    for prompt in PROMPTS:
        ids = prompt_ids(tokenizer, prompt)
        assert ids == [BOS, *pieces(prompt)], prompt
        assert tokenizer.convert_ids_to_tokens(ids[-1]) == "<0x0A>"  # the prompt's last newline, which no answer can swallow


def test_prompt_and_answer_are_what_sentence_piece_makes_of_both(tokenizer: Any, pieces: Any) -> None:
    for prompt in PROMPTS:
        before = prompt_ids(tokenizer, prompt)
        for answer in ANSWERS:
            assert [*before, *answer_ids(tokenizer, prompt, answer)] == [BOS, *pieces(prompt + answer), EOS], answer


def test_an_answer_is_the_same_text_after_tokens(tokenizer: Any) -> None:
    for prompt in PROMPTS:
        before = prompt_ids(tokenizer, prompt)
        for answer in ANSWERS:
            assert answer_text(tokenizer, before, answer_ids(tokenizer, prompt, answer)[:-1]) == answer


def test_the_tokenizer_that_an_adapter_carries_makes_the_same_tokens(tokenizer: Any, paper_model: Path, tmp_path: Path) -> None:
    arguments = request(tmp_path, "sft", ModelSource(paper_model), rows_of(PROMPTS)[:4], lora=LORA)
    train(arguments, lambda event: None)
    carried = load_tokenizer(ModelFolders(arguments.out, paper_model))
    for prompt in PROMPTS[::4]:
        assert prompt_ids(carried, prompt) == prompt_ids(tokenizer, prompt)
        for answer in ANSWERS:
            assert answer_ids(carried, prompt, answer) == answer_ids(tokenizer, prompt, answer)


def test_padding_is_no_end_of_text_where_both_are_one_token(paper_model: Path, pieces: Any, tmp_path: Path) -> None:
    """Mistral's tokenizer names no token for padding, and TRL takes the end of text: positions tell them apart, not ids."""
    prompts = [render(TEMPLATES[name], **ASKED) for name in ("gsm8k", "mbpp")]
    arguments = request(tmp_path, "sft", ModelSource(paper_model), rows_of(prompts), lora=LORA)
    trainer, _ = make_trainer(arguments, arguments.attempts)
    assert trainer.processing_class.pad_token_id == EOS
    batch = trainer.data_collator(list(trainer.train_dataset))
    lengths = []
    expected = {(BOS, *pieces(row["prompt"] + row["completion"]), EOS): row["prompt"] for row in rows_of(prompts)}
    for ids, present, labels in zip(*(batch[name].tolist() for name in ("input_ids", "attention_mask", "labels")), strict=True):
        length = sum(present)
        assert present == [1] * length + [0] * (len(ids) - length)  # padding is on the right
        asked = 1 + len(pieces(expected.pop(tuple(ids[:length]))))
        assert labels[:length] == [-100] * asked + ids[asked:length]  # neither BOS nor the prompt, but the answer's EOS
        assert labels[length - 1] == EOS
        assert set(labels[length:]) <= {-100}
        lengths.append(length)
    assert len(set(lengths)) > 1
    assert not expected


def test_pairs_are_padded_and_masked_alike(paper_model: Path, pieces: Any, tmp_path: Path) -> None:
    prompt = render(TEMPLATES["gsm8k"], **ASKED)
    answers = [answer for answer in ANSWERS if answer]
    rows = [{"prompt": prompt, "chosen": one, "rejected": other} for one, other in zip(answers, answers[::-1], strict=True)]
    arguments = request(tmp_path, "dpo", ModelSource(paper_model), rows, lora=LORA)
    trainer, _ = make_trainer(arguments, arguments.attempts)
    batch = trainer.data_collator(list(trainer.train_dataset))
    seen = []
    for ids, present, answered in zip(
        *(batch[name].tolist() for name in ("input_ids", "attention_mask", "completion_mask")), strict=True
    ):
        length = sum(present)
        assert present == [1] * length + [0] * (len(ids) - length)
        seen.append(tuple(ids[:length]))
        asked = 1 + len(pieces(prompt))
        assert answered == [0] * asked + [1] * (length - asked) + [0] * (len(ids) - length)
    whole = [(BOS, *pieces(prompt + answer), EOS) for answer in answers]
    assert sorted(seen) == sorted(2 * whole)


def test_what_is_sampled_is_read_back_as_what_it_would_be_trained_on(paper_model: Path) -> None:
    engine = TransformersEngine(paper_model, None, dtype="float32")
    texts = {name: render(TEMPLATES[name], **ASKED) for name in ("gsm8k", "mbpp", "math")}
    found: list[Completion] = []
    cell = Cell(tuple(Prompt(name, text) for name, text in texts.items()), 0, 8)
    engine.sample([cell], DecodingSettings(1.0, 0.95, 12), 0, lambda _, completions: found.extend(completions))
    assert len(found) == 24
    for one in found:
        before = prompt_ids(engine.tokenizer, texts[one.problem_id])
        ids = answer_ids(engine.tokenizer, texts[one.problem_id], one.text)
        # Random weights draw pieces that SentencePiece would not, and parts of letters: the text is what is kept.
        assert answer_text(engine.tokenizer, before, ids[:-1]) == one.text
        assert ids[-1] == EOS
