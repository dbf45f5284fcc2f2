from __future__ import annotations

from pathlib import Path

import pytest

from sirev.errors import BadInput
from sirev.store.digests import sealed, unsealed
from sirev.store.objects import Objects
from sirev.store.runs import Pin, Run, Runs


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs(tmp_path, Objects(tmp_path))


def run(run_id: str, invocation: str = "2026") -> Run:
    pins = {"train:1": Pin("b" * 64, "a" * 64)}
    return Run(run_id, "tiny", "sft", 0, 1, {"T": 5}, invocation, status="complete", pins=pins)


def test_a_run_comes_back_as_it_was_saved(runs: Runs) -> None:
    runs.save(run("one"))
    assert runs.get("one") == run("one")
    assert runs.get("other") is None


def test_runs_are_listed_in_the_order_of_their_invocations(runs: Runs) -> None:
    for name, invocation in (("a", "2026-03"), ("b", "2026-01"), ("c", "2026-02")):
        runs.save(run(name, invocation))
    assert [r.id for r in runs.all()] == ["b", "c", "a"]


@pytest.mark.parametrize("text", ["{", "[]", '{"format": 1}', '{"format": "x"}'])
def test_a_damaged_run_is_named_with_the_command_that_mends_it(runs: Runs, text: str) -> None:
    runs.save(run("one"))
    path = runs.root / "one.json"
    path.chmod(0o644)
    path.write_text(text)
    with pytest.raises(BadInput, match="sirev store verify --repair"):
        runs.get("one")


def test_a_run_of_a_newer_format_is_not_guessed_at(runs: Runs) -> None:
    runs.save(run("one"))
    path = runs.root / "one.json"
    path.chmod(0o644)
    path.write_bytes(sealed(unsealed(path.read_bytes()) | {"format": 99}))
    with pytest.raises(BadInput, match="newer"):
        runs.get("one")
