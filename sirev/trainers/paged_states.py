"""A trial import of bitsandbytes, whose optimizers have paged 8-bit states, for a child process, before a training."""

from __future__ import annotations


def load_bitsandbytes() -> None:
    """Import bitsandbytes with its compiled library. Raises ImportError if there is a GPU and the library is not for GPUs.

    The plain import would succeed, and the optimizer's first step fail.
    """
    import torch
    from bitsandbytes.cextension import lib

    if torch.cuda.is_available() and not lib.compiled_with_cuda:
        # Not by getattr: the library returns a function for every name, which raises an error when called.
        raise ImportError(" ".join(str(vars(lib).get("error_msg", "its library is one for CPUs")).split()))
