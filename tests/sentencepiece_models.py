"""Small models in the form of the paper's, with random weights and Mistral's real vocabulary, in folders as on the Hub."""

from __future__ import annotations

import json
import shutil
from importlib.util import find_spec
from pathlib import Path
from typing import Any

FAMILIES = ("mistral", "llama2")
CONTROL = ("<unk>", "<s>", "</s>")
SHAPE: dict[str, Any] = {
    "hidden_size": 128,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "vocab_size": 32000,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "tie_word_embeddings": False,
    "rms_norm_eps": 1e-5,
    "initializer_range": 0.05,
}


def vocabulary_file() -> Path | None:
    """The SentencePiece model of Mistral-7B-v0.1, from the package mistral-common; None if that is not installed."""
    package = find_spec("mistral_common")
    if package is None or package.origin is None or find_spec("sentencepiece") is None:
        return None
    file = Path(package.origin).parent / "data" / "tokenizer.model.v1"
    return file if file.is_file() else None


def save_model_of_the_paper(folder: Path, family: str) -> None:
    """Save a model of a family in the form of 2023: in 16 bits, with a legacy tokenizer.json."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM

    torch.manual_seed(0)
    folder.mkdir()
    if family == "mistral":
        config = MistralConfig(**SHAPE, sliding_window=4096, max_position_embeddings=32768)
        MistralForCausalLM(config).to(torch.bfloat16).save_pretrained(folder)
    else:
        shape = LlamaConfig(**SHAPE, max_position_embeddings=4096, pad_token_id=0)
        LlamaForCausalLM(shape).to(torch.float16).save_pretrained(folder)
    _in_the_old_form(folder / "config.json")
    _save_tokenizer(folder)


def _in_the_old_form(file: Path) -> None:
    config = json.loads(file.read_text())
    config["torch_dtype"] = config.pop("dtype")
    for name in ("rope_parameters", "head_dim"):
        config.pop(name, None)
    file.write_text(json.dumps({**config, "transformers_version": "4.34.0.dev0", "rope_theta": 10000.0}))


def _save_tokenizer(folder: Path) -> None:
    from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, processors

    source = vocabulary_file()
    assert source is not None
    core = Tokenizer(models.BPE(*_pieces_and_merges(source), unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    core.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    core.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    core.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in CONTROL])
    core.post_processor = processors.TemplateProcessing(
        single="<s>:0 $A:0", pair="<s>:0 $A:0 <s>:1 $B:1", special_tokens=[("<s>", 1)]
    )
    core.save(str(folder / "tokenizer.json"))
    shutil.copy(source, folder / "tokenizer.model")
    told = {"lstrip": False, "rstrip": False, "normalized": False, "single_word": False, "special": True}
    settings = {
        "tokenizer_class": "LlamaTokenizer",
        "added_tokens_decoder": {str(id_): {"content": token, **told} for id_, token in enumerate(CONTROL)},
        "unk_token": "<unk>",
        "bos_token": "<s>",
        "eos_token": "</s>",
        "pad_token": None,
        "add_bos_token": True,
        "add_eos_token": False,
        "legacy": True,
        "clean_up_tokenization_spaces": False,
        "model_max_length": 1000000000000000019884624838656,
        "sp_model_kwargs": {},
        "additional_special_tokens": [],
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    (folder / "special_tokens_map.json").write_text(json.dumps({"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}))


def _pieces_and_merges(source: Path) -> tuple[dict[str, int], list[tuple[str, str]]]:
    """The vocabulary, and the merges in the order of the conversion to tokenizer.json: by the score of the piece."""
    from sentencepiece import SentencePieceProcessor

    pieces = SentencePieceProcessor(model_file=str(source))
    vocabulary = {pieces.id_to_piece(id_): id_ for id_ in range(pieces.vocab_size())}
    merges: list[tuple[str, str, float]] = []
    for piece, id_ in vocabulary.items():
        halves = [(piece[:cut], piece[cut:]) for cut in range(1, len(piece))]
        known = [(left, right) for left, right in halves if left in vocabulary and right in vocabulary]
        score = pieces.get_score(id_)
        merges += [(*pair, score) for pair in sorted(known, key=lambda pair: (vocabulary[pair[0]], vocabulary[pair[1]]))]
    merges.sort(key=lambda merge: (merge[2], len(merge[0]), len(merge[1])), reverse=True)
    return vocabulary, [(left, right) for left, right, _ in merges]
