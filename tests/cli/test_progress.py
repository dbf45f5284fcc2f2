from __future__ import annotations

import pytest

from sirev.cli.progress import Progress
from sirev.execution.outlook import Outlook, Piece
from sirev.store.runs import Run


def a_run(method: str) -> Run:
    return Run(id=method, recipe="r", method=method, seed=0, realisation=1, settings={}, invocation="")


def test_a_warning_is_a_banner_at_once_and_only_once(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress() as progress:
        for method in ("sft", "dpo"):
            progress.warn(a_run(method), "programs run UNCONFINED here")
        said = capsys.readouterr().err
    assert said.count("programs run UNCONFINED here") == 1
    assert "WARNING" in said


def test_a_step_that_another_run_has_just_computed_is_shared_and_not_cached(capsys: pytest.CaptureFixture[str]) -> None:
    sft, dpo = a_run("sft"), a_run("dpo")
    works = {run.id: {"dataset/test": "problems", "train:1": "M_1", "compare": f"{run.id} compared"} for run in (sft, dpo)}
    pieces = {work: Piece("train sft", 1.0) for steps in works.values() for work in steps.values()}
    with Progress() as progress:
        for run in (sft, dpo):
            progress.step(run, "dataset/test", "hit")
        progress.begin(Outlook(works, pieces, 1))
        progress.step(sft, "train:1", "start")
        progress.step(dpo, "train:1", "hit")  # it waited, and may hear of it first
        progress.step(sft, "train:1", "done")
        progress.step(dpo, "compare", "start")
        progress.step(dpo, "compare", "done")
        progress.summary()
    said = capsys.readouterr().err.splitlines()
    assert "dpo seed 0  finished  1 steps computed, 1 cached, 1 shared with another run" in said
    assert said[-1].startswith("2 steps cached, 2 computed, 1 shared with another run, ")


def test_grading_tells_answers_a_second_and_the_time_left(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Progress, "lines_every", 0.0)
    with Progress() as progress:
        progress.step(a_run("sft"), "grade/draws:1", "start")
        progress.progress(a_run("sft"), "grade/draws:1", 0, 2000, "answers", 0.0)
        progress.progress(a_run("sft"), "grade/draws:1", 1000, 2000, "answers", 450.0)
    assert "1,000 of 2,000 answers, 450 answers/s, 0 s left" in capsys.readouterr().err


def test_what_is_computed_beside_another_step_has_a_row_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Progress, "on_terminal", True)
    run = a_run("sft")

    def rows(progress: Progress) -> list[tuple[str, str]]:
        return [(task.description, task.fields["step"]) for task in progress._shown.tasks if task.visible]

    with Progress() as progress:
        progress.step(run, "sample/test:1", "start")
        progress.step(run, "grade/select:1", "start")
        progress.progress(run, "sample/test:1", 5, 10, "answers", None)
        assert rows(progress) == [("sft seed 0", "1:sample/test"), ("", "1:grade/select")]
        progress.step(run, "sample/test:1", "done")
        progress.step(run, "train:2", "start")
        assert rows(progress) == [("sft seed 0", "2:train"), ("", "1:grade/select")]
        progress.step(run, "grade/select:1", "done")
        assert rows(progress) == [("sft seed 0", "2:train")]
        progress.step(run, "measure/draws:1", "start")
        assert rows(progress) == [("sft seed 0", "2:train"), ("", "1:measure/draws")]
