from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from sirev.trainers.pretrain import build_tokenizer
from sirev.trainers.tokens import answer_ids, answer_text, ends_early, pairs_ids, prompt_ids
from tests.trainers.small_tokenizers import byte_level, closing, mistral, old_sentence_piece, sentence_piece, unigram

KINDS = pytest.mark.parametrize("make", [byte_level, sentence_piece, old_sentence_piece, unigram, closing])
PROMPTS = ("Question: How many apples? Answer:", "How many trees are there?\n", "The answer is ", "The app")
ANSWERS = (" The answer is 8.", "The answer is 8 .", "\nThe trees", "les  are  7 , 8", "12", " ")


def reads_back(tokenizer: Any, prompt: str, answer: str, chat: bool) -> bool:
    """Whether an answer is the same text after it was tokens, and the same tokens again after that."""
    ids = answer_ids(tokenizer, prompt, answer, chat)
    text = answer_text(tokenizer, prompt_ids(tokenizer, prompt, chat), ids[:-1])
    return text == answer and answer_ids(tokenizer, prompt, text, chat) == ids


@KINDS
@pytest.mark.parametrize("chat", [False, True])
def test_an_answer_is_the_same_text_after_tokens_and_the_same_tokens_after_text(make: Callable[[], Any], chat: bool) -> None:
    tokenizer = make()
    lost = [(p, a) for p in PROMPTS for a in ANSWERS if not reads_back(tokenizer, p, a, chat)]
    assert not lost


@pytest.mark.slow
@pytest.mark.parametrize("chat", [False, True])
def test_an_answer_of_a_real_model_is_the_same_text_after_tokens(smollm2: Path, chat: bool) -> None:
    tokenizer = AutoTokenizer.from_pretrained(smollm2)
    answers = (*ANSWERS, " 12 é 漢字 🙂", "<<3+4=7>>7\n#### 7", "def f(x):\n    return x\n\n\n", "\t1,000 don't  ,  ")
    lost = [(p, a) for p in PROMPTS for a in answers if not reads_back(tokenizer, p, a, chat)]
    assert not lost


@pytest.mark.parametrize("make", [sentence_piece, unigram])
def test_sentence_piece_keeps_the_blank_before_an_answer(make: Callable[[], Any]) -> None:
    tokenizer = make()
    before = prompt_ids(tokenizer, "The answer is:")
    sampled = tokenizer("The answer is: 8 apples")["input_ids"][len(before) :]
    assert tokenizer.decode(sampled) == "8 apples"  # what is lost where an answer is decoded by itself
    assert answer_text(tokenizer, before, sampled) == " 8 apples"
    assert answer_ids(tokenizer, "The answer is:", " 8 apples") == [*sampled, tokenizer.eos_token_id]


@pytest.mark.parametrize("make", [sentence_piece, old_sentence_piece])
def test_the_blank_before_an_answer_is_kept_after_a_special_token(make: Callable[[], Any]) -> None:
    tokenizer = make()
    before = prompt_ids(tokenizer, "How many apples?", chat=True)
    assert tokenizer.convert_ids_to_tokens(before[-1]) == "[/INST]"
    for sampled, text in ((["▁The", "▁apples"], " The apples"), (["T", "he", "▁apples"], "The apples")):
        ids = tokenizer.convert_tokens_to_ids(sampled)
        assert answer_text(tokenizer, before, ids) == text
        assert answer_ids(tokenizer, "How many apples?", text, chat=True) == [*ids, tokenizer.eos_token_id]


@KINDS
def test_the_end_of_text_stands_once_and_at_the_end(make: Callable[[], Any]) -> None:
    tokenizer = make()
    for answer in (*ANSWERS, ""):
        both = prompt_ids(tokenizer, "Answer:") + answer_ids(tokenizer, "Answer:", answer)
        assert [place for place, token in enumerate(both) if token == tokenizer.eos_token_id] == [len(both) - 1]


def test_a_tokenizer_that_closes_its_texts_leaves_the_prompt_open() -> None:
    tokenizer = closing()
    assert tokenizer("Answer:")["input_ids"][-1] == tokenizer.eos_token_id
    assert prompt_ids(tokenizer, "Answer:") == [tokenizer.bos_token_id, *byte_level()("Answer:")["input_ids"]]
    assert answer_ids(tokenizer, "Answer:", " 8") == answer_ids(byte_level(), "Answer:", " 8")


@pytest.mark.parametrize("make", [byte_level, sentence_piece, old_sentence_piece])
def test_an_answer_that_begins_inside_a_word_begins_on_a_new_token(make: Callable[[], Any]) -> None:
    tokenizer = make()
    before = prompt_ids(tokenizer, "She had 3 app")
    assert tokenizer("She had 3 apples")["input_ids"][: len(before)] != before  # a token reaches over the border
    ids = answer_ids(tokenizer, "She had 3 app", "les")
    assert tokenizer.convert_ids_to_tokens(ids) == ["l", "es", "</s>"]


