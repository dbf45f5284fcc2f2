"""Checks of the device itself: torch, a compiler for kernels, and TRL's output layer compared with the CPU."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sirev.machine.findings import gigabytes
from sirev.machine.gpu import compiler
from sirev.machine.gpu_check.running import Bench, Notes
from sirev.processes.requests import Emit, Progress
from sirev.processes.torch_gpu import driver_version, torch_gpu, why_unusable

if TYPE_CHECKING:
    import torch

_FREE = 0.9
"""Share of a GPU's memory that must be free."""


def device(bench: Bench) -> Notes:
    """Check that torch uses the GPU, that it has bfloat16 and is free, and that a C compiler and Python's headers are present."""
    notes = Notes()
    built = compiler(None)
    notes.expect(built.well or not bench.on_gpu, f"{built.what}: {built.found}; {', '.join(map(str, built.remedies))}")
    seen = torch_gpu()
    notes.found.append(f"torch {seen.torch}")
    notes.expect(seen.name is not None or (bool(seen.torch) and not bench.on_gpu), why_unusable(seen))
    if bench.on_gpu:
        notes.expect(seen.name is None or seen.bfloat16, f"{seen.name} does not support bfloat16")
        notes.expect(seen.free >= _FREE * seen.total, f"only {gigabytes(seen.free)} of its {gigabytes(seen.total)} are free")
        capability = ".".join(map(str, seen.capability or ()))
        notes.found.append(f"{seen.name}, capability {capability}, {gigabytes(seen.free)} of {gigabytes(seen.total)} free")
        notes.found.append(f"ROCm {seen.rocm}" if seen.rocm else f"driver {driver_version()}, CUDA {seen.cuda}")
    notes.found.append(f"C compiler {built.found}")
    return notes


@dataclass(frozen=True)
class DeviceRequest:
    """The device to check, "cuda" or "cpu"."""

    device: str


@dataclass(frozen=True)
class LayerDifferences:
    """The largest relative difference from float32 on the CPU, and the least cosine of gradients in bfloat16."""

    float32: float
    bfloat16_cosine: float


_TOKENS, _HIDDEN, _VOCABULARY, _CHUNK = 64, 128, 10_000, 4096  # the last chunk is partial
_PARTS = ("log_probs", "entropy", "mean_logits", "is_top1")


def layer_inputs(
    dtype: torch.dtype, tokens: int = _TOKENS, hidden: int = _HIDDEN, vocabulary: int = _VOCABULARY
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Hidden states (tokens, hidden), output weights (vocabulary, hidden) and target tokens, on the CPU, equal at every call."""
    import torch

    source = torch.Generator().manual_seed(1)
    states = torch.randn(tokens, hidden, generator=source).to(dtype)
    weights = (torch.randn(vocabulary, hidden, generator=source) * hidden**-0.5).to(dtype)
    targets = torch.randint(0, vocabulary, (tokens,), generator=source)
    targets[::2] = (states.float() @ weights.float().T).argmax(-1)[::2]  # the most probable tokens
    return states, weights, targets


def layer_outcome(
    states: torch.Tensor, weights: torch.Tensor, targets: torch.Tensor, chunk: int = _CHUNK
) -> dict[str, torch.Tensor]:
    """The outputs of TRL's output layer and the gradients of the negative log-likelihood, moved to the CPU in float32."""
    from trl.kernels.chunked_logprob import ChunkedLogProbFunction

    states, weights = states.detach().requires_grad_(), weights.detach().requires_grad_()
    found = ChunkedLogProbFunction.apply(states, weights, None, targets, 1.0, chunk, None, 1.0, _PARTS)
    log_probs, entropy, _, mean_logits, is_top1 = found
    (-log_probs.sum()).backward()
    assert states.grad is not None
    assert weights.grad is not None
    named = {"log_probs": log_probs, "entropy": entropy, "mean_logits": mean_logits, "is_top1": is_top1}
    named |= {"states' gradient": states.grad, "weights' gradient": weights.grad}
    return {name: value.detach().float().cpu() for name, value in named.items()}


def apart(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> dict[str, float]:
    """Name -> the largest difference, as a share of the largest value, or of 1 if that is less."""
    return {name: float((one[name] - value).abs().max() / value.abs().max().clamp(min=1)) for name, value in other.items()}


def layer_differences(request: DeviceRequest, emit: Emit[Progress]) -> LayerDifferences:
    """Compare TRL's output layer on the device, with Triton's kernels on a GPU, with the CPU's."""
    import torch
    from torch.nn.functional import cosine_similarity

    def both(dtype: torch.dtype) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
        states, weights, targets = layer_inputs(dtype)
        exact = layer_outcome(states.float(), weights.float(), targets)
        return layer_outcome(*(one.to(request.device) for one in (states, weights, targets))), exact

    there, exact = both(torch.bfloat16)
    gradients = [(value.flatten(), exact[name].flatten()) for name, value in there.items() if "gradient" in name]
    cosine = min(float(cosine_similarity(*pair, dim=0)) for pair in gradients)
    return LayerDifferences(max(apart(*both(torch.float32)).values()), cosine)


def output_layer(bench: Bench) -> Notes:
    """Check that TRL's output layer has the CPU's losses and gradients."""
    notes = Notes()
    seen = bench.child("checker").call(layer_differences, DeviceRequest(bench.device), lambda event: None)
    notes.expect(seen.float32 < 1e-4, f"it differs by {seen.float32:.1e} from the CPU's in float32")
    notes.expect(
        seen.bfloat16_cosine > 0.999, f"gradients in bfloat16 have a cosine of {seen.bfloat16_cosine:.5f} with the CPU's"
    )
    notes.found.append(f"differs from the CPU's by {seen.float32:.1e}; bfloat16 gradients, cosine {seen.bfloat16_cosine:.5f}")
    return notes
