"""Stands in for trl in a child process of a test: a training that fails."""

from __future__ import annotations


class SFTConfig:
    def __init__(self, **given: object) -> None:
        raise RuntimeError("no more memory on this device")


DPOConfig = SFTTrainer = DPOTrainer = SFTConfig
