"""bitsandbytes, which keeps an optimizer's states in 8 bits and in pages, as a child process tries it before a training."""

from __future__ import annotations


def load_bitsandbytes() -> None:
    """Import bitsandbytes with its compiled library; raises ImportError where a GPU is here and the library is not for it.

    The import alone succeeds all the same, and the first step of an optimizer fails.
    """
    import torch
    from bitsandbytes.cextension import lib

    if torch.cuda.is_available() and not lib.compiled_with_cuda:
        # Not by getattr: the library has a function under every name, which raises an error when it is called.
        raise ImportError(" ".join(str(vars(lib).get("error_msg", "its library is one for CPUs")).split()))
