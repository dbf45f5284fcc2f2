from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import sirev
from sirev.errors import BadInput
from sirev.tasks.external.answer_log import distinct_name
from tests.conftest import Command, Study


def verdicts(answers: Any) -> list[tuple[str, int, str, bool]]:
    return [(row["problem_id"], row["draw"], row["text"], row["correct"]) for row in answers]


def written(smoke: Study, to: Any, folder: Path, ending: str, *kinds: str) -> list[Path]:
    """The logs of M_1, M_2 and M_3 of the method sft, of one ending."""
    return [path for path in sirev.export_logs(smoke.of("sft"), to, folder, kinds=kinds) if path.name.endswith(ending)]


@pytest.mark.slow
def test_inspect_ai_reads_answers_grades_and_accuracy(smoke: Study, tmp_path: Path) -> None:
    log_module = pytest.importorskip("inspect_ai.log")
    paths = written(smoke, "inspect", tmp_path, ".eval", "draws")
    assert len(paths) == 3
    log = log_module.read_eval_log(str(paths[1]))
    expected = smoke.of("sft").answers(2)
    assert log.status == "success"
    assert (log.eval.task, log.eval.model) == ("arithmetic-draws", f"sirev/{smoke.of('sft').id}/M_2")
    assert log.eval.config.epochs == 16
    logged = [(one.id, one.epoch - 1, one.output.completion, one.scores["final_number"].value == "C") for one in log.samples]
    assert sorted(logged) == verdicts(expected)  # inspect_ai has them in the order of epochs
    told = {(one.id, one.epoch - 1): (one.input, one.target, one.scores["final_number"].explanation) for one in log.samples}
    assert told == {(row["problem_id"], row["draw"]): (row["prompt"], row["gold"], row["reason"]) for row in expected}
    (score,) = log.results.scores
    assert score.metrics["accuracy"].value == pytest.approx(sum(row["correct"] for row in expected) / len(expected))


def test_inspect_ai_finds_the_logs_of_a_folder_and_makes_data_frames_of_them(smoke: Study, tmp_path: Path) -> None:
    log_module = pytest.importorskip("inspect_ai.log")
    paths = written(smoke, "inspect", tmp_path, ".eval", "draws", "greedy")
    listed = log_module.list_eval_logs(str(tmp_path))
    assert {Path(info.name).name for info in listed} == {path.name for path in paths}
    assert len({info.task_id for info in listed}) == len(paths)
    analysis = pytest.importorskip("inspect_ai.analysis")
    frame = analysis.evals_df(str(tmp_path))
    assert sorted(frame["task_name"].unique()) == ["arithmetic-draws", "arithmetic-greedy"]


def test_metrics_are_those_that_inspect_ai_computes_from_the_scores(smoke: Study, tmp_path: Path) -> None:
    log_module, scorer = pytest.importorskip("inspect_ai.log"), pytest.importorskip("inspect_ai.scorer")
    log = log_module.read_eval_log(str(written(smoke, "inspect", tmp_path, ".eval", "greedy")[0]))
    numbers = scorer.value_to_float()
    scores = [
        scorer.SampleScore(score=scorer.Score(value=numbers(s.scores["final_number"].value)), sample_id=s.id) for s in log.samples
    ]
    found = {name: metric.value for name, metric in log.results.scores[0].metrics.items()}
    assert found == pytest.approx({"accuracy": scorer.accuracy()(scores), "stderr": scorer.stderr()(scores)})


@pytest.mark.parametrize(("to", "ending"), [("inspect", ".eval"), ("lm-eval", ".jsonl")])
def test_sirev_reads_its_logs_back_with_the_same_verdicts(smoke: Study, tmp_path: Path, to: str, ending: str) -> None:
    if to == "inspect":
        pytest.importorskip("inspect_ai")
    paths = written(smoke, to, tmp_path / "logs", ending, "draws")
    steps = {f"M{t}": path for t, path in enumerate(paths, 1)}
    store = sirev.Store(tmp_path / "store")
    read = sirev.measure("back", steps=steps, store=store)
    for t in (1, 3):
        again = sirev.answers(read.id, t, store=store)
        original = smoke.of("sft").answers(t)
        assert verdicts(again) == verdicts(original)
        assert [row["answer"] for row in again] == [row["answer"] for row in original]
    pass_at_n = [one["pass_at_n"] for one in smoke.of("sft").iterations]
    assert [one["pass_at_n"] for one in read.iterations] == pass_at_n


