"""The families of metrics, a file each; here they are found. docs/report.md says what each of them is."""

from sirev.metrics.families import accuracy, diversity, embedding, likelihood, process
from sirev.metrics.families.family import Family

FAMILIES: dict[str, Family] = {
    family.name: family for family in (accuracy.FAMILY, diversity.FAMILY, embedding.FAMILY, likelihood.FAMILY, process.FAMILY)
}
"""Every family by its name."""
SHOWN = (accuracy.SHOWN, diversity.SHOWN, embedding.SHOWN, likelihood.SHOWN, process.SHOWN)
"""What reports show of each. No stage reads it: another header changes no result."""
VARIETIES = tuple(variety for shown in SHOWN for variety in shown.varieties)
"""Distinct-N, then what says more than words, the most telling first."""


def of_draws(answers: str) -> list[str]:
    """The families that are measured of draws beside their accuracy, where they mean something for such answers."""
    measured = (family for family in FAMILIES.values() if family.measure is not None and family.name != "accuracy")
    fitting = (family for family in measured if not family.of_scores and family.only in (None, answers))
    return [family.name for family in fitting if family.of_letters or answers != "letters"]
