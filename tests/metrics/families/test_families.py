from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from sirev.metrics.comparison.compare import compare
from sirev.metrics.comparison.inputs import ComparisonSettings, RunMeasures
from sirev.metrics.families import FAMILIES, SHOWN, of_draws
from sirev.metrics.families.family import AnswerType, Compared, Draw, Family, Tree
from sirev.metrics.families.measures import Measures, column
from sirev.metrics.families.shown import LARGEST_K
from tests.metrics.comparison.studies import draws, greedy, study


def measure(draws: Sequence[Draw], kind: AnswerType) -> dict[str, Any]:
    return {"words": sum(len(draw.text.split()) for draw in draws) / len(draws)}


def statistics(compared: Compared) -> Tree:
    words = column(LENGTH.rows(compared.model), lambda row: row["words"], compared.sheet.n)
    return {"length": {"words": compared.sheet.mean(words, "no draws were given", binomial=False)}}


LENGTH = Family("length", statistics, measure, version=1)


@pytest.fixture
def length(monkeypatch: pytest.MonkeyPatch) -> Family:
    """A family that is registered and nothing else."""
    monkeypatch.setitem(FAMILIES, "length", LENGTH)
    return LENGTH


def test_a_family_is_known_by_its_name_and_measured_ones_have_a_version() -> None:
    for name, family in FAMILIES.items():
        assert family.name == name
        assert (family.version > 0) == (family.measure is not None)


def test_a_registered_family_is_measured_of_draws_where_it_means_something(length: Family) -> None:
    assert of_draws("math") == ["diversity", "process", "length"]
    assert of_draws("code") == ["diversity", "length"]
    assert of_draws("letters") == []


def test_a_registered_family_is_in_the_comparison_with_its_interval(length: Family) -> None:
    def model(words: float) -> Measures:
        rows = [{"id": name, "words": words + i} for i, name in enumerate("abcd")]
        return Measures(greedy(dict.fromkeys("abcd", 1)), draws(4, dict.fromkeys("abcd", 2)), families={"length": rows})

    found = compare([RunMeasures("sft", 0, {1: model(3.0), 2: model(5.0)})], "math", None, ComparisonSettings(replicates=100))
    for iteration, mean in zip(found["runs"][0]["iterations"], (4.5, 6.5), strict=True):
        words = iteration["length"]["words"]  # type: ignore[typeddict-item]
        assert (words["value"], words["n"]) == (mean, 4)
        assert words["low"] < mean < words["high"]


def test_runs_from_before_a_family_was_there_say_why_they_lack_it(length: Family) -> None:
    found = compare(study(np.random.default_rng(0), 40), "math", None, ComparisonSettings(replicates=100))
    words = found["runs"][0]["iterations"][0]["length"]["words"]  # type: ignore[typeddict-item]
    assert (words["value"], words["reason"]) == (None, "no draws were given")


def test_families_that_share_a_field_are_joined_in_it() -> None:
    group = compare(study(np.random.default_rng(0), 40), "math", None, ComparisonSettings(replicates=100))["runs"][0][
        "iterations"
    ][0]
    assert group["diversity"]["correct"].keys() == {
        *("distinct_n", "distinct_equations", "distinct_programs", "sentence_bert", "matched", "unread")
    }


def test_what_reports_show_is_in_a_comparison() -> None:
    found: Any = compare(study(np.random.default_rng(0), 40), "math", None, ComparisonSettings(replicates=100))
    iteration = found["runs"][0]["iterations"][1]

    def there(node: Any, path: Sequence[str]) -> bool:
        for key in path:
            node = node[max(node, key=int) if key == LARGEST_K else key]
        return {"value", "low", "high", "n", "reason"} <= node.keys()

    for shown in SHOWN:
        assert {*shown.fields} <= iteration.keys()
        for table in shown.tables:
            assert all(there(iteration, one.path) for one in (*table.columns, *table.remarks))
        assert all(there(iteration, panel.path) for figure in shown.figures for panel in figure.panels)
        for variety in shown.varieties:
            group = iteration["diversity"]["all"]
            assert there(group, variety.path)
            assert not variety.matched or there(group["matched"]["8"], variety.path)
