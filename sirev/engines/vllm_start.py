"""Start of vLLM: its environment and arguments, from a base model and the recipe's settings."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sirev.errors import BadInput
from sirev.processes.torch_gpu import TorchGpu

_ENVIRONMENT = {
    "VLLM_CPU_KVCACHE_SPACE": "1",  # GiB, where there is no GPU
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_LOGGING_LEVEL": "WARNING",
    # FlashInfer's sampler is compiled by nvcc at warm-up, but serves no seeded or greedy requests, and all of ours are such.
    "VLLM_USE_FLASHINFER_SAMPLER": "0",
}
"""Defaults of vLLM's environment variables; the user's own take precedence."""
RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)  # allowed values of vLLM's max_lora_rank
_MIXED = 512
"""Tokens per step up to which vLLM by default captures graphs: a step mixes new prompts with running answers."""


@dataclass(frozen=True)
class Options:
    """Settings of the recipe's engine. Apart from `dtype`, they change samples only by rounding."""

    dtype: str = "auto"
    context: int | None = None
    gpu_memory: float = 0.9
    eager: bool = False
    attention: str | None = None
    """vLLM's attention backend on a GPU; None leaves the choice to vLLM."""
    batch_invariant: bool = False


def prepare_vllm(options: Options, gpu: TorchGpu | None) -> None:
    """Set the environment that vLLM reads at import; BadInput for an option that this device does not support."""
    os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    if options.batch_invariant:
        if gpu is None or not gpu.bfloat16:
            raise BadInput("engine.batch_invariant: true: vLLM has it only on GPUs of compute capability 8.0 or newer")
        os.environ["VLLM_BATCH_INVARIANT"] = "1"


def arguments(weights: Path, rank: int | None, options: Options, *, on_gpu: bool, sequences: int) -> dict[str, Any]:
    """The arguments of vLLM's `LLM`, for adapters of at most `rank` (None: no adapters) and `sequences` at a time."""
    config = json.loads((weights / "config.json").read_text(encoding="utf-8"))
    lora = {"enable_lora": True, "max_lora_rank": rank, "max_loras": 1} if rank else {}
    graphs = {} if options.eager else {"compilation_config": {"cudagraph_capture_sizes": graph_sizes(sequences)}}
    attention = {"attention_backend": options.attention} if options.attention else {}
    return {
        "model": str(weights),
        "dtype": _dtype(config, options.dtype),
        "max_model_len": _context(config, options.context),
        "gpu_memory_utilization": options.gpu_memory,
        "enforce_eager": options.eager or not on_gpu,
        "enable_prefix_caching": True,
        "generation_config": "vllm",  # the recipe sets the decoding, not the model's files
        "trust_remote_code": False,
        "seed": 0,
        # With chunked prefill, seeded requests crash on a CPU.
        **({**graphs, **attention} if on_gpu else {"enable_chunked_prefill": False}),
        **lora,
    }


def graph_sizes(sequences: int) -> list[int]:
    """Batch sizes of CUDA graphs: `sequences`, powers of two and, from 96 on, the sizes halfway between them.

    A batch is padded to the next size, by a third at most where that costs time. vLLM's default has 51 sizes, and captures up
    to four graphs per size at every start.
    """
    most = max(sequences, _MIXED)
    powers = [2**i for i in range(most.bit_length())]
    between = [3 * power // 2 for power in powers if power >= 64]
    return sorted({size for size in (*powers, *between, sequences) if size <= most})


def usual_sequences() -> int:
    """vLLM's default number of sequences at a time on this device."""
    from vllm.engine.arg_utils import EngineArgs
    from vllm.usage.usage_lib import UsageContext

    return int(EngineArgs.get_batch_defaults(world_size=1)[1][UsageContext.LLM_CLASS])


def _context(config: dict[str, Any], wanted: int | None) -> int | None:
    """The wanted context, or the model's own if that is shorter, in tokens; None if neither is known."""
    own = config.get("max_position_embeddings")
    return min(wanted, own) if wanted and own else wanted or own


def _dtype(config: dict[str, Any], wanted: str) -> str:
    """The dtype for vLLM. "auto" is the dtype in which the model was saved; vLLM's own "auto" would shorten float32."""
    if wanted != "auto":
        return wanted
    return str(config.get("dtype") or config.get("torch_dtype") or "float32")


def lora_rank(adapter: Path) -> int:
    """The smallest of vLLM's rank limits that an adapter fits; BadInput if there is none."""
    rank = int(json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))["r"])
    fitting = [limit for limit in RANKS if limit >= rank]
    if not fitting:
        raise BadInput(f"the adapter's LoRA rank {rank} is above vLLM's limit of {RANKS[-1]} (training.lora.r)")
    return fitting[0]
