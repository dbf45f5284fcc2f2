from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sirev.store.runs import Run
from sirev.store.sharing.private import local_names, shareable


def shared(settings: dict[str, Any]) -> dict[str, Any]:
    return shareable(Run("x-sft-s0-00000000", "x", "sft", 0, 1, settings, "2026")).settings


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/home/me/private/model", "./model"),
        ("~/model/", "./model"),
        ("../secret/model", "./model"),
        ("a/b/model", "./model"),
        ("C:\\Users\\me\\model", "./model"),
        ("./model", "./model"),
        ("mistralai/Mistral-7B-v0.1", "mistralai/Mistral-7B-v0.1"),
        ("gsm8k", "gsm8k"),
    ],
)
def test_a_local_model_keeps_its_name_alone(path: str, name: str) -> None:
    assert shared({"model": {"name": path}}) == {"model": {"name": name}}
    assert shared({"evaluation": {"embedding": {"model": path}}}) == {"evaluation": {"embedding": {"model": name}}}
    assert shared(shared({"model": {"name": path}})) == {"model": {"name": name}}


def test_a_folder_below_the_present_one_keeps_its_name_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "models" / "secret").mkdir(parents=True)
    (tmp_path / "arithmetic").mkdir()
    monkeypatch.chdir(tmp_path)
    assert shared({"model": {"name": "models/secret"}}) == {"model": {"name": "./secret"}}
    assert shared({"task": {"name": "arithmetic"}}) == {"task": {"name": "arithmetic"}}
    assert shared({"model": {"name": f"o/{'n' * 5000}"}}) == {"model": {"name": f"o/{'n' * 5000}"}}


def test_a_file_keeps_its_name_alone_however_its_path_is_written() -> None:
    assert shared({"samples": {"file m1": {"file": "out/M1.jsonl"}}}) == {"samples": {"file m1": {"file": "./M1.jsonl"}}}
    assert shared({"samples": {"file m1": {"file": "M1.jsonl"}}}) == {"samples": {"file m1": {"file": "M1.jsonl"}}}
    assert shared({"task": {"data": {"path": "file:///home/me/x"}}}) == {"task": {"data": {"path": "./x"}}}
    assert shared({"model": {"name": "file:///home/me/x"}}) == {"model": {"name": "./x"}}


def test_data_and_classes_keep_theirs_and_nothing_else_changes() -> None:
    data = {"path": "rows", "train": "/d/a.jsonl.gz", "test": None, "hub": "openai/gsm8k"}
    told = shared({"task": {"name": "python", "class": "mine/tasks.py:Sums", "data": data, "limit": {"train": 3}}})
    there = {"path": "./rows", "train": "./a.jsonl.gz", "test": None, "hub": "openai/gsm8k"}
    assert told == {"task": {"name": "python", "class": "./tasks.py:Sums", "data": there, "limit": {"train": 3}}}
    grader = {"grader": {"name": "python", "function": "mine/judge.py:close"}}
    assert shared({"training": grader}) == {"training": {"grader": {"name": "python", "function": "./judge.py:close"}}}
    kept = {"task": {"class": "package.tasks:Sums", "prompt": "/no_think {question}"}, "T": 3, "seeds": ["/x"], "split": "test"}
    kept["training"] = {"grader": {"function": "package.judges:close"}}
    run = Run("x-sft-s0-00000000", "x", "sft", 0, 1, kept, "2026")
    assert shareable(run) is run


def test_what_remains_of_local_files_is_listed_by_key() -> None:
    settings = {
        "model": {"name": "/home/me/model"},
        "task": {"name": "python", "class": "mine/tasks.py:Sums", "data": {"train": "a.jsonl", "hub": "openai/gsm8k"}},
        "evaluation": {"embedding": {"model": "org/embedder"}, "grader": {"function": "package.judges:close"}},
    }
    assert dict(local_names(shared(settings))) == {
        "model.name": "./model",
        "task.class": "./tasks.py:Sums",
        "task.data.train": "./a.jsonl",
    }


def test_an_address_of_an_older_store_loses_what_lets_in() -> None:
    assert shared({"engine": {"url": "http://user:s3cr3t@host:8000/v1?key=s3cr3t#x"}}) == {
        "engine": {"url": "http://host:8000/v1"}
    }
