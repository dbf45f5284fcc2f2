from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import pytest

from sirev.parameters import keyed_parameters, operational, semantic
from sirev.stages import STAGES
from sirev.stages.stage import Stage
from sirev.store.records import action_key


@dataclass(frozen=True)
class Old:
    epochs: int = semantic()


@dataclass(frozen=True)
class New:
    """The same stage a year later: a parameter more, whose default has changed since."""

    epochs: int = semantic()
    packing: bool = semantic(default=True, absent_means=False)
    workers: int = operational(default=4)


def key(parameters: Any) -> str:
    return action_key(Stage("train", 1, type(parameters), lambda *_: None, place=0).action(parameters, {}))  # type: ignore[arg-type, return-value]


def test_a_new_parameter_leaves_old_keys_alone() -> None:
    assert key(New(3, packing=False)) == key(Old(3))


def test_the_default_of_today_is_part_of_the_key_where_it_is_not_what_absence_means() -> None:
    assert key(New(3)) != key(Old(3))
    assert keyed_parameters(New(3)) == {"epochs": 3, "packing": True}


def test_what_does_not_change_the_result_is_not_in_the_key() -> None:
    assert key(New(3, workers=1)) == key(New(3, workers=64))


def test_version_and_inputs_are_in_the_key() -> None:
    one, two = Stage("train", 1, Old, None, place=0), Stage("train", 2, Old, None, place=0)  # type: ignore[arg-type]
    assert action_key(one.action(Old(1), {})) != action_key(two.action(Old(1), {}))
    assert action_key(one.action(Old(1), {"data": "a"})) != action_key(one.action(Old(1), {"data": "b"}))


@pytest.mark.parametrize("stage", STAGES.values(), ids=STAGES)
def test_every_parameter_of_every_stage_says_whether_it_is_keyed(stage: Stage) -> None:
    for field in fields(stage.parameters):
        assert "semantic" in field.metadata, field.name


def test_the_stages_are_those_of_the_design() -> None:
    work = ["source", "dataset", "samples", "overlap", "model", "describe", "pretrain", "select", "train", "sample", "grade"]
    assert list(STAGES) == [*work, "measure", "score", "embed", "agree", "compare"]


def test_what_is_true_of_a_stage_stands_with_it() -> None:
    assert [stage.place for stage in STAGES.values()] == sorted({stage.place for stage in STAGES.values()})
    alike = {name for name, stage in STAGES.items() if stage.deterministic}
    # Not `model`, which only names weights, nor `samples`, whose file belongs to the user.
    assert alike == {"source", "dataset", "overlap", "select", "grade", "measure", "agree", "compare"}
    assert {name for name, stage in STAGES.items() if stage.makes_model} == {"pretrain", "train"}
    assert {name for name, stage in STAGES.items() if stage.needs_gpu} == {"train", "sample", "score", "embed"}
    assert not any(stage.deterministic for stage in STAGES.values() if stage.needs_gpu)  # sums depend on the hardware


@dataclass(frozen=True)
class Group:
    """A group of parameters inside another one, such as LoRA's."""

    r: int = semantic()
    rslora: bool = semantic(default=True, absent_means=False)


@dataclass(frozen=True)
class Outer:
    group: Group | None = semantic(default=None, absent_means=None)


def test_a_new_parameter_inside_a_group_leaves_old_keys_alone_too() -> None:
    assert keyed_parameters(Outer(Group(8, rslora=False))) == {"group": {"r": 8}}
    assert keyed_parameters(Outer(Group(8))) == {"group": {"r": 8, "rslora": True}}
    assert keyed_parameters(Outer()) == {}
