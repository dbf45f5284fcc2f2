"""Rates of training, sampling and scoring on a GPU, in tokens per second, by arithmetic from floating-point operations.

Not measured: the speeds of products and copies are judged (gpus.json), as are the constants below. P is the number of
weights that a token is multiplied with: all but the embedding.

Training, per token that goes through the model, padding included (`training_rate`):

    operations   LoRA: 4 P (forward 2 P, gradients of activations 2 P); all parameters: 6 P; + 2 P with gradient checkpointing,
                     which repeats the forward pass; + 2 P for DPO's reference
    passes       3, + 1 with checkpointing, + 1 for the reference: each moves `_TRAFFIC` bytes per token in kernels that are
                 not fused (norms, activation functions, casts), and reads every weight once per micro-batch
    seconds      max(operations / tflops, weights read / bandwidth) + traffic / bandwidth, but at least the time to launch
                     the kernels of the micro-batch

    A rate counts only real tokens: it is multiplied by their share, without padding. For Mistral 7B on an H100:

    with checkpointing, 64% real                                  0.64 / (6 x 7.11e9 / 650e12 + 4 x 32e6 / 3e12) = 5,900 tokens/s
    without it, examples sorted by length and so 84% real         0.84 / (4 x 7.11e9 / 650e12 + 3 x 32e6 / 3e12) = 11,100 tokens/s

Sampling, per step of all concurrent answers (`sampling_rate`):

    seconds      _DECODING x _LORA x (max(2 P answers / tflops, weights / bandwidth) + KV cache of all answers / bandwidth)
                 + _STEP, but at least the scheduler's CPU time

                 The number of concurrent answers is vLLM's default, limited by the room for their KV cache.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sirev.execution.gpus import Gpu
from sirev.execution.measured_rates import MeasuredRate
from sirev.execution.model_sizes import Shape

_TRAFFIC = 32e6
"""Bytes per token and pass for a model of Mistral 7B's shape (judged: four times the 7.9 MB of its activations, counted by
hooks on saved tensors)."""
_TRAFFIC_OF = 32 * (4096 + 14336)
"""Layers times widths of that model; traffic is proportional to it."""
_LAUNCH = 0.6e-3
"""Seconds per layer and pass for kernel launches, including LoRA's (judged: 85 kernels, 7 microseconds each)."""
_DECODING, _LORA = 1.13, 1.15
"""Factors for decoding and LoRA: small products and attention take 13% longer than computed, LoRA's products 15% (judged)."""
_STEP = 3e-3
"""Seconds per step for the sampler and the gaps between kernels (judged)."""
_SCHEDULING = 23.1e-3 / 1023
"""CPU seconds of vLLM's scheduler per answer and step, alongside the GPU: 23.1 ms at 1,023 answers (measured on one CPU)."""
_RESERVED = 2e9
"""Bytes that vLLM keeps for activations and graphs (judged)."""
_NEAR = 2.0
"""Largest ratio of model sizes, either way, for which a measured rate is used."""


@dataclass(frozen=True)
class TrainingWork:
    """The properties of a training that determine its rate."""

    lora: bool
    checkpointing: bool
    real: float
    """Share of the tokens that are not padding."""
    micro_tokens: float
    """Tokens per forward pass, including padding."""
    reference: bool = False
    """Whether DPO's reference is computed as well."""
    width: int = 2
    """Bytes of a weight."""


@dataclass(frozen=True)
class SamplingWork:
    """The properties of a sampling that determine its rate."""

    context: float
    """Mean tokens of an answer and its prompt while it is sampled."""
    lora: bool = True
    """Whether an adapter samples."""
    share: float = 0.9
    """Share of the GPU's memory that the engine takes."""
    width: int = 2
    """Bytes of a weight."""
    sequences: int = 0
    """Concurrent answers; 0 for vLLM's default, limited by memory."""


