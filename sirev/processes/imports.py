"""Quicker imports of large libraries in children."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quick_imports() -> Iterator[None]:
    """A context for imports of torch, transformers, TRL or vLLM, which take less time without garbage collections.

    Python would collect thousands of times and visit all modules again and again. Everything alive at the end is exempt from
    later collections, so import before a large model is loaded: in a reference cycle, it would never be freed.
    """
    if not gc.isenabled():
        yield
        return
    before = len(sys.modules)
    gc.disable()
    try:
        yield
    finally:
        if len(sys.modules) > before:
            gc.freeze()
        gc.enable()
