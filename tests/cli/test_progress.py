from __future__ import annotations

import pytest

from sirev.cli.progress import RunProgress
from sirev.store.runs import Run


def a_run(method: str) -> Run:
    return Run(id=method, recipe="r", method=method, seed=0, realisation=1, settings={}, invocation="")


def test_a_warning_is_a_banner_at_once_and_only_once(capsys: pytest.CaptureFixture[str]) -> None:
    with RunProgress() as progress:
        for method in ("sft", "dpo"):
            progress.warn(a_run(method), "programs run UNCONFINED here")
        said = capsys.readouterr().err
    assert said.count("programs run UNCONFINED here") == 1
    assert "WARNING" in said


def test_grading_tells_answers_a_second_and_the_time_left(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sirev.cli.progress.PLAIN_SECONDS", 0.0)
    with RunProgress() as progress:
        progress.step(a_run("sft"), "grade/draws:1", "start")
        progress.progress(a_run("sft"), "grade/draws:1", 0, 2000, "answers", 0.0)
        progress.progress(a_run("sft"), "grade/draws:1", 1000, 2000, "answers", 450.0)
    assert "1,000 of 2,000 answers, 450 answers/s, 0 s left" in capsys.readouterr().err
