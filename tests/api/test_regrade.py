from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

import sirev
from sirev.api.regrade import Regraded, Regrading
from sirev.errors import BadInput, StageFailed
from sirev.recipe import load_recipe
from sirev.recipe.sections import Model
from sirev.store.artifacts import Artifact, Output
from sirev.store.checkout import hand_out
from sirev.store.records import Record, action_key
from sirev.store.runs import Pin, Run
from sirev.store.store import Store
from sirev.store.tables import Table
from sirev.study.external.asked_recipe import asked_recipe
from tests.conftest import Study, tree

EXACT = ["evaluation.grader=exact"]
FLEXIBLE = ["evaluation.grader=gsm8k_flexible"]


def stages(store: Path) -> Counter[str]:
    return Counter(record.action["stage"] for record in Store(store).records.all())


def by_exact(store: Path) -> list[Record]:
    """The records of grades by the grader `exact`."""
    return [r for r in Store(store).records.all() if r.action.get("parameters", {}).get("grader") == "exact"]


def touched(folder: Path) -> dict[Path, int]:
    """When each file and folder changed: even a lock that was there for a moment shows."""
    return {path: path.stat().st_mtime_ns for path in [folder, *folder.rglob("*")]}


def step(found: Regrading, name: str) -> Regraded:
    return next(one for one in found.steps if one.step == name)


def flips(before: Artifact, after: Artifact) -> list[tuple[str, int, str, str]]:
    """What differs between two artifacts, by hand."""
    new = {(row["problem_id"], row["draw"]): row for row in after.rows("grades")}
    found = []
    for row in before.rows("grades"):
        other = new[row["problem_id"], row["draw"]]
        if row["correct"] is not other["correct"]:
            found.append((row["problem_id"], row["draw"], row["reason"], other["reason"]))
    return found


def test_by_its_own_graders_every_step_of_a_run_stays_as_it_is(smoke: Study) -> None:
    run = smoke.run("sft-dpo")
    before = touched(smoke.store.path)
    found = sirev.regrade(run.id, store=smoke.store)
    assert {one.step for one in found.steps} == {name for name in run.pins if name.startswith("grade/")}
    assert all((one.right_before, one.other_reasons, one.flips) == (one.right_after, 0, []) for one in found.steps)
    assert (found.missing, found.computed) == ({}, ())
    assert step(found, "grade/draws:2").answers == 24 * 16
    assert touched(smoke.store.path) == before


@pytest.mark.parametrize("overrides", [EXACT, FLEXIBLE], ids=" ".join)
def test_the_flips_are_those_between_the_grades_of_the_run_and_those_of_an_iterate(
    smoke: Study, smoke_copy: Path, overrides: list[str]
) -> None:
    found = sirev.regrade(smoke.of("sft").id, overrides=overrides, store=smoke_copy)
    (other,) = sirev.iterate("tiny_smoke", methods=["sft"], overrides=overrides, store=smoke_copy)
    assert not [name for name in other.computed if not name.startswith(("measure/", "compare"))]  # its grades were there
    store = Store(smoke_copy)
    run = store.runs.get(other.id)
    assert run is not None
    assert sum(len(one.flips) for one in found.steps) > 0
    for one in found.steps:
        before, after = smoke.artifact("sft", one.step), store.artifact(run.pins[one.step].artifact)
        assert [(flip.problem, flip.draw, flip.before, flip.after) for flip in one.flips] == flips(before, after)
        old, new = ([row["correct"] for row in graded.rows("grades")] for graded in (before, after))
        assert (one.answers, one.right_before, one.right_after) == (len(old), sum(old), sum(new))
        assert one.right_to_wrong == sum(b and not a for b, a in zip(old, new, strict=True))
        assert one.wrong_to_right == sum(a and not b for b, a in zip(old, new, strict=True))
        reasons = zip(before.rows("grades"), after.rows("grades"), strict=True)
        assert one.other_reasons == sum(b["reason"] != a["reason"] for b, a in reasons) - len(one.flips)


