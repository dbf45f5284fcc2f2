"""Every random number of a run derives from the run's seed and what it is for, by one function."""

from __future__ import annotations

import hashlib


def derive_seed(seed: int, *purpose: str | int) -> int:
    """A 31-bit seed from the run's seed and a purpose such as ("train", t).

    The method's name is never part of a purpose: two methods that do the same thing at step t share it.
    """
    text = "/".join(map(str, (seed, *purpose)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1
