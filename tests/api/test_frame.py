from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import sirev
from sirev.api.frame import FRAME_COLUMNS
from sirev.errors import BadInput
from sirev.frames import data_frame
from tests.conftest import Study

LIBRARIES = ["pandas", "polars"]


@pytest.fixture(params=LIBRARIES)
def library(request: pytest.FixtureRequest) -> Any:
    pytest.importorskip(request.param)
    return request.param


def columns(smoke: Study, what: str, library: str, method: str = "sft") -> dict[str, list[Any]]:
    """A frame by its columns, whichever library made it."""
    frame = sirev.frame(smoke.of(method), what, as_=library)
    assert type(frame).__module__.partition(".")[0] == library
    return {name: list(frame[name]) for name in frame.columns}


def test_completions_have_a_row_per_draw_of_every_kind(smoke: Study, library: str) -> None:
    found = columns(smoke, "completions", library)
    assert [*found] == [*FRAME_COLUMNS["completions"]]
    assert {*found["kind"]} == {"draws", "greedy", "levels_1_to_3", "levels_1_to_3/draws", "train"}
    at = [i for i, one in enumerate(zip(found["kind"], found["t"], strict=True)) if one == ("train", 2)]
    sampled = smoke.artifact("sft", "sample/train:2").rows("completions")
    assert [(found["problem_id"][i], found["draw"][i], found["text"][i]) for i in at] == [
        (row["problem_id"], row["draw"], row["text"]) for row in sampled
    ]
    assert {*found["run"]} == {smoke.of("sft").id}
    assert all(found["prompt"])


def test_grades_stand_in_the_order_of_the_completions(smoke: Study, library: str) -> None:
    grades, completions = columns(smoke, "grades", library), columns(smoke, "completions", library)
    assert [*grades] == [*FRAME_COLUMNS["grades"]]
    for name in ("t", "kind", "problem_id", "draw"):
        assert grades[name] == completions[name]
    greedy = [
        right for kind, t, right in zip(grades["kind"], grades["t"], grades["correct"], strict=True) if (kind, t) == ("greedy", 1)
    ]
    assert sum(greedy) / len(greedy) == pytest.approx(smoke.of("sft").iterations[0]["pass_at_1"]["value"])


def test_measures_have_a_row_per_model_and_problem(smoke: Study, library: str) -> None:
    found = columns(smoke, "measures", library)
    assert [*found][: len(FRAME_COLUMNS["measures"]) + 1] == [*FRAME_COLUMNS["measures"], "greedy.correct"]
    assert [name for name in found if name.startswith("draws.majority.")] == [f"draws.majority.{n}" for n in (1, 2, 4, 8, 16)]
    rows = [*zip(found["t"], found["split"], found["problem_id"], strict=True)]
    assert len({*rows}) == len(rows)
    assert {*found["split"]} == {"test", "train", "ood/levels_1_to_3"}
    measured = smoke.artifact("sft", "measure/draws:3").json("measures.json")["problems"]
    at = rows.index((3, "test", measured[0]["id"]))
    assert (found["draws.correct"][at], found["draws.n"][at]) == (measured[0]["correct"], measured[0]["n"])
    assert found["diversity.all.distinct_n.1"][at] is not None
    suites = smoke.artifact("sft", "measure/ood/levels_1_to_3/draws:3").json("measures.json")["problems"]
    assert found["draws.n"][rows.index((3, "ood/levels_1_to_3", suites[0]["id"]))] == 4
    trained = smoke.artifact("sft", "measure/train:1").json("measures.json")["problems"]
    assert found["draws.correct"][rows.index((1, "train", trained[0]["id"]))] == trained[0]["correct"]


def test_the_report_has_its_numbers(smoke: Study, library: str) -> None:
    found = columns(smoke, "report", library)
    first = found["statistic"].index("pass_at_1")
    assert (found["t"][first], found["unit"][first]) == (1, "share")
    assert found["value"][first] == pytest.approx(smoke.of("sft").iterations[0]["pass_at_1"]["value"])
    assert {*found["method"]} == {"sft"}


