"""The stages, one file each."""

from sirev.stages import agree, compare, dataset, embed, grade, imported, measure, model, pretrain, sample, select, source, train

STAGES = {
    module.STAGE.name: module.STAGE
    for module in (source, dataset, imported, model, pretrain, select, train, sample, grade, measure, embed, agree, compare)
}
"""Every stage by its name."""
