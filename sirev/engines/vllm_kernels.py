"""vLLM with its kernels, as a child process tries it before anything is trained."""

from __future__ import annotations

import importlib

_ON_CUDA = "vllm._C_stable_libtorch"
_KERNEL = "rotary_embedding"
"""An operation that every language model here takes, and that every build of vLLM brings compiled."""


def load_vllm() -> None:
    """Import vLLM as the engine does, and its compiled kernels; whatever is wrong with them is raised.

    `import vllm` alone proves nothing: all that it offers is imported when it is first used, and where its kernels can't be
    loaded it warns and goes on.
    """
    import torch
    from vllm import LLM
    from vllm.platforms import current_platform

    if not current_platform.device_type:
        raise ImportError("vLLM finds no device that it can use")
    if current_platform.is_cuda():  # by vLLM's own build: one for CPUs may lie beside a torch for CUDA
        importlib.import_module(_ON_CUDA)
    else:
        current_platform.import_kernels()
    if not hasattr(torch.ops._C, _KERNEL):
        raise ImportError(f"{LLM.__module__.partition('.')[0]} has no kernels for {current_platform.device_type}")
