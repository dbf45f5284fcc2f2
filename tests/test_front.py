from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType, SimpleNamespace

import pytest

import sirev
from sirev.errors import BadInput
from sirev.execution.listener import Listener
from sirev.store.runs import Run
from tests.conftest import Study

SHORT = 400
"""Characters that a result may have as the last line of a cell."""


def test_one_value_stands_for_a_list_of_it(smoke: Study) -> None:
    sft = smoke.of("sft").id
    (found,) = sirev.iterate("tiny_smoke", methods="sft", seeds=0, overrides="T=3", store=smoke.store)
    assert (found.id, found.computed) == (sft, ())
    assert [*sirev.plan("tiny_smoke", methods="sft", seeds=0, store=smoke.store)] == [sft]
    assert sirev.why("tiny_smoke", methods="sft", store=smoke.store).runs == (sft,)
    for options in ({"recipes": "tiny_smoke", "methods": "sft"}, {"runs": sft}, {"runs": found}, {"runs": [found]}):
        assert [run["id"] for run in sirev.report(store=smoke.store, **options).runs] == [sft]
    with pytest.raises(BadInput, match="unknown method 'stf'; did you mean 'sft'"):
        sirev.plan("tiny_smoke", methods="stf", store=smoke.store)


@pytest.mark.parametrize(
    ("call", "line"),
    [
        (lambda at: sirev.measure("m", steps=["a.jsonl", "b.jsonl"], store=at), "steps: expected a mapping such as"),
        (lambda at: sirev.measure("m", steps={"a": "a", "b": "b"}, fields="x", store=at), "fields: expected a mapping such as"),
        (lambda at: sirev.iterate("tiny_smoke", seeds="0", store=at), "seed '0': a seed is a whole number from 0"),
        (lambda at: sirev.answers(sirev.Store(at), "tiny"), "run: expected what iterate or measure returned, or a run's id"),
        (lambda at: sirev.answers("tiny", "tiny", store=at), "t: expected a whole number, got 'tiny'"),
        (lambda at: sirev.report(recipes=[], store=at), "recipes: no recipe was named"),
        (lambda at: sirev.report(runs=[], store=at), "runs: no run was named"),
    ],
)
def test_a_wrong_type_or_an_empty_choice_is_one_line(tmp_path: Path, call: Callable[[Path], object], line: str) -> None:
    with pytest.raises(BadInput, match=line) as caught:
        call(tmp_path / "store")
    assert "\n" not in str(caught.value)


def test_overrides_may_be_any_mapping(tmp_path: Path) -> None:
    request = {"methods": "sft", "store": tmp_path / "store"}
    plan = sirev.plan("tiny_smoke", overrides=MappingProxyType({"T": 2}), **request)
    assert plan == sirev.plan("tiny_smoke", overrides="T=2", **request)


def test_a_report_of_a_recipe_or_a_run_needs_no_option(smoke: Study) -> None:
    whole = sirev.report(recipes=["tiny_smoke"], store=smoke.store)
    assert sirev.report("tiny_smoke", store=smoke.store) == whole
    assert [run["id"] for run in sirev.report(smoke.of("dpo").id, store=smoke.store).runs] == [smoke.of("dpo").id]
    assert sirev.report("accuracy", recipes="tiny_smoke", store=smoke.store).section == "accuracy"
    with pytest.raises(BadInput, match="unknown section 'tinny'"):
        sirev.report("tinny", store=smoke.store)


def test_what_a_cell_ends_in_is_shown_in_short(smoke: Study) -> None:
    sft = smoke.of("sft").id
    results = sirev.iterate("tiny_smoke", store=smoke.store)
    report = sirev.report(recipes="tiny_smoke", store=smoke.store)
    for shown in (results, report, sirev.plan("tiny_smoke", store=smoke.store), results[0].answers()):
        assert len(repr(shown)) < SHORT * (len(results) if shown is results else 1)
        assert sft in repr(shown) or "tiny_smoke" in repr(shown)
    missing = sirev.why("tiny_smoke", overrides="training.sft.learning_rate=1e-4", store=smoke.store)
    assert "2:train: learning_rate 0.002 -> 0.0001" in repr(missing)
    assert len(repr(missing)) < SHORT
    assert report._repr_markdown_().count("|") > 100  # which is what a notebook shows


def test_a_notebook_shows_progress_unless_a_listener_is_passed(
    smoke: Study, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Counting(Listener):
        hits = 0

        def step(self, run: Run, name: str, state: str) -> None:
            Counting.hits += 1

    asked = {"methods": "sft", "store": smoke.store}
    sirev.iterate("tiny_smoke", **asked)
    assert capsys.readouterr().err == ""
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=object))
    sirev.iterate("tiny_smoke", **asked)
    assert "0 computed" in capsys.readouterr().err
    sirev.iterate("tiny_smoke", **asked, listener=Counting())
    assert capsys.readouterr().err == ""
    assert Counting.hits > 10
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: None))  # imported, but nobody is there
    sirev.iterate("tiny_smoke", **asked)
    assert capsys.readouterr().err == ""


def test_a_script_shows_progress_if_it_asks_for_it(smoke: Study, capsys: pytest.CaptureFixture[str]) -> None:
    sirev.iterate("tiny_smoke", methods="sft", store=smoke.store, listener=sirev.Progress())
    assert capsys.readouterr().err.count("0 computed") == 1
