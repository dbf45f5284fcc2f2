"""The paper's rule for choosing a method, and when it applies."""

from __future__ import annotations

from sirev.metrics.comparison.contents import Advice, Coverage

HALF = 0.5


def advice(coverage: Coverage) -> Advice:
    """The methods that the paper's rule names for a first model of this correct answer coverage, and the reason.

    arXiv 2407.05013, section 4.2: above 0.5, iterative DPO or SFT-DPO gives the best M_t, else iterative SFT. The paper does not
    say which reading of coverage it means, so the rule is applied only where both readings, on both splits, lie on one side of
    0.5 with their whole intervals. The paper's own table has an exception: mistral-7b on MATH (coverage 0.143), where SFT-DPO was
    best.
    """
    readings = [coverage[reading][split] for reading in ("mass", "solved") for split in ("train", "test")]
    if missing := [reading["reason"] for reading in readings if reading["value"] is None]:
        return {"methods": None, "reason": f"coverage is not known on both splits: {missing[0]}"}
    lows = [reading["low"] for reading in readings if reading["low"] is not None]
    highs = [reading["high"] for reading in readings if reading["high"] is not None]
    bounded = len(lows) == len(highs) == len(readings)
    if bounded and min(lows) > HALF:
        return {"methods": "dpo or sft-dpo", "reason": "both readings of coverage are above 0.5 on both splits"}
    if bounded and max(highs) < HALF:
        return {
            "methods": "sft",
            "reason": "both readings of coverage are below 0.5 on both splits (the paper's own exception: mistral-7b on MATH)",
        }
    return {"methods": None, "reason": "the readings of coverage do not all lie on one side of 0.5 with their intervals"}
