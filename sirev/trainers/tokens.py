"""Tokenisation, shared by trainers and engines, which must see exactly the same tokens.

A prompt and its answer are tokenised together, because many tokenizers treat the beginning of a text differently, and
split at the prompt's end. Special tokens in a prompt are intended by its template; in an answer they are plain text,
since special tokens that a model generates never become part of its answer's text.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

IGNORED = -100
"""Label of a position without loss."""
_CONTEXT = 8
"""The number of the prompt's last tokens that are decoded together with an answer."""


def prompt_ids(tokenizer: Any, prompt: str, chat: bool = False) -> list[int]:
    """The tokens after which an answer is sampled; with `chat` the prompt is a user's turn of the chat template."""
    ids = list(tokenizer(_put(tokenizer, prompt, chat), add_special_tokens=not chat)["input_ids"])
    return ids if chat else _open(tokenizer, ids)


def answer_ids(tokenizer: Any, prompt: str, answer: str, chat: bool = False) -> list[int]:
    """The tokens of an answer after its prompt, followed by the end of text.

    The answer is tokenised alone if a token would cross the border (a prompt that ends inside a word), or if the tokenizer
    would insert a blank (some do after a special token) or read "</s>" as a special token: the sampler, too, began it on a
    new token. Some tokenizers always read special tokens, and leave one among the answer's; see `ends_early`.
    """
    before = prompt_ids(tokenizer, prompt, chat)
    together = list(tokenizer(_put(tokenizer, prompt, chat) + answer, add_special_tokens=not chat)["input_ids"])
    ids = _after(before, together)
    if ids is None or answer_text(tokenizer, before, ids) != answer:
        alone = _alone(tokenizer, answer)
        if ids is None or answer_text(tokenizer, before, alone) == answer:
            ids = alone
    return [*_open(tokenizer, ids), tokenizer.eos_token_id]


def pairs_ids(tokenizer: Any, pairs: Sequence[tuple[str, str]], chat: bool = False) -> list[tuple[list[int], list[int]]]:
    """`prompt_ids` and `answer_ids` of each pair, in a fraction of the time: texts are tokenised together, and a prompt of
    many pairs once.
    """
    prompts = list(dict.fromkeys(prompt for prompt, _ in pairs))
    put = {prompt: _put(tokenizer, prompt, chat) for prompt in prompts}
    together = _encoded(tokenizer, [*put.values(), *(put[prompt] + answer for prompt, answer in pairs)], chat)
    heads = [ids if chat else _open(tokenizer, ids) for ids in together[: len(prompts)]]
    before = dict(zip(prompts, heads, strict=True))
    after = [_after(before[prompt], ids) for (prompt, _), ids in zip(pairs, together[len(prompts) :], strict=True)]
    last = {prompt: before[prompt][-_CONTEXT:] for prompt in prompts}
    start = dict(zip(prompts, _texts(tokenizer, list(last.values())), strict=True))
    whole = _texts(tokenizer, [[*last[prompt], *(ids or [])] for (prompt, _), ids in zip(pairs, after, strict=True)])
    found = []
    for (prompt, answer), ids, text in zip(pairs, after, whole, strict=True):
        if ids is not None and text == start[prompt] + answer:
            answered = [*_open(tokenizer, ids), tokenizer.eos_token_id]
        else:  # the answer may have to be tokenised alone
            answered = answer_ids(tokenizer, prompt, answer, chat)
        found.append((before[prompt], answered))
    return found


def ends_early(tokenizer: Any, ids: Sequence[int]) -> bool:
    """Whether an answer's tokens contain an end of text before the last token."""
    return tokenizer.eos_token_id in ids[:-1]


def answer_text(tokenizer: Any, before: Sequence[int], ids: Sequence[int]) -> str:
    """The text of an answer's tokens after the prompt's tokens `before`.

    SentencePiece drops the blank before the first word that it decodes, which would be part of the answer. So the prompt's
    last tokens (several, since special ones have no text) are decoded with it, and their text is removed.
    """
    last = list(before[-_CONTEXT:])
    text = partial(tokenizer.decode, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    start, whole = text(last), text([*last, *ids])
    return str(whole[len(start) :] if whole.startswith(start) else text(list(ids)))


def _alone(tokenizer: Any, answer: str) -> list[int]:
    """The tokens of an answer without a prompt, and without the blank that SentencePiece puts before a text's first word."""
    plain = partial(tokenizer, add_special_tokens=False, split_special_tokens=True)
    ids = _after(list(plain("\n")["input_ids"]), list(plain(f"\n{answer}")["input_ids"]))
    return list(plain(answer)["input_ids"]) if ids is None else ids


def _encoded(tokenizer: Any, texts: list[str], chat: bool) -> list[list[int]]:
    """The tokens of texts, with special tokens as in `prompt_ids`."""
    return list(tokenizer(texts, add_special_tokens=not chat, return_attention_mask=False)["input_ids"])


def _texts(tokenizer: Any, ids: list[list[int]]) -> list[str]:
    """The texts of lists of tokens, decoded as in `answer_text`."""
    return list(tokenizer.batch_decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False))


def _after(before: list[int], together: list[int]) -> list[int] | None:
    """The tokens after `before` in `together`; None if a token crosses the border."""
    return together[len(before) :] if together[: len(before)] == before else None


def _open(tokenizer: Any, ids: list[int]) -> list[int]:
    """The tokens without the end of text that some tokenizers append."""
    return ids[:-1] if ids and ids[-1] == tokenizer.eos_token_id else ids


def _put(tokenizer: Any, prompt: str, chat: bool) -> str:
    if not chat:
        return prompt
    turn = [{"role": "user", "content": prompt}]
    return str(tokenizer.apply_chat_template(turn, tokenize=False, add_generation_prompt=True))
