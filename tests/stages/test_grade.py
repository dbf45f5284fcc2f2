from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import sirev
from sirev.parameters import keyed_parameters
from sirev.processes.requests import Emit, Event, Request, Result, Work
from sirev.processes.resident import Resident
from sirev.recipe.sections import ProgramGrader, TextGrader
from sirev.stages.grade import grade_parameters, run
from sirev.store.artifacts import Artifact, Output
from sirev.store.records import action_key
from sirev.store.store import Store
from sirev.store.tables import Table
from tests.conftest import Study


def test_another_grader_of_the_evaluation_regrades_and_never_trains_or_samples(smoke: Study, smoke_copy: Path) -> None:
    # A heavy grader, so it also runs in a child; it reads the same numbers, so what follows is cut off.
    (result,) = sirev.iterate("tiny_smoke", methods=["sft"], overrides=["evaluation.grader=gsm8k_strict"], store=smoke_copy)
    assert {step.partition("/")[0].partition(":")[0] for step in result.computed} <= {"grade", "measure", "compare"}
    assert any(step.startswith("grade/draws") for step in result.computed)
    assert [i["pass_at_1"] for i in result.iterations] == [i["pass_at_1"] for i in smoke.of("sft").iterations]


def test_another_grader_of_the_training_leaves_the_evaluations_grades_alone(smoke_copy: Path) -> None:
    (result,) = sirev.iterate("tiny_smoke", methods=["sft"], overrides=["training.grader=gsm8k_strict"], store=smoke_copy)
    assert {step for step in result.computed if step.startswith("grade/")} == {f"grade/select:{t}" for t in (1, 2)}


def test_the_limit_of_a_grader_that_takes_no_time_is_in_no_key() -> None:
    assert keys(name="letter", seconds=3.0) == keys(name="letter", seconds=10.0)
    assert keys(name="math", seconds=3.0) != keys(name="math", seconds=10.0)


def test_all_that_a_recipe_says_of_running_programs_is_in_the_key() -> None:
    settings = {"seconds": 5.0, "memory_mb": 512, "sandbox": "A", "prelude": False}
    each = [keys(name="mbpp"), *(keys(name="mbpp", **{name: value}) for name, value in settings.items())]
    assert len({str(one) for one in each}) == 5


def test_text_graders_have_the_keys_that_they_had_before_programs_had_settings() -> None:
    assert keys(name="math", seconds=5.0) == {"grader": "math", "grader_version": 2, "seconds": 5.0}
    assert keys(name="exact") == {"grader": "exact", "grader_version": 1}


