"""The `vllm` engine: vLLM in this process, base weights loaded once, the adapter of M_t beside them by LoRARequest.

Its engine core is kept in this process on a GPU too: a core in a process of its own survives the sudden death of
its parent, and with it the memory that the next training needs.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sirev.engines.protocol import AnswerTokens, Cell, Completion, DecodingSettings
from sirev.engines.requests import CellRequest, Gatherer, completed, requests, sampling, tokenised
from sirev.errors import BadInput
from sirev.trainers.models import ModelFolders, load_tokenizer

os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"  # read when vLLM is imported
os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")  # GiB, where there is no GPU
os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")

RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)  # what vLLM's max_lora_rank may be
QUEUE = 2048  # requests handed to vLLM ahead of what it works on


@dataclass(frozen=True)
class Options:
    """How vLLM is started; none of it changes what is sampled but for rounding, and `dtype`."""

    dtype: str = "auto"
    context: int | None = None
    gpu_memory: float = 0.9
    eager: bool = False


class VllmEngine:
    """A base model in vLLM, or full weights of M_t; `use` puts an adapter of at most `rank` on it."""

    def __init__(self, weights: Path, rank: int | None, options: Options) -> None:
        import torch
        from vllm import LLM

        config = json.loads((weights / "config.json").read_text(encoding="utf-8"))
        on_gpu = self._on_gpu = torch.cuda.is_available()
        lora = {"enable_lora": True, "max_lora_rank": rank, "max_loras": 1} if rank else {}
        self._llm: Any = LLM(
            model=str(weights),
            dtype=_dtype(config, options.dtype),
            max_model_len=_context(config, options.context),
            gpu_memory_utilization=options.gpu_memory,
            enforce_eager=options.eager or not on_gpu,
            enable_prefix_caching=True,
            generation_config="vllm",  # the recipe says how answers are drawn, not the model's files
            trust_remote_code=False,
            seed=0,
            **({} if on_gpu else {"enable_chunked_prefill": False}),  # with it, seeded requests crash on a CPU
            **lora,
        )
        self._context = int(self._llm.llm_engine.model_config.max_model_len)
        self._adapters = 0
        self._lora: Any = None
        self._takes_adapters = bool(rank)
        self._tokenizer_file: Path | None = None
        self._read_tokenizer(ModelFolders(weights))

    def use(self, folders: ModelFolders) -> None:
        """Answer as this model from now on: an adapter on the loaded base, or the loaded weights themselves."""
        from vllm.lora.request import LoRARequest

        self._lora = None
        self._read_tokenizer(folders)
        if folders.base is not None:
            self._adapters += 1  # vLLM tells adapters apart by this number and by their path
            self._lora = LoRARequest(f"adapter-{self._adapters}", self._adapters, str(folders.path))

    def _read_tokenizer(self, folders: ModelFolders) -> None:
        file = (folders.path / "tokenizer.json").resolve()  # in a store it has the name of its bytes
        if file != self._tokenizer_file or not file.is_file():  # reading one takes a third of a second
            self.tokenizer = load_tokenizer(folders)
            self._tokenizer_file = file

    def sample(
        self,
        cells: Sequence[Cell],
        decoding: DecodingSettings,
        seed: int,
        publish: Callable[[int, list[Completion]], None],
        progress: Callable[[int, int], None] = lambda answers, tokens: None,
    ) -> None:
        """Answer the cells, a problem's draws side by side in one request; see `sirev.engines.protocol.SamplingEngine`."""
        gatherer = Gatherer(cells, publish, progress)
        engine = self._llm.llm_engine
        todo = list(requests(cells))
        prompts = tokenised(self.tokenizer, todo, decoding, self._context)
        waiting = iter(todo)
        asked: dict[str, tuple[CellRequest, list[int]]] = {}
        more = True
        while more or asked:
            while more and len(asked) < QUEUE:
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
        """See `sirev.engines.protocol.ScoringEngine`; vLLM wants room for one new token."""
        return self._context - 1

    def log_probabilities(
        self, answers: Sequence[AnswerTokens], progress: Callable[[int], None] = lambda answers: None
    ) -> list[float]:
        """Answers as parts of prompts, whose tokens' log-probabilities vLLM gives; see `sirev.engines.protocol.ScoringEngine`."""
        from vllm import SamplingParams
        from vllm.sampling_params import RequestOutputKind

        asked = SamplingParams(
            max_tokens=1, temperature=0.0, prompt_logprobs=0, detokenize=False, output_kind=RequestOutputKind.FINAL_ONLY
        )
        engine = self._llm.llm_engine
        # On a CPU vLLM 0.32 with adapters enabled maps logits to adapters by request, not by token: of several it breaks.
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
            ignore_eos=True,  # the one end of text that the trainer writes, not others that the model's files may name
            stop_token_ids=[self.tokenizer.eos_token_id],
            detokenize=bool(decoding.stop),
            output_kind=RequestOutputKind.FINAL_ONLY,
        )


def _context(config: dict[str, Any], wanted: int | None) -> int | None:
    """The context asked for, or the model's own if that is shorter."""
    own = config.get("max_position_embeddings")
    return min(wanted, own) if wanted and own else wanted or own


def _dtype(config: dict[str, Any], wanted: str) -> str:
    """What "auto" means everywhere in sirev: as the model was saved. vLLM's own would make float32 something shorter."""
    if wanted != "auto":
        return wanted
    return str(config.get("dtype") or config.get("torch_dtype") or "float32")


def lora_rank(adapter: Path) -> int:
    """The smallest rank limit of vLLM that an adapter fits under; BadInput if there is none."""
    rank = int(json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))["r"])
    fitting = [limit for limit in RANKS if limit >= rank]
    if not fitting:
        raise BadInput(f"the adapter's LoRA rank {rank} is above vLLM's limit of {RANKS[-1]} (training.lora.r)")
    return fitting[0]