def test_lm_eval_results_stand_beside_the_samples(smoke: Study, tmp_path: Path) -> None:
    first, *_ = written(smoke, "lm-eval", tmp_path, ".json", "greedy")
    results = json.loads(first.read_text())
    told = results["results"]["arithmetic-greedy"]
    pass_at_1 = smoke.of("sft").iterations[0]["pass_at_1"]
    assert told["exact_match,final_number"] == pytest.approx(pass_at_1["value"])
    assert results["n-samples"]["arithmetic-greedy"] == {"original": pass_at_1["n"], "effective": pass_at_1["n"]}
    assert first.parent.name == results["model_name_sanitized"]
    samples = [json.loads(line) for line in next(first.parent.glob("samples_*.jsonl")).read_text().splitlines()]
    assert sum(row["exact_match"] for row in samples) / len(samples) == pytest.approx(pass_at_1["value"])
    assert [row["doc_id"] for row in samples] == list(range(len(samples)))


def test_the_base_model_is_that_of_each_evaluated_model(smoke: Study, smoke_copy: Path, tmp_path: Path) -> None:
    store = sirev.Store(smoke_copy)
    run = smoke.run("sft", store)
    models = [
        {"step": f"m{t}", "name": name, "revision": "main"} for t, name in enumerate(("org/one", "org/two", "org/three"), 1)
    ]
    settings = {**run.settings, "steps": [one["step"] for one in models], "models": models}
    store.runs.save(replace(run, settings=settings))
    paths = sirev.export_logs(run.id, "lm-eval", tmp_path / "logs", kinds=["greedy"], store=store)
    told = [json.loads(path.read_text()) for path in paths if path.suffix == ".json"]
    assert {one["model_name"].rpartition("/")[2]: one["config"]["model_args"]["base_model"] for one in told} == {
        one["step"]: one["name"] for one in models
    }


def test_all_kinds_but_training_draws_are_written_unless_some_are_named(smoke: Study, tmp_path: Path) -> None:
    every = written(smoke, "lm-eval", tmp_path, ".jsonl")
    kinds = ("draws", "greedy", "levels_1_to_3", "levels_1_to_3/draws")
    assert {path.name.split("_")[1] for path in every} == {distinct_name(f"arithmetic-{kind}") for kind in kinds}
    assert len(written(smoke, "lm-eval", tmp_path, ".jsonl", "train")) == 3


def test_the_same_run_is_written_to_the_same_files(smoke: Study, tmp_path: Path) -> None:
    first = {path: path.read_bytes() for path in written(smoke, "lm-eval", tmp_path, "")}
    assert {path: path.read_bytes() for path in written(smoke, "lm-eval", tmp_path, "")} == first


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"to": "inspekt"}, "--to: unknown 'inspekt'; did you mean 'inspect'?"),
        ({"kinds": "draw"}, "has no answers of the kind 'draw'; did you mean 'draws'?"),
        ({"output": "taken/logs"}, "--output taken/logs: can't be written: Not a directory"),
    ],
)
def test_what_can_not_be_written_is_a_line(
    smoke: Study, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], line: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(BadInput) as caught:
        sirev.export_logs(smoke.of("sft"), **{"to": "lm-eval", "output": "logs", **options})
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_without_inspect_ai_its_command_is_named(smoke: Study, tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['inspect_ai'] = None; import sirev\n"
        "try: sirev.export_logs(sys.argv[1], 'inspect', sys.argv[2], store=sys.argv[3])\n"
        "except sirev.BadInput as error: print(error)"
    )
    arguments = [smoke.of("sft").id, tmp_path / "logs", smoke.store.path]
    said = subprocess.run([sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True, check=True).stdout
    assert said.startswith("inspect_ai, which writes these logs, is not installed: pip install ")
    assert said.endswith(("[inspect]\n", "[inspect]'\n"))


def test_the_command_says_where_the_logs_are_and_what_opens_them(smoke: Study, tmp_path: Path, command: Command) -> None:
    pytest.importorskip("inspect_ai")
    asked = ("export-logs", smoke.of("sft").id, "--to", "inspect", "--kind", "greedy", "--store", smoke.store.path)
    done = command(*asked)
    assert (done.returncode, done.stdout) == (0, "3 files written to logs\n"), done.stderr
    assert done.stderr == "Look at them: inspect view --log-dir logs\n"
    told = json.loads(command(*asked, "--format", "json").stdout)
    assert told["folder"] == "logs"
    assert sorted(told["files"]) == sorted(str(path.relative_to(tmp_path)) for path in (tmp_path / "logs").iterdir())
