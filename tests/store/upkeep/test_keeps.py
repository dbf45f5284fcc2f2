from __future__ import annotations

from pathlib import Path

import pytest

from sirev.errors import BadInput
from sirev.store.objects import Objects
from sirev.store.upkeep.keeps import Keep, Keeps


@pytest.fixture
def pins(tmp_path: Path) -> Keeps:
    return Keeps(tmp_path, Objects(tmp_path))


def test_what_was_pinned_is_listed_until_it_is_unpinned(pins: Keeps) -> None:
    pins.add(Keep("paper", runs=["r1", "r2"]))
    pins.add(Keep("base", artifacts=["a" * 64]))
    assert [(pin.name, pin.runs, pin.artifacts) for pin in pins.all()] == [("base", [], ["a" * 64]), ("paper", ["r1", "r2"], [])]
    assert pins.remove("paper")
    assert not pins.remove("paper")
    assert [pin.name for pin in pins.all()] == ["base"]


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "x" * 251, "line\nbreak"])
def test_a_name_that_can_be_no_file_is_refused(pins: Keeps, name: str) -> None:
    with pytest.raises(BadInput, match="can't name a pin"):
        pins.add(Keep(name))


@pytest.mark.parametrize("text", ["{", "[]", '{"format":1,"name":"other","runs":[],"artifacts":[],"made":""}', '{"format":1}'])
def test_a_damaged_pin_is_an_error_for_what_it_keeps_is_unknown(pins: Keeps, text: str) -> None:
    pins.add(Keep("paper"))
    path = pins.root / "paper.json"
    path.chmod(0o644)
    path.write_text(text)
    with pytest.raises(BadInput, match="damaged"):
        pins.all()


def test_a_pin_of_a_newer_format_is_not_guessed_at(pins: Keeps) -> None:
    pins.root.mkdir()
    (pins.root / "paper.json").write_text('{"format":2}')
    with pytest.raises(BadInput, match="newer"):
        pins.all()