def test_each_grader_judges_its_own_answers(smoke: Study, smoke_copy: Path) -> None:
    evaluated = sirev.regrade(smoke.of("dpo").id, overrides=EXACT, store=smoke_copy)
    trained = sirev.regrade(smoke.of("dpo").id, overrides=["training.grader=exact"], store=smoke_copy)
    of_all = {f"grade/{what}:{t}" for what in ("greedy", "draws", "train") for t in (1, 2, 3)}
    of_suites = {f"grade/ood/levels_1_to_3/draws:{t}" for t in (1, 3)}
    assert {one.step for one in evaluated.steps if one.flips} == of_all | of_suites
    assert {one.step for one in trained.steps if one.flips} == {"grade/select:1", "grade/select:2"}
    assert trained.computed == ()  # the grades of the training draws are the same, whoever asks for them
    assert step(trained, "grade/select:2").flips == step(evaluated, "grade/train:2").flips


def test_nothing_is_trained_or_sampled_and_the_runs_stay_as_they_were(smoke: Study, smoke_copy: Path) -> None:
    before, runs = stages(smoke_copy), tree(smoke_copy / "runs")
    found = sirev.regrade(smoke.of("sft").id, overrides=["training.grader=exact", *EXACT], store=smoke_copy)
    assert step(found, "grade/select:1").right_after == 0  # an iterate would have stopped here
    assert step(found, "grade/select:2").right_before > 0
    assert stages(smoke_copy) - before == Counter(grade=len(found.computed))
    assert tree(smoke_copy / "runs") == runs


def test_a_second_regrade_finds_everything_and_writes_nothing(smoke: Study, smoke_copy: Path) -> None:
    first = sirev.regrade(smoke.of("sft").id, overrides=FLEXIBLE, store=smoke_copy)
    before = touched(smoke_copy)
    again = sirev.regrade(smoke.of("sft").id, overrides=FLEXIBLE, store=smoke_copy)
    assert len(first.computed) > 0
    assert again.computed == ()
    assert again.steps == first.steps
    assert touched(smoke_copy) == before


def test_new_grades_have_provenance(smoke: Study, smoke_copy: Path) -> None:
    sirev.regrade(smoke.of("sft").id, overrides=EXACT, store=smoke_copy)
    made = by_exact(smoke_copy)
    assert made
    assert all(record.provenance["packages"]["sirev"] and record.provenance["seconds"] >= 0 for record in made)


def test_a_run_regraded_stands_on_its_own_realisation(smoke: Study, smoke_copy: Path) -> None:
    """Other answers to the same question, recorded later: what is regraded are those that the run pinned."""
    store = Store(smoke_copy)
    run = smoke.run("sft", store)
    pin = run.pins["sample/test/greedy:1"]
    record = store.records.get(pin.key, pin.artifact)
    assert record is not None
    other = store.artifact(run.pins["sample/test/greedy:2"].artifact)
    assert other.digest != pin.artifact
    store.records.add(Record(record.action, other.digest, {"recorded": "2000", "store": store.id}))
    found = sirev.regrade(run.id, overrides=EXACT, store=smoke_copy)
    asked = {r.action["inputs"]["completions"] for r in by_exact(smoke_copy)}
    assert store.artifact(pin.artifact).semantic in asked
    assert step(found, "grade/greedy:1").right_before == sum(
        row["correct"] for row in smoke.artifact("sft", "grade/greedy:1").rows("grades")
    )


def test_answers_that_are_gone_are_named_and_the_rest_is_regraded(smoke: Study, smoke_copy: Path) -> None:
    store = Store(smoke_copy)
    files = smoke.artifact("sft", "sample/train:2").manifest["files"].values()
    store.objects.path(next(iter(files))["sha256"]).unlink()
    store.objects.path(smoke.artifact("sft", "grade/draws:3").digest).unlink()
    found = sirev.regrade(smoke.of("sft").id, overrides=EXACT, store=smoke_copy)
    assert found.missing == {
        "grade/train:2": "its completions are no longer in the store",
        "grade/select:2": "its completions are no longer in the store",
        "grade/draws:3": "its grades are no longer in the store",
    }
    assert step(found, "grade/draws:2").flips
    assert len(found.steps) == 16 - 3


