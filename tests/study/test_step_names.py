from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import sirev
from sirev.stages import STAGES
from sirev.study import step_names
from sirev.study.step_names import (
    StepName,
    answer_kinds,
    answer_steps,
    is_asked,
    is_called,
    parse_step,
    problems_among,
    stage_of,
    steps_beginning,
)
from tests.conftest import Study

ROOT = Path(sirev.__file__).parent


@pytest.mark.parametrize(
    ("step", "parts"),
    [
        ("compare", ("compare", "", None)),
        ("train:2", ("train", "", 2)),
        ("train/null:2", ("train", "null", 2)),
        ("sample/test/greedy:1", ("sample", "test/greedy", 1)),
        ("sample/ood/levels_1_to_3/greedy:10", ("sample", "ood/levels_1_to_3/greedy", 10)),
        ("model/embedding", ("model", "embedding", None)),
        ("dataset/train/few-shot", ("dataset", "train/few-shot", None)),
        ("samples/common/file:1", ("samples", "common/file", 1)),
        ("2:train", ("2:train", "", None)),
    ],
)
def test_a_name_is_its_parts(step: str, parts: tuple[str, str, int | None]) -> None:
    assert parse_step(step) == parts
    assert str(StepName(*parts)) == step


def test_every_step_of_a_run_is_named_after_a_stage_and_is_its_parts(smoke: Study) -> None:
    for run in smoke.store.runs.all():
        for step in run.pins:
            assert stage_of(step) in STAGES
            assert str(parse_step(step)) == step


def test_steps_have_their_turn_by_t() -> None:
    names = [parse_step(step) for step in ("compare", "train:10", "train:2", "model:0", "dataset/test")]
    assert [str(name) for name in sorted(names, key=lambda name: name.turn)] == [
        *("dataset/test", "model:0", "train:2", "train:10", "compare")
    ]


def test_a_step_is_asked_for_by_its_stage_and_t() -> None:
    assert is_asked("sample", "sample", "sample/test:2")
    assert is_asked("sample:2", "sample", "sample/test:2")
    assert not is_asked("sample:2", "sample", "sample/test:12")
    assert not is_asked("sample:None", "source", "source/test")
    assert is_called("2", "sample", "sample/test:2")
    assert is_called("sample/test:2", "samples", "sample/test:2")
    assert not is_called("sample/test", "sample", "sample/test:2")


def test_the_beginning_of_a_name_means_all_steps_below_it() -> None:
    steps = ["train:2", "train/null:2", "sample/test:2", "sample/test/greedy:2", "sample/test:12", "samples/file:2"]
    assert steps_beginning("train:2", steps) == ["train:2", "train/null:2"]
    assert steps_beginning("sample/test", steps) == ["sample/test:2", "sample/test/greedy:2", "sample/test:12"]
    assert steps_beginning("sample:2", steps) == ["sample/test:2", "sample/test/greedy:2"]
    assert steps_beginning("samp", steps) == []


def test_the_answers_of_a_run_are_those_sampled_and_graded() -> None:
    kinds = {"draws": [1, 2], "greedy": [1], "hard": [1], "hard/draws": [1], "temperature/0.5": [1], "train": [1, 2]}
    steps = [step for kind, ts in kinds.items() for t in ts for step in answer_steps(kind, "dev", t)[1:]]
    assert {"sample/ood/hard/greedy:1", "sample/dev/0.5:1", "sample/train:1"} <= {*steps}
    assert answer_steps("hard/draws", "dev", 2) == ("ood/hard", "sample/ood/hard:2", "grade/ood/hard/draws:2")
    assert answer_kinds([*steps, "grade/select:1", "grade/train:3", "grade/ood/lost:1"], "dev") == kinds
    assert problems_among(["source/test", "dataset/dev"], "dev") == "dataset/dev"
    assert problems_among(["source/test"], "dev") is None


def test_a_suite_that_is_called_like_other_answers_is_told_from_them() -> None:
    steps = [step for kind in ("draws", "ood/draws", "ood/draws/draws", "ood/train") for step in answer_steps(kind, "dev", 1)[1:]]
    assert steps[2:4] == ["sample/ood/draws/greedy:1", "grade/ood/draws:1"]
    assert answer_kinds(steps, "dev") == {"draws": [1], "ood/draws": [1], "draws/draws": [1], "ood/train": [1]}
    assert answer_steps("draws/draws", "dev", 1) == answer_steps("ood/draws/draws", "dev", 1)


NO_STEPS = {
    "api/recompute.py": "FILE:CLASS",
    "api/run_sender.py": "values of a tracker as train/NAME",
    "api/sweep_ray.py": "an address as HOST:PORT",
    "execution/tracker_target.py": "TRACKER:PROJECT",
    "grading/sandbox/pool.py": "a function as MODULE:NAME",
    "grading/own.py": "FILE:FUNCTION",
    "own_code.py": "FILE:CLASS and FILE:FUNCTION",
    "processes/memory.py": "a line of /proc/self/cgroup",
    "processes/requests.py": "a function as MODULE:NAME",
    "processes/torch_gpu.py": "a line of /proc/meminfo",
    "store/provenance.py": "a line of /proc/cpuinfo",
    "store/runs.py": "a step as it is shown, t first, and RUN:t:STEP",
    "tasks/external/completions.py": "verdicts of other tools",
    "tasks/external/lighteval.py": "a metric as METRIC:OPTIONS",
    "tasks/core/python.py": "FILE:CLASS",
    "tasks/splits.py": "a split",
    "trackers/dispatch.py": "a class as MODULE:NAME",
}
"""What other modules take apart at a colon, or build that looks like a step's name."""
TAKES_APART = ("partition", "rpartition", "split", "rsplit", "find", "rfind", "startswith", "endswith", "removeprefix")
NAMED = re.compile(rf"(?:{'|'.join(STAGES)})[:/](?![\s/])")


def is_step_handling(node: ast.AST) -> bool:
    """A call that takes a text apart at a colon or asks how it begins, if with a stage; or a text that names a step."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return NAMED.match(node.value) is not None
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in TAKES_APART):
        return False
    texts = [text.value for argument in node.args for text in ast.walk(argument) if isinstance(text, ast.Constant)]
    begins = node.func.attr in ("startswith", "removeprefix")
    return any(text == ":" or (begins and text in STAGES) for text in texts)


def handles_steps(code: str) -> list[int]:
    """The lines that build or take apart what looks like a step's name; docstrings may speak of them."""
    tree = ast.parse(code)
    texts = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return [node.lineno for node in ast.walk(tree) if id(node) not in texts and is_step_handling(node)]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "code",
    [
        "f'train:{t}'",
        "'sample/test'",
        "x.startswith('train')",
        "x.startswith(('grade', 'embed'))",
        "x.rfind(':')",
        "x.endswith(f':{t}')",
    ],
)
def test_handling_of_names_is_seen(code: str) -> None:
    assert handles_steps(f"y = {code}")


def test_names_are_built_and_taken_apart_in_one_module_alone() -> None:
    own = Path(step_names.__file__)
    assert handles_steps(own.read_text())
    found = {str(path.relative_to(ROOT)) for path in ROOT.rglob("*.py") if path != own and handles_steps(path.read_text())}
    assert found == NO_STEPS.keys()
