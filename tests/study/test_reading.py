from __future__ import annotations

from pathlib import Path
from typing import Any

from sirev.store.artifacts import Output
from sirev.store.records import action_key
from sirev.store.runs import Pin, Run
from sirev.store.store import Store
from sirev.study.reading import unread_notes, unread_sentences


def run_of(store: Store, unread: dict[str, Any], **settings: Any) -> Run:
    """A run whose grade steps have these notes beside their grades."""
    run = Run("mine-samples-s0-12345678", "mine", "samples", 0, 1, settings, "2026-01-01T00:00:00Z-abcdef")
    for step, noted in unread.items():
        action = {"stage": "grade", "version": 1, "parameters": {"step": step}, "inputs": {}}
        artifact = store.publish(action, Output(files={"x": step.encode()}), {"unread": noted} if noted else {})
        run.pins[step] = Pin(action_key(action), artifact.digest)
    return run


def noted(count: int) -> dict[str, Any]:
    return {"grader": "math", "unread": count, "of": 10, "examples": ["so 4"], "readers": [["gsm8k_flexible", 4, 3]], "sample": 4}


def test_the_worst_step_comes_first_by_the_name_that_its_model_was_given(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    run = run_of(store, {"grade/greedy:1": noted(2), "grade/greedy:2": noted(4), "grade/draws:1": None}, steps=["base", "tuned"])
    first, second = unread_sentences(store, run)
    assert first.startswith(
        "tuned: math read no answer in 4 of 10 answers (40.0%), which end in 'so 4'; gsm8k_flexible would read 4 of 4"
    )
    assert second.startswith("base: math read no answer in 2 of 10")


def test_an_end_has_few_of_many(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    run = run_of(store, {f"grade/draws:{t}": noted(4) for t in range(1, 6)})
    found = unread_notes(store, run)
    assert len(found) == 4
    assert found[0].startswith("1:grade/draws: ")
    assert found[-1] == "in 2 more steps much was not read either"


def test_a_record_of_a_stranger_that_makes_no_sense_says_nothing(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    odd: list[Any] = ["x", {"unread": 1}, {**noted(1), "of": 0}, {**noted(1), "examples": 3}, {**noted(1), "readers": [[]]}]
    run = run_of(store, {f"grade/draws:{t}": one for t, one in enumerate(odd, 1)})
    assert unread_sentences(store, run) == []
