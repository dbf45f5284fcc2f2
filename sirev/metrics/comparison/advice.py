"""The paper's rule of which method to take, and when it may be applied."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

HALF = 0.5


def advice(coverage: Mapping[str, Any]) -> dict[str, Any]:
    """Which methods the paper's rule names for a first model of this correct answer coverage, and why or why none.

    arXiv 2407.05013, section 4.2: above 0.5, iterative DPO or SFT-DPO gives the best M_t, else iterative SFT. The paper
    does not say which reading of coverage it means, so it is followed only where both readings, on both splits, lie on
    one side of 0.5 with their whole intervals. Its own table has an exception: mistral-7b on MATH (coverage 0.143), where
    SFT-DPO was best.
    """
    readings = [coverage[reading][split] for reading in ("mass", "solved") for split in ("train", "test")]
    if missing := [found["reason"] for found in readings if found["value"] is None]:
        return {"methods": None, "reason": f"coverage is not known on both splits: {missing[0]}"}
    known = [found for found in readings if found["low"] is not None and found["high"] is not None]
    if len(known) == len(readings) and all(found["low"] > HALF for found in known):
        return {"methods": "dpo or sft-dpo", "reason": "both readings of coverage are above 0.5 on both splits"}
    if len(known) == len(readings) and all(found["high"] < HALF for found in known):
        return {
            "methods": "sft",
            "reason": "both readings of coverage are below 0.5 on both splits (the paper's own exception: mistral-7b on MATH)",
        }
    return {"methods": None, "reason": "the readings of coverage do not all lie on one side of 0.5 with their intervals"}