def test_damaged_answers_are_named_and_the_rest_is_regraded(smoke: Study, smoke_copy: Path) -> None:
    (entry,) = smoke.artifact("sft", "sample/test/greedy:2").manifest["files"].values()
    path = Store(smoke_copy).objects.path(entry["sha256"])
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[::-1])
    found = sirev.regrade(smoke.of("sft").id, overrides=EXACT, store=smoke_copy)
    assert list(found.missing) == ["grade/greedy:2"]
    assert found.missing["grade/greedy:2"].endswith("was damaged and has been removed; `sirev iterate` recomputes it")
    assert len(found.steps) == 16 - 1


def test_an_unfinished_run_is_regraded_as_far_as_it_got(smoke: Study, smoke_copy: Path) -> None:
    store = Store(smoke_copy)
    run = smoke.run("sft", store)
    run.status, run.redo = "running", ["grade"]  # which is for `iterate` to do
    run.pins = {name: pin for name, pin in run.pins.items() if not name.endswith(":3") and name != "grade/draws:2"}
    run.pins["sample/test/greedy:2"] = run.pins["sample/test/greedy:1"]  # sampled anew, not graded yet
    store.runs.save(run)
    found = sirev.regrade(run.id, store=smoke_copy)
    assert found.computed == ()
    assert found.missing == {
        "grade/greedy:2": "its grades are of other answers: `sirev iterate` was interrupted before it graded these"
    }
    assert {one.step for one in found.steps} == {n for n in run.pins if n.startswith("grade/")} - {"grade/greedy:2"}


def test_a_grader_that_fails_names_itself_and_the_grades_made_before_stay(
    smoke: Study, smoke_copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sirev.stages import grade

    judged = grade.grade_light

    def fail_later(*given: object, **named: object) -> object:
        monkeypatch.setattr(grade, "grade_light", fail)
        return judged(*given, **named)  # type: ignore[arg-type]

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("nobody foresaw this")

    monkeypatch.setattr(grade, "grade_light", fail_later)
    before = stages(smoke_copy)
    with pytest.raises(StageFailed, match=r"step 1:grade/draws \(stage grade, key .*nobody foresaw this; log: "):
        sirev.regrade(smoke.of("sft").id, overrides=EXACT, store=smoke_copy)
    assert stages(smoke_copy) - before == Counter(grade=1)


def refused(run: str, store: object, *overrides: str) -> str:
    with pytest.raises(BadInput) as caught:
        sirev.regrade(run, overrides=overrides, store=store)  # type: ignore[arg-type]
    line = str(caught.value)
    assert "\n" not in line
    return line


def test_a_run_goes_by_an_unambiguous_beginning(smoke: Study, smoke_copy: Path) -> None:
    run = smoke.of("sft").id
    assert sirev.regrade("tiny_smoke-sft-s0", store=smoke.store).run == run
    assert "several runs" in refused("tiny_smoke-sft", smoke.store)
    assert smoke.of("sft-dpo").id in refused("tiny_smoke-sft", smoke.store)
    assert f"no run 'tiny_smoke-stf-s0'; did you mean '{run}'" in refused("tiny_smoke-stf-s0", smoke.store)
    assert "no run ''" in refused("", smoke.store)
    assert "no run '../x'" in refused("../x", smoke.store)
    sirev.iterate("tiny_smoke", methods=["sft"], redo=["compare"], store=smoke_copy)
    assert sirev.regrade(run, store=smoke_copy).run == run  # though that of its second realisation begins so
    assert sirev.regrade(f"{run}-r2", store=smoke_copy).run == f"{run}-r2"


def test_a_store_without_runs_says_what_to_run_first(tmp_path: Path) -> None:
    assert "run first: sirev iterate --recipe tiny" in refused("tiny", tmp_path / "store")
    assert not (tmp_path / "store").exists()


def test_models_and_answers_are_held_fixed(smoke: Study) -> None:
    run = smoke.of("sft").id
    for override in ("T=2", "sampling.n=4", "evaluation.draws.n=4", "training.sft.learning_rate=1", "evaluation.ood={}", "x"):
        line = refused(run, smoke.store, override)
        assert line.startswith(f"--set {override}: models and answers are held fixed; what can change is training.grader,")


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("evaluation.grader", "expected key.sub=value"),
        ("evaluation.grader=exakt", "evaluation.grader.name: unknown name 'exakt'; did you mean 'exact'"),
        ("evaluation.grader.nmae=exact", "no field 'nmae'; did you mean 'name'"),
        ("evaluation.ood.levels_1_to_4.grader=exact", "no suite 'levels_1_to_4'; did you mean 'levels_1_to_3'"),
        ("evaluation.ood.levels_1_to_3.grader=exact", "evaluation.ood.levels_1_to_3.grader: no such field"),
        ("evaluation.ood.levels_1_to_3.levels=[1]", "models and answers are held fixed"),
    ],
)
def test_a_grader_that_can_not_be_is_one_clear_line(smoke: Study, override: str, words: str) -> None:
    line = refused(smoke.of("sft").id, smoke.store, override)
    assert line.startswith(f"--set {override}: ")
    assert words in line