def test_the_tokens_of_an_answer_are_those_of_the_whole_text() -> None:
    for tokenizer in (byte_level(), sentence_piece(), unigram()):
        whole = tokenizer("How many trees are there?\nThe answer is 8.")["input_ids"]
        parts = prompt_ids(tokenizer, "How many trees are there?\n")
        parts += answer_ids(tokenizer, "How many trees are there?\n", "The answer is 8.")
        assert parts == [*whole, tokenizer.eos_token_id]


@KINDS
def test_a_chat_prompt_is_what_the_template_says(make: Callable[[], Any]) -> None:
    check_chat_prompt(make())


@pytest.mark.slow
def test_a_chat_prompt_of_a_real_model_is_what_the_template_says(smollm2: Path) -> None:
    check_chat_prompt(AutoTokenizer.from_pretrained(smollm2))


def check_chat_prompt(tokenizer: Any) -> None:
    turn = [{"role": "user", "content": "How many apples?"}]
    by_template = tokenizer.apply_chat_template(turn, tokenize=True, add_generation_prompt=True)["input_ids"]
    assert prompt_ids(tokenizer, "How many apples?", chat=True) == by_template


LITERAL = ("The answer </s> is 8", "</s>", "8 <s>[INST] 3 </s>", "<unk> 8 </s>")


def one_by_one(tokenizer: Any, pairs: list[tuple[str, str]], chat: bool) -> list[tuple[list[int], list[int]]]:
    return [(prompt_ids(tokenizer, p, chat), answer_ids(tokenizer, p, a, chat)) for p, a in pairs]


@pytest.mark.parametrize("make", [byte_level, sentence_piece, old_sentence_piece, unigram, closing, mistral])
@pytest.mark.parametrize("chat", [False, True])
def test_many_pairs_at_once_are_token_for_token_what_each_is_by_itself(make: Callable[[], Any], chat: bool) -> None:
    tokenizer = make()
    answers = (*ANSWERS, *LITERAL, "", "é 漢字 🙂", "def f(x):\n    return x\n\n", "\t1,000 don't  ,  ")
    pairs = [(prompt, answer) for answer in answers for prompt in (*PROMPTS, "", "<s>[INST] 8 </s>")]
    assert pairs_ids(tokenizer, pairs, chat) == one_by_one(tokenizer, pairs, chat)


def test_many_pairs_of_the_embedded_task_are_what_each_is_by_itself() -> None:
    tokenizer = build_tokenizer()
    pairs = [(f"Tom has {i} apples.", answer) for i in range(5) for answer in ("12 apples", "3 + 4 = 7 <eos> 7", "", "what?")]
    assert pairs_ids(tokenizer, pairs) == one_by_one(tokenizer, pairs, False)


@pytest.mark.slow
@pytest.mark.parametrize("chat", [False, True])
def test_many_pairs_of_a_real_model_are_what_each_is_by_itself(smollm2: Path, chat: bool) -> None:
    tokenizer = AutoTokenizer.from_pretrained(smollm2)
    answers = (*ANSWERS, " 12 é 漢字 🙂", "<<3+4=7>>7\n#### 7", "<|im_end|> 8", "<|endoftext|>", "\t1,000 don't  ,  ")
    pairs = [(prompt, answer) for answer in answers for prompt in PROMPTS]
    assert pairs_ids(tokenizer, pairs, chat) == one_by_one(tokenizer, pairs, chat)


@pytest.mark.parametrize("make", [byte_level, sentence_piece, old_sentence_piece, closing, mistral])
@pytest.mark.parametrize("chat", [False, True])
def test_a_special_token_that_an_answer_spells_out_is_plain_text(make: Callable[[], Any], chat: bool) -> None:
    tokenizer = make()
    for answer in LITERAL:
        ids = answer_ids(tokenizer, "Question: 8?\n", answer, chat)
        assert not {tokenizer.eos_token_id, tokenizer.bos_token_id} & set(ids[:-1])
        assert not ends_early(tokenizer, ids)
        assert answer_text(tokenizer, prompt_ids(tokenizer, "Question: 8?\n", chat), ids[:-1]) == answer


def test_a_special_token_that_a_prompt_spells_out_is_meant() -> None:
    assert prompt_ids(byte_level(), "[INST] 8")[0] == byte_level().convert_tokens_to_ids("[INST]")


def test_a_tokenizer_that_knows_no_other_reading_of_a_special_token_ends_early() -> None:
    assert ends_early(unigram(), answer_ids(unigram(), "Answer:", "8 </s> 8"))
    assert not ends_early(unigram(), answer_ids(unigram(), "Answer:", "8"))
