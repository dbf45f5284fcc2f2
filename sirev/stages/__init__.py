"""The stages, one file each."""

from sirev.stages import agree, compare, dataset, embed, grade, measure, model, pretrain, sample, samples, select, source, train

STAGES = {
    module.STAGE.name: module.STAGE
    for module in (source, dataset, samples, model, pretrain, select, train, sample, grade, measure, embed, agree, compare)
}
"""Every stage by its name."""