def test_settings_that_this_version_does_not_know_are_named_by_their_run(smoke: Study, smoke_copy: Path) -> None:
    store = Store(smoke_copy)
    run = smoke.run("sft", store)
    run.settings["evaluation"]["grader"]["name"] = "by_dice"
    store.runs.save(run)
    line = refused(run.id, smoke_copy)
    assert line.startswith(f"the settings of the run {run.id}: evaluation.grader.name: unknown name 'by_dice'")
    assert sirev.regrade(run.id, overrides=EXACT, store=smoke_copy).steps


class MadeRun:
    """A run of a recipe for large models, as far as its answers and grades go; what they were made from is not there."""

    def __init__(self, store: Path, recipe: str, *overrides: str) -> None:
        self.store = Store(store)
        settings = load_recipe(recipe, [*overrides, "task.data.path=/not/there", "model.name=/not/there/either"]).settings()
        self.run = Run(f"{recipe}-sft-s0-0", recipe, "sft", 0, 1, settings, "test", status="complete")

    def answered(self, problems: str, sample: str, grade: str, texts: Mapping[str, str], gold: Mapping[str, str]) -> None:
        """Pin problems, one answer to each, and grades that call every answer wrong."""
        columns = {"id": "string", "answer": "string"}
        asked = self._pin(problems, "problems", columns, [[one, answer] for one, answer in gold.items()])
        columns = {"problem_id": "string", "draw": "int", "text": "string"}
        told = self._pin(sample, "completions", columns, [[one, 0, text] for one, text in texts.items()])
        columns = {"problem_id": "string", "draw": "int", "correct": "bool", "reason": "string", "answer": "string"}
        inputs = {"problems": asked.semantic, "completions": told.semantic}
        self._pin(grade, "grades", columns, [[one, 0, False, "no answer found", ""] for one in texts], inputs)

    def pin(self, step: str, output: Output, inputs: Mapping[str, str] | None = None) -> Artifact:
        """Store what a step made, and pin it."""
        action = {"stage": "made", "parameters": {"step": step}, "inputs": dict(inputs or {})}
        artifact = self.store.publish(action, output)
        self.run.pins[step] = Pin(action_key(action), artifact.digest)
        self.store.runs.save(self.run)
        return artifact

    def _pin(
        self, step: str, table: str, columns: dict[str, str], rows: list[list[object]], inputs: Mapping[str, str] | None = None
    ) -> Artifact:
        named = [dict(zip(columns, row, strict=True)) for row in rows]
        return self.pin(step, Output(tables={table: Table(columns, named, tuple(list(columns)[:1]))}), inputs)


