"""`sirev doctor --gpu-check`: all checks in their order, on a GPU, or on a CPU as far as they make sense there."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from sirev.errors import BadInput
from sirev.execution.children import gpu, gpu_device
from sirev.execution.measured_rates import save_rates
from sirev.execution.model_sizes import Shape, shape_of, shipped_shapes
from sirev.execution.scratch import Scratch
from sirev.machine.gpu_check.device import device, output_layer
from sirev.machine.gpu_check.large_model import large_model_sampling, large_model_training
from sirev.machine.gpu_check.large_ways import all_parameters, sorted_batches
from sirev.machine.gpu_check.running import Bench, Check, CheckResult, run_checks
from sirev.machine.gpu_check.sampling import transformers_engine, vllm_answers, vllm_draws, vllm_memory, vllm_starts
from sirev.machine.gpu_check.training import dpo, hand_over, kill_and_resume, sft
from sirev.machine.gpu_check.whole_run import whole_run
from sirev.processes.spawning import cores
from sirev.processes.torch_gpu import torch_gpu, why_unusable
from sirev.recipe import Recipe

_DEVICES = ("cuda", "cpu")
_USUAL = "mistralai/Mistral-7B-v0.1"
_RATES = "$XDG_STATE_HOME (~/.local/state)"
_ON_A_CPU = Shape(128, 256, 2, 2, 1, 64, 300, False)
"""The shape on a CPU, where memory and speed don't matter."""
GPU_CHECKS = (
    Check("device", device, 240),
    Check("output layer", output_layer, 240, ("device",)),
    Check("sft", sft, 400, ("device",)),
    Check("dpo", dpo, 400, ("sft",)),
    Check("killed training", kill_and_resume, 400, ("sft",)),
    Check("hand-over", hand_over, 400, ("sft",)),
    Check("transformers engine", transformers_engine, 400, ("sft",)),
    Check("large model", large_model_training, 900, ("device",)),
    Check("sorted batches", sorted_batches, 600, ("large model",)),
    Check("all parameters", all_parameters, 900, ("device",)),
    Check("vllm", vllm_starts, 900, ("sft",)),
    Check("vllm answers", vllm_answers, 600, ("vllm",)),
    Check("vllm draws", vllm_draws, 600, ("vllm",)),
    Check("vllm memory", vllm_memory, 600, ("vllm",)),
    Check("vllm large model", large_model_sampling, 900, ("vllm", "large model")),
)
WHOLE_RUN = Check("whole run", whole_run, 3600, ("device",))


def gpu_check(on: str, recipe: Recipe | None = None, *, full: bool = False) -> Iterator[CheckResult]:
    """Run all checks on the device `on`, at the shape of the recipe's model, and yield each result as soon as it is known.

    With `full`, a whole run of a recipe comes last. Rates are saved for `sirev plan`; the children's logs stay if a check failed.
    Raises BadInput if there is no such device.
    """
    if on not in _DEVICES:
        raise BadInput(f"--device {on}: allowed: {', '.join(_DEVICES)}")
    if on == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # for the children; this process uses no GPU
        gpu.cache_clear()
    elif reason := _no_gpu():
        raise BadInput(f"there is no GPU to check: {reason} (--device cpu runs the checks that make sense on a CPU)")
    shape = _ON_A_CPU if on == "cpu" else (shape_of(recipe.model) if recipe else None) or shipped_shapes()[_USUAL]
    scratch, logs = Scratch(), Path(tempfile.mkdtemp(prefix="sirev-gpu-check-"))
    threads = cores() if on == "cuda" else 1  # threads of such a small model would wait for each other
    bench, failed = Bench(on, scratch.path, shape, threads, logs), False
    try:
        for result in run_checks((*GPU_CHECKS, *((WHOLE_RUN,) if full else ())), bench):
            failed |= result.status == "failed"
            if result.rates and not save_rates(result.rates):
                result = replace(result, told=f"{result.told}; its rates can't be kept for plans in {_RATES}")
            yield result
    finally:
        bench.clear()
        scratch.remove()
        if not failed:
            shutil.rmtree(logs, ignore_errors=True)


def _no_gpu() -> str:
    """Why torch can use no GPU; empty if it can."""
    if not gpu_device():
        return "this machine shows none to this process"
    seen = torch_gpu()
    return "" if seen.name is not None else why_unusable(seen)
