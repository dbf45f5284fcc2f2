"""From text to tokens and back, in one place for trainers and engines: both must see exactly the same.

A prompt and its answer are tokenised together, because many tokenizers treat the beginning of a text in a way of
their own, and split at the prompt's end.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def prompt_ids(tokenizer: Any, prompt: str, chat: bool = False) -> list[int]:
    """The tokens that an answer is sampled after; with `chat` the prompt is a user's turn of the chat template."""
    return list(tokenizer(_put(tokenizer, prompt, chat), add_special_tokens=not chat)["input_ids"])


def answer_ids(tokenizer: Any, prompt: str, answer: str, chat: bool = False) -> list[int]:
    """The tokens of an answer after its prompt, and the end of text.

    Where a token would reach over the border (a prompt that ends inside a word), the answer is tokenised alone: the
    sampler, too, began it on a new token.
    """
    before = prompt_ids(tokenizer, prompt, chat)
    together = list(tokenizer(_put(tokenizer, prompt, chat) + answer, add_special_tokens=not chat)["input_ids"])
    if tokenizer.eos_token_id is not None and together[-1:] == [tokenizer.eos_token_id] and len(together) > len(before):
        together.pop()  # a tokenizer that appends the end of text by itself
    if together[: len(before)] == before:
        ids = together[len(before) :]
    else:
        ids = list(tokenizer(answer, add_special_tokens=False)["input_ids"])
    return [*ids, tokenizer.eos_token_id]


def answer_text(tokenizer: Any, before: Sequence[int], ids: Sequence[int]) -> str:
    """The text of an answer's tokens after the prompt's tokens `before`.

    SentencePiece drops the blank before the first word of what it decodes, which here would be a part of the answer;
    so the prompt's last token is decoded with it, and taken away again.
    """
    last = list(before[-1:])
    start = tokenizer.decode(last, skip_special_tokens=True)
    whole = tokenizer.decode([*last, *ids], skip_special_tokens=True)
    return whole[len(start) :] if whole.startswith(start) else tokenizer.decode(list(ids), skip_special_tokens=True)


def _put(tokenizer: Any, prompt: str, chat: bool) -> str:
    if not chat:
        return prompt
    turn = [{"role": "user", "content": prompt}]
    return str(tokenizer.apply_chat_template(turn, tokenize=False, add_generation_prompt=True))
