"""The stages, one file each."""

from sirev.stages import compare, dataset, grade, measure, model, pretrain, sample, select, source, train

STAGES = {
    module.STAGE.name: module.STAGE
    for module in (source, dataset, model, pretrain, select, train, sample, grade, measure, compare)
}
"""Every stage by its name."""
