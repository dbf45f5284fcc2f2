"""Seeds of all random numbers of a run, derived from the run's seed and their purpose."""

from __future__ import annotations

import hashlib


def derive_seed(seed: int, *purpose: str | int) -> int:
    """A 31-bit seed from the run's seed and a purpose such as ("train", t).

    A method's name is never part of a purpose: methods that take the same step at t share its artifact.
    """
    text = "/".join(map(str, (seed, *purpose)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1
