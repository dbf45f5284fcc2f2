"""A program that compares TRL's output layer by Triton kernels, in Triton's interpreter, with that in plain torch.

Triton reads at import whether to interpret: `TRITON_INTERPRET=1 python -m tests.trainers.triton_head`.
Prints JSON: dtype -> output -> the largest difference between the two.
"""

from __future__ import annotations

import json
from typing import Any

import torch
from trl.kernels import chunked_logprob as kernels

from sirev.machine.gpu_check.device import apart, layer_inputs, layer_outcome

SMALL: dict[str, Any] = {"tokens": 37, "hidden": 64, "vocabulary": 3000}
CHUNK = 1024  # the last chunk is partial


def outcome(triton: bool, dtype: torch.dtype) -> dict[str, torch.Tensor]:
    """The outputs of the layer by Triton's kernels, or by torch's."""
    kernels._use_triton = lambda device: triton
    return layer_outcome(*layer_inputs(dtype, **SMALL), chunk=CHUNK)


def by_definition() -> dict[str, torch.Tensor]:
    """The outputs in float32 by torch's own log-softmax."""
    states, weights, targets = layer_inputs(torch.float32, **SMALL)
    states.requires_grad_()
    weights.requires_grad_()
    logits = states @ weights.T
    every = torch.log_softmax(logits, -1)
    log_probs = every.gather(1, targets[:, None])[:, 0]
    (-log_probs.sum()).backward()
    found = {
        "log_probs": log_probs,
        "entropy": -(every.exp() * every).sum(-1),
        "mean_logits": logits.mean(-1),
        "is_top1": (logits.argmax(-1) == targets).float(),
        "states' gradient": states.grad,
        "weights' gradient": weights.grad,
    }
    assert 0 < found["is_top1"].sum() < len(targets)
    return {name: value.detach() for name, value in found.items()}


if __name__ == "__main__":
    of = {dtype: (outcome(True, dtype), outcome(False, dtype)) for dtype in (torch.float32, torch.bfloat16)}
    found = {str(dtype).removeprefix("torch."): apart(*both) for dtype, both in of.items()}
    print(json.dumps({**found, "definition": apart(of[torch.float32][0], by_definition())}))
