"""Tokenisation, in one place for trainers and engines: both must see exactly the same.

A prompt and its answer are tokenised together, because many tokenizers treat the beginning of a text in a way of
their own, and split at the prompt's end.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any


def prompt_ids(tokenizer: Any, prompt: str, chat: bool = False) -> list[int]:
    """The tokens that an answer is sampled after; with `chat` the prompt is a user's turn of the chat template."""
    ids = list(tokenizer(_put(tokenizer, prompt, chat), add_special_tokens=not chat)["input_ids"])
    return ids if chat else _open(tokenizer, ids)


def answer_ids(tokenizer: Any, prompt: str, answer: str, chat: bool = False) -> list[int]:
    """The tokens of an answer after its prompt, and the end of text.

    Where a token would reach over the border (a prompt that ends inside a word), or the tokenizer would slip in a blank
    (some do after a special token), the answer is tokenised alone: the sampler, too, began it on a new token.
    """
    before = prompt_ids(tokenizer, prompt, chat)
    together = list(tokenizer(_put(tokenizer, prompt, chat) + answer, add_special_tokens=not chat)["input_ids"])
    ids = _after(before, together)
    if ids is None or answer_text(tokenizer, before, ids) != answer:
        alone = _alone(tokenizer, answer)
        if ids is None or answer_text(tokenizer, before, alone) == answer:
            ids = alone
    return [*_open(tokenizer, ids), tokenizer.eos_token_id]


def answer_text(tokenizer: Any, before: Sequence[int], ids: Sequence[int]) -> str:
    """The text of an answer's tokens after the prompt's tokens `before`.

    SentencePiece drops the blank before the first word of what it decodes, which here would be a part of the answer;
    so the prompt's last tokens (several, since special ones leave no text) are decoded with it, and taken away again.
    """
    last = list(before[-8:])
    text = partial(tokenizer.decode, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    start, whole = text(last), text([*last, *ids])
    return str(whole[len(start) :] if whole.startswith(start) else text(list(ids)))


def _alone(tokenizer: Any, answer: str) -> list[int]:
    """The tokens of an answer by itself, without the blank that SentencePiece puts before the first word of a text."""
    line = list(tokenizer("\n", add_special_tokens=False)["input_ids"])
    ids = _after(line, list(tokenizer(f"\n{answer}", add_special_tokens=False)["input_ids"]))
    return list(tokenizer(answer, add_special_tokens=False)["input_ids"]) if ids is None else ids


def _after(before: list[int], together: list[int]) -> list[int] | None:
    """What follows `before` in `together`; None where a token reaches over the border."""
    return together[len(before) :] if together[: len(before)] == before else None


def _open(tokenizer: Any, ids: list[int]) -> list[int]:
    """Without the end of text that some tokenizers append by themselves."""
    return ids[:-1] if ids and ids[-1] == tokenizer.eos_token_id else ids


def _put(tokenizer: Any, prompt: str, chat: bool) -> str:
    if not chat:
        return prompt
    turn = [{"role": "user", "content": prompt}]
    return str(tokenizer.apply_chat_template(turn, tokenize=False, add_generation_prompt=True))
