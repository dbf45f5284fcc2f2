"""The `transformers` engine: any causal language model of transformers, sampled by `kv_sampler`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

from sirev.engines.kv_sampler import ATTENTION, Prefill, decode_tokens, uniforms
from sirev.engines.protocol import AnswerTokens, Cell, Completion, DecodingSettings, ended, room
from sirev.engines.scorer import log_probabilities
from sirev.trainers.models import ModelFolders, load_merged, load_tokenizer
from sirev.trainers.tokens import answer_text, prompt_ids


class TransformersEngine:
    """A loaded model, with its adapter merged into the base: at these sizes one matrix product is cheaper than three.

    `batch_size` is the most rows decoded at once. Cells are never mixed, so that a run that was killed computes the rest in
    the same batches.
    """

    def __init__(self, path: Path, base: Path | None, batch_size: int | None = None, dtype: str = "auto") -> None:
        folders = ModelFolders(path, base)
        self.tokenizer = load_tokenizer(folders)
        device = "cuda" if torch.cuda.is_available() else "cpu"
        self.model = load_merged(folders, dtype=dtype, attn_implementation=ATTENTION).eval().to(device)
        self.batch_size = batch_size

    def sample(
        self,
        cells: Sequence[Cell],
        decoding: DecodingSettings,
        seed: int,
        publish: Callable[[int, list[Completion]], None],
        progress: Callable[[int, int], None] = lambda answers, tokens: None,
    ) -> None:
        """Answer the cells in order; see `sirev.engines.protocol.SamplingEngine`."""
        self._check(cells, decoding)
        read: tuple[tuple[str, ...], list[list[int]], Prefill] | None = None
        for index, cell in enumerate(cells):
            texts = tuple(prompt.text for prompt in cell.prompts)
            if read is None or read[0] != texts:
                ids = [prompt_ids(self.tokenizer, text, decoding.chat) for text in texts]
                read = (texts, ids, self._prefill(ids))
            publish(index, self._answer(cell, read[1], read[2], decoding, seed))

    def _check(self, cells: Sequence[Cell], decoding: DecodingSettings) -> None:
        """Raise BadInput for a prompt that is too long, before anything is sampled."""
        context = getattr(self.model.config, "max_position_embeddings", sys.maxsize)
        for prompt in dict.fromkeys(prompt for cell in cells for prompt in cell.prompts):
            room(prompt.problem_id, prompt_ids(self.tokenizer, prompt.text, decoding.chat), decoding, context)

    @torch.inference_mode()
    def _prefill(self, prompts: Sequence[Sequence[int]]) -> Prefill:
        pad = self.tokenizer.pad_token_id
        pad = self.tokenizer.eos_token_id if pad is None else pad
        return Prefill(self.model, prompts, pad)

    def _answer(
        self, cell: Cell, prompts: Sequence[Sequence[int]], prefill: Prefill, decoding: DecodingSettings, seed: int
    ) -> list[Completion]:
        wanted = [
            (place, prompt.problem_id, draw)
            for place, prompt in enumerate(cell.prompts)
            for draw in range(cell.first_draw, cell.first_draw + cell.draws)
        ]
        size = self.batch_size or len(wanted)
        answers = []
        for start in range(0, len(wanted), size):
            rows = [
                (place, uniforms(seed, problem_id, draw, decoding.max_new_tokens))
                for place, problem_id, draw in wanted[start : start + size]
            ]
            answers += decode_tokens(
                self.model,
                prefill,
                rows,
                temperature=decoding.temperature,
                top_p=decoding.top_p,
                ends=(self.tokenizer.eos_token_id, *decoding.ends),
            )
        return [
            ended(problem_id, draw, answer_text(self.tokenizer, prompts[place], ids), ids, finish, decoding.stop)
            for (place, problem_id, draw), (ids, finish) in zip(wanted, answers, strict=True)
        ]

    @property
    def reads(self) -> int:
        """See `sirev.engines.protocol.ScoringEngine`."""
        return int(getattr(self.model.config, "max_position_embeddings", sys.maxsize))

    def log_probabilities(
        self, answers: Sequence[AnswerTokens], progress: Callable[[int], None] = lambda answers: None
    ) -> list[float]:
        """Score in batches of at most `batch_size` answers; see `sirev.engines.protocol.ScoringEngine`."""
        return log_probabilities(self.model, answers, self.batch_size, progress)
