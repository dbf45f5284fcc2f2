"""A substitute for trl in a test's child process, whose training fails."""

from __future__ import annotations


class SFTConfig:
    def __init__(self, **given: object) -> None:
        raise RuntimeError("no more memory on this device")


DPOConfig = SFTTrainer = DPOTrainer = SFTConfig
