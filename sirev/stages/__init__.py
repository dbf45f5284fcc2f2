"""The stages, one file each."""

from sirev.stages import compare, grade, measure, pretrain, sample, select, source, train

STAGES = {module.STAGE.name: module.STAGE for module in (source, pretrain, select, train, sample, grade, measure, compare)}
"""Every stage by its name."""