def test_grades_of_programs_hold_nothing_that_varies_and_the_rest_is_recorded_beside_them(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    problems = [{"id": "p", "answer": '{"tests": ["assert f(1) == 2", "assert f(2) == 3"]}'}]
    texts = [
        "def f(x):\n    return x + 1",
        "def f(x):\n    return 2",
        "import time, sys\nprint(time.time(), file=sys.stderr)\n1/0",
        "",
    ]
    completions = [{"problem_id": "p", "draw": draw, "text": text} for draw, text in enumerate(texts)]
    inputs = {
        "problems": written(store, "problems", problems, ("id",)),
        "completions": written(store, "completions", completions, ("problem_id", "draw")),
    }
    found, details = [], []
    for attempt in ("one", "two"):
        child = Resident("grader", tmp_path / f"{attempt}.log", threads=1)
        context = Here(tmp_path / attempt, child)
        output = run(grade_parameters(ProgramGrader(name="mbpp")), inputs, context)
        child.stop()
        artifact = store.publish({"stage": attempt}, output)
        record = store.records.get(action_key({"stage": attempt}), artifact.digest)
        assert record is not None
        assert record.provenance["sandbox"]["tier"] in ("A", "B")
        assert (record.provenance["sandbox"]["programs"], record.provenance["sandbox"]["passed"]) == (3, 1)
        noted = gzip.decompress(store.objects.checked(record.provenance["notes"]["programs.jsonl.gz"]).read_bytes())
        details.append([json.loads(line) for line in noted.splitlines()])
        assert output.provenance["unread"]["unread"] == 1
        assert context.warned == ["mbpp read no answer in 1 of 4 answers (25.0%), which end in ''"]
        found.append(artifact)
    assert found[0].digest == found[1].digest
    assert [row["reason"] for row in found[0].rows("grades")] == [
        "right",
        "failed assertion: 2",
        "exception: ZeroDivisionError: division by zero",
        "no code found",
    ]
    assert [detail["draw"] for detail in details[0]] == [0, 1, 2, 3]
    assert "ZeroDivisionError" in details[0][2]["stderr"]
    assert details[0][2]["stderr"] != details[1][2]["stderr"]


def test_options_are_graded_with_their_words_as_the_prompt_shows_them(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    prompt = "Question: Where do birds live?\nA. nest\nB. shed\nC. a cave\nAnswer:\n"
    texts = ["Answer: C", "a cave", "The answer is the nest.", "in a nest, or a cave"]
    completions = [{"problem_id": "p", "draw": draw, "text": text} for draw, text in enumerate(texts)]
    inputs = {
        "problems": written(store, "problems", [{"id": "p", "prompt": prompt, "answer": "C"}], ("id",)),
        "completions": written(store, "completions", completions, ("problem_id", "draw")),
    }
    output = run(grade_parameters(TextGrader(name="letter")), inputs, Here(tmp_path / "scratch", None))
    rows = store.publish({"stage": "grade"}, output).rows("grades")
    assert [(row["reason"], row["answer"]) for row in rows] == [
        ("right", "C"),
        ("right", "C"),
        ("wrong", "A"),
        ("no answer found", ""),
    ]


class Here:
    """A stage's context without a runner."""

    def __init__(self, scratch: Path, child: Resident | None) -> None:
        scratch.mkdir()
        self.scratch = self.attempts = scratch
        self.child = child
        self.warned: list[str] = []

    def call(
        self,
        role: str,
        work: Work[Request, Event, Result],
        request: Request,
        on_event: Emit[Event],
        holding: str | None = None,
    ) -> Result:
        assert self.child is not None
        return self.child.call(work, request, on_event)

    def progress(self, done: int, total: int, unit: str, rate: float | None = None) -> None:
        assert done <= total

    def warn(self, text: str) -> None:
        self.warned.append(text)

    def local_model(self, digest: str) -> Path:
        raise AssertionError(digest)

    def stored(self, action: dict[str, Any]) -> Artifact | None:
        raise AssertionError(action)

    def keep(self, action: dict[str, Any], output: Output) -> Artifact:
        raise AssertionError(action)


def written(store: Store, name: str, rows: list[dict[str, Any]], order: tuple[str, ...]) -> Artifact:
    columns = {column: "int" if column == "draw" else "string" for column in rows[0]}
    return store.publish({"stage": name}, Output(tables={name: Table(columns, rows, order)}))


def keys(**grader: Any) -> dict[str, Any]:
    kind = ProgramGrader if grader["name"] == "mbpp" else TextGrader
    return keyed_parameters(grade_parameters(kind(**grader)))


def test_the_grader_that_would_have_read_more_is_told_by_the_golds_themselves(tmp_path: Path) -> None:
    """The grader of options takes a gold answer as JSON with their words, and no answer is written like that."""
    store = Store(tmp_path / "store")
    problems = [{"id": "p", "prompt": "How much is it, of these?\nA. a lot\nB. little\nAnswer:\n", "answer": "1230"}]
    completions = [{"problem_id": "p", "draw": draw, "text": "It is 41 * 30.\n#### 1,230"} for draw in range(4)]
    inputs = {
        "problems": written(store, "problems", problems, ("id",)),
        "completions": written(store, "completions", completions, ("problem_id", "draw")),
    }
    output = run(grade_parameters(TextGrader(name="letter")), inputs, Here(tmp_path / "scratch", None))
    assert ["gsm8k_strict", 4, 4] in output.provenance["unread"]["readers"]