def test_integers_with_gaps_stay_integers(smoke: Study) -> None:
    pytest.importorskip("pandas")
    run = smoke.of("sft")
    measures = sirev.frame(run, "measures", store=smoke.store)
    assert measures["draws.correct"].isna().any()
    assert measures["draws.correct"].dtype == "Int64"
    for report in (sirev.frame(run, "report", store=smoke.store), sirev.report(runs=[run.id], store=smoke.store).to_pandas()):
        assert report["n"].isna().any()
        assert report["n"].dtype == "Int64"
        assert [report[column].dtype.kind for column in ("seed", "t")] == ["i", "i"]


@pytest.mark.parametrize(
    ("number", "dtype"), [(2**60 + 1, "Int64"), (2**63 - 1, "Int64"), (-(2**63), "Int64"), (2**63, "object"), (2**70, "object")]
)
def test_large_integers_with_gaps_are_exact(number: int, dtype: str, library: str) -> None:
    column = data_frame([{"n": number}, {"n": None}, {}], ["n"], library)["n"]
    assert column[0] == number
    assert list(column.is_null() if library == "polars" else column.isna()) == [False, True, True]
    assert library == "polars" or column.dtype == dtype


def test_completions_made_elsewhere_have_frames_too(tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    for step, right in (("a", "true"), ("b", "false")):
        lines = [f'{{"id": "p{i}", "text": "x", "correct": {right}}}\n' for i in range(4)]
        (tmp_path / f"{step}.jsonl").write_text("".join(lines))
    steps = {step: tmp_path / f"{step}.jsonl" for step in "ab"}
    run = sirev.measure("mine", steps=steps, store=tmp_path / "store")
    frame = sirev.frame(run, "grades", store=tmp_path / "store")
    assert frame.groupby("t")["correct"].mean().to_dict() == {1: 1.0, 2: 0.0}
    assert {*frame["kind"]} == {"greedy"}
    for what in ("completions", "grades", "measures"):
        frame = sirev.frame(run, what, store=tmp_path / "store")
        assert {*zip(frame["t"], frame["step"], strict=True)} == {(1, "a"), (2, "b")}


def test_names_that_look_like_numbers_or_nothing_stay_names(tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    steps = {"010": tmp_path / "a.jsonl", "NA": tmp_path / "b.jsonl"}
    for path in steps.values():
        path.write_text('{"id": "p", "text": "x", "correct": true}\n')
    run = sirev.measure("mine", steps=steps, store=tmp_path / "store")
    frame = sirev.report(runs=[run.id], store=tmp_path / "store").to_pandas()
    assert {*frame["step"].dropna()} == {*steps}


@pytest.mark.parametrize(
    ("arguments", "options", "line"),
    [
        (
            ("completion",),
            {},
            "what: unknown 'completion'; did you mean 'completions'? (known: completions, grades, measures, report)",
        ),
        (("grades",), {"as_": "polar"}, "as_: unknown 'polar'; did you mean 'polars'? (known: pandas, polars)"),
    ],
)
def test_an_unknown_name_is_a_line(smoke: Study, arguments: Any, options: Any, line: str) -> None:
    with pytest.raises(BadInput) as caught:
        sirev.frame(smoke.of("sft"), *arguments, **options)
    assert str(caught.value) == line


@pytest.mark.parametrize(("library", "command"), [("pandas", r"pip install .*\[frames\]"), ("polars", "pip install polars")])
def test_a_library_that_is_missing_is_named_with_what_installs_it(
    smoke: Study, monkeypatch: pytest.MonkeyPatch, library: str, command: str
) -> None:
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(BadInput, match=f"needs {library}, which is not installed: {command}"):
        sirev.frame(smoke.of("sft"), "grades", as_=library)


def test_neither_library_is_imported_before_a_frame_is_asked_for() -> None:
    code = "import sys, sirev; sirev.frame; print({'pandas', 'polars', 'torch', 'pyarrow'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"
