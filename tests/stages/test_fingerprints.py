from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sirev.stages import STAGES
from tests.stages import fingerprints
from tests.stages.fingerprints import KNOWN, current, fingerprint, normalised

HOW = (
    "the code of the stage {0!r} has changed. If equal inputs may now give another result, raise its version; then run "
    "`python tests/stages/fingerprints.py`. If results are the same, run it with --same, which compares them."
)


@pytest.mark.parametrize("stage", current())
def test_changed_code_has_a_new_version(stage: str) -> None:
    known = json.loads(KNOWN.read_text()).get(stage, {})
    assert known.items() >= current()[stage].items(), HOW.format(stage)


@pytest.mark.parametrize(
    ("stage", "reached"),
    [
        ("train", "sirev.trainers.trl_steps:make_trainer"),  # in a child process, imported there alone
        ("sample", "sirev.engines.kv_sampler:choose"),  # the engine is chosen by name and imported in a function
        ("source", "sirev.tasks.core.arithmetic:_verbal"),  # through a table of functions
        ("grade", "sirev.grading.final_number:_FINAL"),  # a constant
        ("select", "sirev.seeds:derive_seed"),
        ("measure", "sirev.metrics.equations:equations"),
        ("measure", "sirev.metrics.families.accuracy:measure"),  # through the registry of families
        ("compare", "sirev.metrics.pass_at_n:pass_at_n_table"),
        ("compare", "sirev.metrics.families.embedding:_of_group"),
        ("pretrain", "sirev.trainers.pretrain:build_tokenizer"),
    ],
)
def test_a_change_anywhere_below_a_stage_shows(stage: str, reached: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = fingerprint(stage)
    home, name = reached.split(":")
    original = fingerprints.module(home)
    assert original is not None
    changed = [ast.parse("changed = 1").body[0]]
    monkeypatch.setitem(original.definitions, name, [*original.definitions[name], *changed])
    assert fingerprint(stage) != before
    monkeypatch.undo()
    assert fingerprint(stage) == before


def test_a_change_of_how_a_task_is_read_shows_for_that_task_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    home = fingerprints.module("sirev.tasks.core.gsm8k")
    assert home is not None
    before = current()
    monkeypatch.setitem(home.definitions, "_problem", [*home.definitions["_problem"], ast.parse("changed = 1").body[0]])
    assert {name for name, entry in current().items() if entry != before[name]} == {"dataset of gsm8k"}


def test_comments_docstrings_and_layout_do_not_count() -> None:
    one = 'def f(x):\n    """Says."""\n    return {"a": x}  # why\n'
    two = "def f(x):\n    return {\n        'a': x,\n    }\n"
    other = 'def f(x):\n    return {"a": -x}\n'
    assert normalised(ast.parse(one)) == normalised(ast.parse(two))
    assert normalised(ast.parse(one)) != normalised(ast.parse(other))


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A sirev of two modules in place of the real one."""
    monkeypatch.setattr(fingerprints, "ROOT", tmp_path)
    fingerprints.module.cache_clear()
    (tmp_path / "sirev").mkdir()
    (tmp_path / "sirev" / "a.py").write_text("from sirev.b import help\n\ndef run(x):\n    return help(x, 'sirev.b:late')\n")
    (tmp_path / "sirev" / "b.py").write_text("def help(x, y):\n    return x + SIZE\n\ndef late():\n    pass\n\nSIZE = 1\n")
    yield tmp_path / "sirev"
    fingerprints.module.cache_clear()


def test_what_is_moved_or_renamed_keeps_its_fingerprint(package: Path) -> None:
    before = fingerprints.reached_from("sirev.a", "run")
    (package / "c.py").write_text("WIDTH = 1\n\ndef aid(x, y):\n    return x + WIDTH\n")
    (package / "d.py").write_text("from sirev.c import aid\n\ndef later():\n    pass\n")
    (package / "b.py").unlink()
    (package / "a.py").rename(package / "e.py")
    code = "def go(x):\n    from sirev.d import aid\n    return aid(x, 'sirev.d:later')\n"
    (package / "e.py").write_text(code)
    fingerprints.module.cache_clear()
    assert fingerprints.reached_from("sirev.e", "go") == before
    (package / "c.py").write_text("WIDTH = 2\n\ndef aid(x, y):\n    return x + WIDTH\n")
    fingerprints.module.cache_clear()
    assert fingerprints.reached_from("sirev.e", "go") != before


def test_two_functions_that_change_places_show(package: Path) -> None:
    two = "def first(x):\n    return x\n\ndef second(x):\n    return -x\n\ndef run(x):\n    return {}(x) / {}(x)\n"
    (package / "a.py").write_text(two.format("first", "second"))
    before = fingerprints.reached_from("sirev.a", "run")
    (package / "a.py").write_text(two.format("second", "first"))
    fingerprints.module.cache_clear()
    assert fingerprints.reached_from("sirev.a", "run") != before


def test_every_python_gives_the_same_fingerprints() -> None:
    stages = [STAGES[name].run.__module__ for name in ("train", "sample", "measure")]
    program = f"import fingerprints as f; print(*(f.reached_from(stage, 'run') for stage in {stages}))"
    expected = [fingerprints.reached_from(stage, "run") for stage in stages]
    others = 0
    for version in ("3.12", "3.13", "3.14"):
        if python := shutil.which(f"python{version}"):
            found = subprocess.run([python, "-c", program], cwd=KNOWN.parent, capture_output=True, text=True)
            if found.returncode == 127:  # a name that leads nowhere, as version managers leave
                continue
            assert found.stdout.split() == expected, found.stderr
            others += 1
    if not others:
        pytest.skip(f"no Python here but {sys.version.split()[0]}")
