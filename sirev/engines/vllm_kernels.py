"""A trial import of vLLM and its kernels, for a child process, before anything is trained."""

from __future__ import annotations

import importlib

_ON_CUDA = "vllm._C_stable_libtorch"
_KERNEL = "rotary_embedding"
"""An operation that every language model here uses, and that every build of vLLM compiles."""


def load_vllm() -> None:
    """Import vLLM as the engine does, and its compiled kernels. Raises any error of theirs, ImportError if a kernel is missing.

    `import vllm` alone proves nothing: it imports its parts lazily, and only warns about kernels that can't be loaded.
    """
    import torch
    from vllm import LLM
    from vllm.platforms import current_platform

    if not current_platform.device_type:
        raise ImportError("vLLM finds no device that it can use")
    if current_platform.is_cuda():  # as vLLM was built: a build for CPUs may be installed with a torch for CUDA
        importlib.import_module(_ON_CUDA)
    else:
        current_platform.import_kernels()
    if not hasattr(torch.ops._C, _KERNEL):
        raise ImportError(f"{LLM.__module__.partition('.')[0]} has no kernels for {current_platform.device_type}")