def test_a_suite_is_regraded_by_its_own_grader_and_needs_neither_data_nor_model(tmp_path: Path) -> None:
    made = MadeRun(tmp_path, "mistral_gsm8k")
    made.answered("dataset/test", "sample/test/greedy:1", "grade/greedy:1", {"a": "1", "b": "2"}, {"a": "1", "b": "3"})
    suite = ("dataset/ood/math_algebra", "sample/ood/math_algebra/greedy:1", "grade/ood/math_algebra:1")
    made.answered(*suite, {"c": "x", "d": "y"}, {"c": "x", "d": "y"})
    run, own = made.run.id, ["evaluation.ood.math_algebra.grader=exact"]
    found = sirev.regrade(run, overrides=[*EXACT, *own], store=tmp_path)
    assert [(one.step, one.answers, one.wrong_to_right) for one in found.steps] == [
        ("grade/greedy:1", 2, 1),
        ("grade/ood/math_algebra:1", 2, 2),
    ]
    assert step(found, "grade/greedy:1").other_reasons == 1
    assert found.missing == {}
    assert len(by_exact(tmp_path)) == 2
    assert sirev.regrade(run, overrides=[*EXACT, *own], store=tmp_path).computed == ()


def test_rationales_that_all_missed_are_regraded_though_the_run_ended_there(tmp_path: Path) -> None:
    made = MadeRun(tmp_path, "mistral_csqa")
    few_shot = ("dataset/train/few-shot", "sample/train/few-shot:0", "grade/rationales:0")
    made.answered(*few_shot, {"a": "A", "b": "So it is B"}, {"a": "A", "b": "B"})
    made.pin("select:1", Output(files={"summary.json": b'{"outcome": "no correct answer"}'}))
    found = sirev.regrade(made.run.id, overrides=["training.grader=exact"], store=tmp_path)
    assert [(one.step, one.wrong_to_right, one.other_reasons) for one in found.steps] == [("grade/rationales:0", 1, 1)]


def test_a_run_that_has_graded_nothing_says_how_to_go_on(tmp_path: Path) -> None:
    made = MadeRun(tmp_path, "mistral_gsm8k")
    made.store.create()
    made.store.runs.save(made.run)
    said = refused(made.run.id, tmp_path)
    assert (
        f"has graded nothing yet; continue with: sirev iterate --recipe mistral_gsm8k --store {tmp_path} (with the same" in said
    )


def test_an_evaluation_by_a_task_without_problems_to_train_on_has_a_recipe_to_regrade_by(tmp_path: Path) -> None:
    made = MadeRun(tmp_path, "mbpp")
    local = ("task.data.path=/not/there",)
    recipe = asked_recipe(Model(name="/not/there/either"), "humaneval", None, local, ())
    named = {"steps": ["a"], "models": [{"step": "a", "name": "x"}], "chat": "auto", "seed": 0}
    training = {**recipe.settings()["training"], "parameters": "none", "lora": None}
    made.run.settings = {**recipe.settings(), **named, "training": training, "T": 1}
    made.store.create()
    made.store.runs.save(made.run)
    assert "has graded nothing yet; continue with: sirev evaluate mbpp --step ..." in refused(made.run.id, tmp_path)


def test_an_evaluation_is_regraded_by_another_grader(smoke: Study, smoke_copy: Path, tmp_path: Path) -> None:
    hand_out(smoke.store, smoke.artifact("sft", "train:1"), tmp_path / "m1")
    found = sirev.evaluate("alone", steps={"m1": tmp_path / "m1"}, recipe="tiny_smoke", store=smoke_copy)
    own = sirev.regrade(found.id, store=smoke_copy)
    assert {one.step for one in own.steps} == {
        "grade/greedy:1",
        "grade/draws:1",
        "grade/ood/levels_1_to_3:1",
        "grade/ood/levels_1_to_3/draws:1",
    }
    assert all((one.flips, one.other_reasons) == ([], 0) for one in own.steps)
    again = sirev.regrade(found.id, overrides=EXACT, store=smoke_copy)
    assert (again.missing, step(again, "grade/draws:1").right_after) == ({}, 0)
    assert step(again, "grade/draws:1").right_before > 0
