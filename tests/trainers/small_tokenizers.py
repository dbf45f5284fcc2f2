"""Small tokenizers of the usual kinds, trained on a few sentences."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import LlamaTokenizer, PreTrainedTokenizerFast

SENTENCES = [
    "Question: How many apples does Tom have? Answer: The answer is 12.",
    "She had 3 apples, and then 5 more apples. 3 + 5 = 8, so the answer is 8.",
    "The apple tree has 7 apples .\nHow many trees are there?\n\n",
] * 5
SPECIAL = ["<unk>", "<s>", "</s>", "[INST]", "[/INST]"]
BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
# Mistral's form: the answer follows directly after a special token.
INSTRUCTION = "{{ bos_token }}{% for message in messages %}[INST] {{ message['content'] }}[/INST]{% endfor %}"


def byte_level() -> Any:
    """Like GPT-2's, Llama 3's and SmolLM2's: a blank is part of the next word, and nothing is added to a text."""
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    core.train_from_iterator(
        SENTENCES, trainers.BpeTrainer(vocab_size=340, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False)
    )
    return _wrapped(core)


def sentence_piece() -> Any:
    """Like Llama 2's and Mistral's, by transformers' class for them: "_" before a text's first word."""
    vocabulary, merges = _sentence_piece_bpe()
    tokenizer = LlamaTokenizer(vocabulary, merges, additional_special_tokens=SPECIAL[3:], add_bos_token=True)
    tokenizer.chat_template = INSTRUCTION
    return tokenizer


def old_sentence_piece() -> Any:
    """As in Llama 2's own tokenizer.json: "_" also before the first word after a special token."""
    return _old(*_sentence_piece_bpe())


def _old(vocabulary: dict[str, int], merges: list[tuple[str, str]]) -> Any:
    core = Tokenizer(models.BPE(vocabulary, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    core.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    core.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    core.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return _wrapped(core)


def mistral() -> Any:
    """Mistral's own vocabulary, from the package mistral-common, in the form of Mistral 7B on the Hub."""
    package = pytest.importorskip("mistral_common", reason="brings the vocabulary")
    pieces = pytest.importorskip("sentencepiece", reason="reads the vocabulary")
    read = pieces.SentencePieceProcessor(model_file=str(Path(package.__file__).parent / "data" / "tokenizer.model.v1"))
    vocabulary = {read.id_to_piece(number): number for number in range(read.vocab_size())}
    ranked = []
    for piece, number in vocabulary.items():
        halves = [(piece[:cut], piece[cut:]) for cut in range(1, len(piece))]
        known = [pair for pair in halves if pair[0] in vocabulary and pair[1] in vocabulary]
        ranked += [(read.get_score(number), pair) for pair in sorted(known, key=lambda pair: [vocabulary[half] for half in pair])]
    merges = [pair for _, pair in sorted(ranked, key=lambda one: (one[0], *map(len, one[1])), reverse=True)]
    return _old(vocabulary, merges)


def unigram() -> Any:
    """Like T5's: a Unigram model after Metaspace; adds the beginning of text."""
    core = Tokenizer(models.Unigram())
    core.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    core.decoder = decoders.Metaspace(prepend_scheme="first")
    core.train_from_iterator(
        SENTENCES, trainers.UnigramTrainer(vocab_size=120, special_tokens=SPECIAL, unk_token="<unk>", show_progress=False)
    )
    core.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return _wrapped(core)


def closing() -> Any:
    """As `byte_level`, but it appends the end of text."""
    tokenizer = byte_level()
    tokenizer.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 1), ("</s>", 2)]
    )
    return tokenizer


def _wrapped(core: Tokenizer) -> Any:
    return PreTrainedTokenizerFast(
        tokenizer_object=core,
        unk_token="<unk>",
        bos_token="<s>",
        eos_token="</s>",
        additional_special_tokens=SPECIAL[3:],
        chat_template=INSTRUCTION,
    )


def _sentence_piece_bpe() -> tuple[dict[str, int], list[tuple[str, str]]]:
    core = Tokenizer(models.BPE())
    core.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    lines = [line for sentence in SENTENCES for line in sentence.splitlines()]  # a line end is a byte token
    core.train_from_iterator(lines, trainers.BpeTrainer(vocab_size=420, special_tokens=[*SPECIAL, *BYTES], show_progress=False))
    model = json.loads(core.to_str())["model"]
    return model["vocab"], [tuple(pair) for pair in model["merges"]]
