"""The `vllm` engine: vLLM in this process, with the base weights loaded once and the adapter of M_t as a LoRARequest.

The engine core stays in this process on a GPU too: as a separate process it would survive the sudden death of its
parent, and keep the memory that the next training needs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sirev.engines.protocol import AnswerTokens, Cell, Completion, DecodingSettings
from sirev.engines.requests import CellRequest, Gatherer, completed, requests, sampling, tokenised
from sirev.engines.vllm_start import Options, arguments, prepare_vllm, usual_sequences
from sirev.processes.imports import quick_imports
from sirev.processes.torch_gpu import seen_here
from sirev.trainers.models import ModelFolders, load_tokenizer

QUEUE = 2048
"""The most unfinished answers in vLLM, which works on up to 1,024 at a time; each draw counts as one."""


class VllmEngine:
    """A base model in vLLM, or full weights of M_t; `use` selects an adapter, of at most `rank`."""

    def __init__(self, weights: Path, rank: int | None, options: Options) -> None:
        with quick_imports():
            import torch

        self._on_gpu = torch.cuda.is_available()
        prepare_vllm(options, seen_here() if self._on_gpu and options.batch_invariant else None)
        with quick_imports():
            from vllm import LLM  # reads the prepared environment

        self._llm: Any = LLM(**arguments(weights, rank, options, on_gpu=self._on_gpu, sequences=usual_sequences()))
        self._context = int(self._llm.llm_engine.model_config.max_model_len)
        self._adapters = 0
        self._lora: Any = None
        self._takes_adapters = bool(rank)
        self._tokenizer_files: list[Path] = []
        self._read_tokenizer(ModelFolders(weights))

    @property
    def config(self) -> Any:
        """vLLM's configuration, including its own choices."""
        return self._llm.llm_engine.vllm_config

    def use(self, folders: ModelFolders) -> None:
        """Select the model of later calls: an adapter on the loaded base, or the loaded weights themselves."""
        from vllm.lora.request import LoRARequest

        self._lora = None
        self._read_tokenizer(folders)
        if folders.base is not None:
            self._adapters += 1  # vLLM identifies adapters by this number and their path
            self._lora = LoRARequest(f"adapter-{self._adapters}", self._adapters, str(folders.path))

    def _read_tokenizer(self, folders: ModelFolders) -> None:
        files = folders.tokenizer_files()
        if files != self._tokenizer_files:  # reading one takes a third of a second
            self.tokenizer = load_tokenizer(folders)
            self._tokenizer_files = files

    def sample(
        self,
        cells: Sequence[Cell],
        decoding: DecodingSettings,
        seed: int,
        publish: Callable[[int, list[Completion]], None],
        progress: Callable[[int, int], None] = lambda answers, tokens: None,
    ) -> None:
        """Answer the cells, with contiguous draws of a problem in one request; see `sirev.engines.protocol.SamplingEngine`."""
        gatherer = Gatherer(cells, publish, progress)
        engine = self._llm.llm_engine
        todo = list(requests(cells))
        prompts = tokenised(self.tokenizer, todo, decoding, self._context)
        waiting = iter(todo)
        asked: dict[str, tuple[CellRequest, list[int]]] = {}
        more = True
        while more or asked:
            while more and engine.get_num_unfinished_requests() < QUEUE:  # vLLM counts each draw
                request = next(waiting, None)
                if request is None:
                    more = False
                    break
                ids, limit = prompts[request.problem_id]
                name = f"{request.problem_id}/{request.first_draw}"
                asked[name] = (request, ids)
                engine.add_request(
                    name, self._prompt(ids), self._parameters(request, decoding, seed, limit), lora_request=self._lora
                )
            for output in engine.step():
                if output.finished:
                    request, ids = asked.pop(output.request_id)
                    for one in output.outputs:
                        gatherer.add(
                            completed(self.tokenizer, request, ids, one.token_ids, one.index, one.finish_reason, decoding)
                        )

    @property
    def reads(self) -> int:
        """See `sirev.engines.protocol.ScoringEngine`; one less than the context, since vLLM needs room for a new token."""
        return self._context - 1

    def log_probabilities(
        self, answers: Sequence[AnswerTokens], progress: Callable[[int], None] = lambda answers: None
    ) -> list[float]:
        """Score answers as parts of prompts, by vLLM's prompt log-probabilities; see `sirev.engines.protocol.ScoringEngine`."""
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        asked = SamplingParams(
            max_tokens=1, temperature=0.0, prompt_logprobs=0, detokenize=False, output_kind=RequestOutputKind.FINAL_ONLY
        )
        engine = self._llm.llm_engine
        # On a CPU, vLLM 0.32 with adapters maps logits to adapters by request, not by token: several requests at once fail.
        most = 1 if self._takes_adapters and not self._on_gpu else QUEUE
        found = [0.0] * len(answers)
        waiting = iter([place for place, one in enumerate(answers) if one.answer])
        done, running, more = sum(not one.answer for one in answers), 0, True
        while more or running:
            while more and running < most:
                place = next(waiting, None)
                if place is None:
                    more = False
                    break
                one = answers[place]
                engine.add_request(str(place), self._prompt([*one.prompt, *one.answer]), asked, lora_request=self._lora)
                running += 1
            for output in engine.step():
                if output.finished:
                    place = int(output.request_id)
                    one = answers[place]
                    told = output.prompt_logprobs[len(one.prompt) :]
                    found[place] = sum(of_token[id_].logprob for id_, of_token in zip(one.answer, told, strict=True))
                    running -= 1
                    done += 1
                    progress(done)
        return found

    def _prompt(self, ids: list[int]) -> Any:
        from vllm.inputs import tokens_input

        return tokens_input(ids)

    def _parameters(self, request: CellRequest, decoding: DecodingSettings, seed: int, limit: int) -> Any:
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        return SamplingParams(
            **sampling(request, decoding, seed, limit),
            ignore_eos=True,  # answers end at the recipe's end tokens, not at those of the model's files
            stop_token_ids=[self.tokenizer.eos_token_id, *decoding.ends],
            detokenize=bool(decoding.stop),
            output_kind=RequestOutputKind.FINAL_ONLY,
        )
