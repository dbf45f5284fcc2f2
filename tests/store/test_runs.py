from __future__ import annotations

from pathlib import Path

import pytest

from sirev.errors import BadInput
from sirev.store.digests import sealed, unsealed
from sirev.store.objects import Objects
from sirev.store.runs import Pin, Run, Runs, parsed_run, run_bytes
from sirev.store.sharing.untrusted import check_run
from sirev.store.store import Store


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


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("recipe", "tiny; touch x #"),
        ("recipe", "$(id)"),
        ("recipe", ""),
        ("method", "sft\x1b[2J"),
        ("invocation", "2026 \a"),
        ("redo", ["train:1", "a`b`"]),
        ("redone", ["\u202e"]),
        ("pins", {"train 2": {"key": "0" * 64, "artifact": "1" * 64}}),
        ("pins", {"-rf": {"key": "0" * 64, "artifact": "1" * 64}}),
        ("seed", "0"),
        ("status", "odd"),
        ("reason", 5),
    ],
)
def test_what_is_no_name_or_value_that_sirev_gives_is_refused_where_it_comes_in(
    tmp_path: Path, field: str, value: object
) -> None:
    store = Store(tmp_path)
    honest = Run("tiny-sft-s0-0123abcd@89abcdef-r2", "tiny", "null-retrain", 0, 1, {}, "2026-11-25T15:48:38.062887+00:00-af77dc")
    honest.pins = {step: Pin("0" * 64, "1" * 64) for step in ("compare", "sample/ood/a_b.c/greedy:10", "train/null:2")}
    assert parsed_run(run_bytes(honest), honest.id, "it") == honest
    check_run(run_bytes(honest), honest.id)
    odd = sealed({**unsealed(run_bytes(honest)), field: value})
    store.create()
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / f"{honest.id}.json").write_bytes(odd)
    for refused in (
        lambda: store.runs.get(honest.id),
        lambda: store.runs.adopt(odd, "another"),
        lambda: check_run(odd, honest.id),
    ):
        with pytest.raises(BadInput) as caught:
            refused()
        assert str(caught.value).isprintable() or "\n" not in str(caught.value)


def test_a_file_that_no_run_can_be_called_by_is_no_run(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.create()
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "\x1b[2J.json").write_bytes(b"{}")
    assert (store.runs.ids(), store.runs.all(), store.runs.get("../sirev-store")) == ([], [], None)


def test_a_run_of_the_longest_name_a_file_can_have_is_found_again_and_no_longer_one_is_written(runs: Runs) -> None:
    runs.save(run("x" * 250))
    assert runs.ids() == ["x" * 250]
    assert runs.get("x" * 250) == run("x" * 250)
    for odd in ("x" * 251, "a/b"):
        with pytest.raises(BadInput, match="can't be the id of a run"):
            runs.save(run(odd))