def training_rate(gpu: Gpu, shape: Shape, work: TrainingWork) -> float:
    """Real tokens per second of a training."""
    flops, speed = gpu.tflops * 1e12, gpu.gb_per_s * 1e9
    products = (4 if work.lora else 6) + 2 * work.checkpointing + 2 * work.reference
    passes = 3 + work.checkpointing + work.reference
    # Autocast reads float32 weights, writes them in bfloat16 and reads those.
    read = passes * _multiplied(shape) * (work.width if work.width == 2 else work.width + 4)
    seconds = max(work.micro_tokens * products * _multiplied(shape) / flops, read / speed)
    seconds += work.micro_tokens * passes * _traffic(shape) / speed
    return work.real * work.micro_tokens / max(seconds, passes * shape.layers * _LAUNCH)


def sampling_rate(gpu: Gpu, shape: Shape, work: SamplingWork) -> float:
    """New tokens per second of all answers together; 0 if not even one answer fits."""
    flops, speed = gpu.tflops * 1e12, gpu.gb_per_s * 1e9
    weights, cache = work.width * shape.parameters, work.context * shape.kv_bytes(work.width)
    room = int((work.share * gpu.bytes - weights - _RESERVED) // cache)
    answers = work.sequences or min(gpu.sequences, max(room, 0))
    products = max(2 * _multiplied(shape) * answers / flops, weights / speed)
    seconds = _DECODING * (_LORA if work.lora else 1.0) * (products + answers * cache / speed) + _STEP
    return answers / max(seconds, answers * _SCHEDULING)


def scoring_rate(gpu: Gpu, shape: Shape) -> float:
    """Tokens per second of a forward pass without training, including prompts."""
    seconds = 2 * _multiplied(shape) / (gpu.tflops * 1e12) + _traffic(shape) / (gpu.gb_per_s * 1e9)
    return 1 / seconds


def training_ratio(gpu: Gpu, shape: Shape, lora: bool, measured: list[MeasuredRate]) -> float | None:
    """Ratio of measured to computed rate for the training of the nearest model size; None if none is near."""
    trained = "lora" if lora else "full"
    near = _nearest(shape, [rate for rate in measured if rate.kind == "train" and rate.trained == trained])
    if near is None:
        return None
    work = TrainingWork(
        lora=lora,
        checkpointing=near.checkpointing,
        real=near.real,
        micro_tokens=near.micro_tokens or 1e4,
        reference=near.reference,
        width=2 if lora else 4,
    )
    return near.tokens_per_second * near.parameters / shape.parameters / training_rate(gpu, shape, work)


def sampling_ratio(gpu: Gpu, shape: Shape, work: SamplingWork, measured: list[MeasuredRate]) -> float | None:
    """Ratio of measured to computed rate for the sampling of the nearest model size; None if none is near."""
    near = _nearest(shape, [rate for rate in measured if rate.kind == "sample"])
    if near is None:
        return None
    lora = near.trained == "lora"
    same = replace(work, context=near.context or work.context, lora=lora, sequences=near.sequences)
    return near.tokens_per_second * near.parameters / shape.parameters / sampling_rate(gpu, shape, same)


def _nearest(shape: Shape, measured: list[MeasuredRate]) -> MeasuredRate | None:
    """The measurement with the nearest model size, the last of equally near ones; None if none is within a factor of _NEAR."""

    def apart(rate: MeasuredRate) -> float:
        return max(rate.parameters / shape.parameters, shape.parameters / rate.parameters)

    return min(reversed([rate for rate in measured if apart(rate) <= _NEAR]), key=apart, default=None)


def _multiplied(shape: Shape) -> int:
    """P: all weights but the embedding, which is only looked up, unless it is tied to the head."""
    return shape.parameters - (0 if shape.tied else shape.vocabulary * shape.hidden)


def _traffic(shape: Shape) -> float:
    return _TRAFFIC * shape.layers * (shape.hidden + shape.intermediate) / _TRAFFIC_OF
