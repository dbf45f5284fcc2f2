"""What the explorer is given, and what the store should have and lacks."""

from __future__ import annotations

from pathlib import Path

import sirev
from sirev.reporting.explorer_answers import explorer, mends
from sirev.store.store import Store
from tests.conftest import Study


def test_the_explorer_has_every_problem_with_answers_at_every_t(smoke: Study) -> None:
    report = sirev.report(recipes=["tiny_smoke"], store=smoke.store)
    found, gaps = explorer(report.studies[0], smoke.store, draws=3)
    assert gaps == []
    assert len(found["index"]["problems"]["id"]) == 24
    assert [run["label"] for run in found["index"]["runs"]] == ["sft 0", "dpo 0", "sft-dpo 0"]
    assert found["index"]["runs"][0]["steps"] == [1, 2, 3]
    counts = found["index"]["runs"][0]["counts"][0]
    assert {of for _, of in counts} == {16}
    grades = smoke.artifact("sft", "grade/draws:1").rows("grades")
    assert sum(right for right, _ in counts) == sum(row["correct"] for row in grades)


def lacking(smoke: Study, folder: Path, *steps: str) -> Store:
    """The store without the manifests of some steps of sft."""
    store = sirev.Store(folder)
    run = smoke.run("sft", store)
    for step in steps:
        store.objects.path(run.pins[step].artifact).unlink()
    return sirev.Store(folder)


def test_answers_that_the_store_lost_are_named_and_all_others_are_there(smoke: Study, smoke_copy: Path) -> None:
    report = sirev.report(recipes=["tiny_smoke"], methods=["sft"], store=smoke_copy)
    store = lacking(smoke, smoke_copy, "sample/test/greedy:2", "grade/draws:3")
    found, gaps = explorer(report.studies[0], store, draws=2)
    run = found["index"]["runs"][0]
    assert all(bits < 0 for bits in run["right"][1])
    assert not any(bits < 0 for bits in run["right"][0])
    assert run["lost"] == [[], ["greedy"], ["draws"]]
    assert [of for _, of in run["counts"][2]] == [0] * 24
    name = smoke.of("sft").id
    assert [str(gap) for gap in gaps] == [
        f"greedy answers of sft, seed 0, M_2 ({name}:2:sample/test/greedy): missing from the store",
        f"grades of the draws of sft, seed 0, M_3 ({name}:3:grade/draws): missing from the store",
    ]
    repair, again, pull = mends(gaps, store)
    assert repair == f"sirev store verify --repair --store {smoke_copy}"
    assert pull.startswith(f"sirev store pull URL {name} --store {smoke_copy}  #")
    assert again.startswith(f"sirev iterate --recipe tiny_smoke --store {smoke_copy}  # with the same")


def test_a_damaged_file_is_called_damaged(smoke: Study, smoke_copy: Path) -> None:
    report = sirev.report(recipes=["tiny_smoke"], methods=["sft"], store=smoke_copy)
    store = sirev.Store(smoke_copy)
    assert smoke.run("sft", store)
    table = next(iter((smoke.artifact("sft", "sample/test:2")).manifest["files"].values()))
    path = store.objects.path(table["object"] if "object" in table else table["sha256"])
    path.chmod(0o644)
    path.write_bytes(b"x" * path.stat().st_size)
    _, gaps = explorer(report.studies[0], sirev.Store(smoke_copy), draws=2)
    assert [gap.why for gap in gaps] == ["damaged"]


def test_lost_problems_are_named_too(smoke: Study, smoke_copy: Path) -> None:
    report = sirev.report(recipes=["tiny_smoke"], methods=["sft"], store=smoke_copy)
    found, gaps = explorer(report.studies[0], lacking(smoke, smoke_copy, "source/test"), draws=2)
    assert [gap.what for gap in gaps] == ["the problems"]
    assert found["index"]["problems"]["id"] == []
