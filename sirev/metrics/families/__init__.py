"""Registry of the families of metrics, one file each. docs/report.md describes them."""

from sirev.metrics.families import accuracy, diversity, embedding, likelihood, process
from sirev.metrics.families.family import Family

FAMILIES: dict[str, Family] = {
    family.name: family for family in (accuracy.FAMILY, diversity.FAMILY, embedding.FAMILY, likelihood.FAMILY, process.FAMILY)
}
"""The families by name."""
SHOWN = (accuracy.SHOWN, diversity.SHOWN, embedding.SHOWN, likelihood.SHOWN, process.SHOWN)
"""The presentation of each family in reports. No stage reads it, so that another header changes no result."""
VARIETIES = tuple(variety for shown in SHOWN for variety in shown.varieties)
"""Distinct-N, then measures that look beyond words, the most informative first."""


def of_draws(answers: str) -> list[str]:
    """The families measured of draws, besides accuracy, that have a meaning for such answers."""
    measured = (family for family in FAMILIES.values() if family.measure is not None and family.name != "accuracy")
    fitting = (family for family in measured if not family.of_scores and family.only in (None, answers))
    return [family.name for family in fitting if family.of_letters or answers != "letters"]
