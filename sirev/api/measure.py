"""Measurement of imported completions: files take the place of the loop, and all later steps are as in a run."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, cast, get_args

from sirev.api.answers import shown_result
from sirev.errors import BadInput, StageFailed
from sirev.execution.children import Crew
from sirev.execution.latest_runs import remember
from sirev.execution.listener import Listener
from sirev.execution.runner import Runner, os_reason
from sirev.metrics.comparison.contents import Iteration
from sirev.metrics.families import of_draws
from sirev.stages import compare, dataset, embed, grade, imported
from sirev.stages import measure as measures
from sirev.stages import model as models_stage
from sirev.store.artifacts import Artifact
from sirev.store.digests import canonical_json, sha256
from sirev.store.local_files import LocalFiles
from sirev.store.provenance import now
from sirev.store.runs import Run
from sirev.store.store import Store
from sirev.study.external.comparability import check_greedy, check_problems, is_greedy, notes, warnings
from sirev.study.external.given_names import check_comparison, check_steps, check_unused, require_mapping
from sirev.study.external.judging import Judging, judging
from sirev.study.external.model_files import Given, ModelFiles, Read, sources
from sirev.study.external.unjudged import Found, how_to_judge
from sirev.study.external.unstated import without_unsaid
from sirev.study.grading_task import FileGrading, GradingTask, file_grading, grading_task
from sirev.study.inputs import embedding_parameters
from sirev.study.reading import unread_notes
from sirev.study.step_names import (
    COMPARISON,
    EMBEDDING_MODEL,
    answer_steps,
    embedding_step,
    import_step,
    measuring_step,
    problems_step,
)
from sirev.suggest import suggest
from sirev.tasks.external.completions import FIELD_NAMES, READERS, field_paths
from sirev.tasks.load import DatasetParameters
from sirev.tasks.rows import IN_A_RECIPE
from sirev.tasks.task import Answers

METHOD = "samples"
"""The method of such a run, whose real one is unknown."""
_ANSWERS: tuple[Answers, ...] = get_args(Answers)
SINGLE = ("greedy", "draw")
"""The meaning of a model's completions if each problem has one."""
_SPLIT = "test"
"""The split in the names of such a run's steps, regardless of the problems' own."""


@dataclass(frozen=True)
class StepRead:
    """Summary of the files of a model: the name of its step, the files, numbers of problems and completions, and the fields.

    `taken`: "greedy" or "draws". `fewest`, `most`: completions per problem. `fields`: role -> dotted path of the field.
    """

    step: str
    taken: str
    files: tuple[str, ...]
    problems: int
    fewest: int
    most: int
    fields: Mapping[str, str]


@dataclass(frozen=True)
class MeasuredRun:
    """Result of `measure`: the id of the run in the store, and the comparison.

    `steps` are the names of M_1 .. M_T, `iterations` is the list of `sirev report --format json`, `computed` are the steps that
    were not in the store; `read` summarises the files, a step's completions first, then its greedy answers.
    """

    id: str
    steps: tuple[str, ...]
    iterations: list[Iteration]
    computed: tuple[str, ...]
    read: tuple[StepRead, ...] = field(default=(), repr=False, compare=False)
    method: str = METHOD
    seed: int = 0

    def __repr__(self) -> str:
        return shown_result(self.id, self.iterations, len(self.computed), names=self.steps)


def measure(
    name: str,
    *,
    steps: Mapping[str, Given],
    greedy: Mapping[str, Given] | None = None,
    task: str | None = None,
    data: str | Path | None = None,
    split: str = "test",
    grader: str | None = None,
    fields: Mapping[str, str] | None = None,
    reader: str = "auto",
    filter: str | None = None,
    answers: str | None = None,
    single: str = "greedy",
    common: bool = False,
    k: Sequence[int] = (),
    margin: float | None = None,
    diversity_margin: float | None = None,
    new_margin: float | None = None,
    embedding: str | None = None,
    grader_settings: Mapping[str, Any] | None = None,
    unsafe_code: bool = False,
    store: Store | str | Path | None = None,
    listener: Listener | None = None,
) -> MeasuredRun:
    """Measure and compare completions from files, one file per model step, M_1 first; `sirev.report` then shows them.

    `steps` and `greedy` map a step's name to its file: JSONL, JSONL.gz, Parquet or JSON, with one row per completion, or one
    row per problem with lists; or to a folder, a pattern ("m1-*.jsonl") or a list, whose files are read as one. Several
    completions of a problem are draws; a single one is the greedy answer, unless `greedy` names another file or `single` is
    "draw". Without greedy answers, pass@1 is the mean share of right draws. Verdicts come from the files, or from a `grader`
    on the problems of a `task` ("gsm8k", for example, or "jsonl" for your own), with rows from the local file or folder `data`,
    else from the Hub. `fields` are dotted paths for "id", "text", "correct", "level", "answer" (as read from the completion),
    "prompt" and "gold", in which `{step}` stands for the step's name; defaults are common names. `reader`: "auto", or the tool
    that wrote the files; `filter`: the filter, scorer or metric of a log whose verdicts count. `answers`: "math", "code", "text"
    or "letters", which decides how diversity is measured. `common`: compare only the problems that all steps have. `k`: further
    k of pass@k, in addition to the powers of two; `margin`, `diversity_margin`, `new_margin` and `embedding` (a model of
    sentence-transformers) are as in a recipe's evaluation, `grader_settings` as in its grader's section: {"seconds": 3}.

    Raises BadInput, with one line that names the place, for unreadable files, for ids that name completions, for problems that
    don't match the task or each other, and if `name` is a recipe's; StageFailed if a grader fails. A run is saved when it is
    complete.
    """
    greedy, fields = greedy or {}, fields or {}
    require_mapping("steps", steps, '{"M1": "m1.jsonl", "M2": "m2.jsonl"}')
    require_mapping("greedy", greedy, '{"M1": "m1-greedy.jsonl"}')
    require_mapping("fields", fields, '{"text": "response"}')
    found: Found | None = None
    if task is None and grader is None:
        with contextlib.suppress(MemoryError):  # the step that reads the file fails in the same way, and names itself
            found = how_to_judge(steps, fields, reader)
        task, grader = (found.task, found.grader) if found else (None, None)
    wishes = judging(k, {"margin": margin, "diversity_margin": diversity_margin, "new_margin": new_margin}, embedding)
    settings, asked = _request(
        name, steps, greedy, task, data, split, grader, grader_settings, fields, reader, filter, answers, single
    )
    settings["evaluation"] |= wishes.settings()
    if unsafe_code:
        if asked is None:
            raise BadInput("--allow-unsafe-code: no grader runs programs here")
        asked = asked.unconfined()
    settings |= ({"single": single} if single != "greedy" else {}) | ({"common": True} if common else {})
    opened = store if isinstance(store, Store) else Store(store)
    check_unused(name, "measure", opened)
    local = LocalFiles(opened.objects)
    given = sources(steps, greedy, local, reader=reader, fields=fields, filter=filter, task=asked)
    settings["samples"] = {f"{one.kind} {one.model}": one.settings() for one in given}
    if asked is not None:
        settings["task"] = asked.settings()
    run_id = f"{name}-{METHOD}-s0-{sha256(canonical_json(settings))[:8]}"
    for one in given:
        settings["samples"][f"{one.kind} {one.model}"]["file"] = one.names  # only shown: a moved file gives the same run
    run = opened.runs.get(run_id) or Run(run_id, name, METHOD, 0, 1, settings, f"{now()}-{secrets.token_hex(3)}")
    crew = Crew(run.invocation, embedded=False)
    listener = listener or Listener()
    runner = _SavedWhenComplete(opened, run, crew, listener)
    if found is not None:
        listener.note(run, found.why)
    try:
        with crew.turn, opened.leasing():
            measuring = _Measuring(runner, listener, asked, local, settings["answers"], single, common, wishes)
            comparison, read = measuring.run(len(steps), given)
            runner.finish("complete", None)
    except OSError as error:  # such as a full disk
        raise StageFailed(f"{run.id}: {os_reason(error)}") from error
    finally:  # also on Ctrl-C
        crew.close()
    remember(opened, [run.id])
    (compared,) = comparison.json("comparison.json")["runs"]
    distinct = compared["iterations"][-1]["against_m1"].get("distinct") if settings["answers"] != "letters" else None
    for line in [*notes(read, distinct), *unread_notes(opened, run)]:
        listener.note(run, line)
    told = tuple(_told(one, single, read) for one in sorted(read, key=lambda one: one.source.t))
    iterations = without_unsaid(opened, run, compared["iterations"])
    if asked is not None:
        for step, iteration in zip(steps, iterations, strict=True):
            if iteration["pass_at_1"]["value"] == 0:
                grader = asked.grader.name
                listener.warn(run, f"{step}: {grader} finds no answer correct; check what it read before you trust that")
    return MeasuredRun(run.id, tuple(steps), iterations, tuple(runner.computed), told)


def _told(one: Read, single: str, read: Sequence[Read]) -> StepRead:
    found, source = one.summary, one.source
    beside = any(other.source.kind == "greedy" and other.source.t == source.t for other in read)
    taken = "greedy" if source.kind == "greedy" or (is_greedy(one, single) and not beside) else "draws"
    at = {what: ".".join(found["fields"][what]) for what in FIELD_NAMES if what in found["fields"]}
    files = tuple(map(str, source.files))
    return StepRead(source.model, taken, files, found["problems"], found["fewest"], found["most"], at)


class _SavedWhenComplete(Runner):
    """A runner that saves its run only at the end, so that a refused or interrupted one leaves no run behind.

    Nothing is lost, since steps are found by their keys.
    """

    def _save(self, run: Run) -> None:
        if run.status != "running":
            super()._save(run)


@dataclass(frozen=True)
class _Measuring:
    """The steps of a run from files, named as in an iterated run, so that the same code reads both."""

    runner: Runner
    listener: Listener
    task: GradingTask | FileGrading | None
    local: LocalFiles
    answers: str | None
    """The kind of answers; None: decided by the files' reader."""
    single: str
    common: bool
    wishes: Judging

    def run(self, models: int, given: Sequence[ModelFiles]) -> tuple[Artifact, list[Read]]:
        """Do all steps; return the comparison and the read files."""
        inputs: dict[str, Artifact] = {}
        if isinstance(self.task, GradingTask):
            for split in self.task.splits:
                asked = self.task.dataset(split, self.local)
                name = "problems" if len(self.task.splits) == 1 else f"problems/{split}"
                inputs[name] = self._problems(problems_step("task", split), asked)
        read = [self._read(source, inputs) for source in given]
        check_greedy(read, self.single)
        if self.common:
            read = self._narrowed(read)
        check_problems(read)
        for warning in warnings(read, self.single):
            self.listener.warn(self.runner.run, warning)
        answers = self.answers or ("code" if all(one.summary["reader"] == "evalplus" for one in read) else "math")
        parts = [self._parts(t, read) for t in range(1, models + 1)]
        compared: dict[str, Artifact] = {}
        for t, of_model in enumerate(parts, 1):
            compared |= self._model(t, of_model, answers, read[0])
        first = read[0]
        self.runner.step(problems_step("source", _SPLIT), imported.STAGE, first.source.parameters, first.inputs)
        settings = compare.CompareParameters(
            runs=[{"method": METHOD, "seed": 0, "iterations": list(range(1, models + 1))}],
            suites=[],
            answers=answers,
            guess=self.task.section.guess if isinstance(self.task, GradingTask) else None,
            diversity_counts=True,
            from_draws=not any("greedy" in of_model for of_model in parts),
            k=list(self.wishes.k),
        )
        settings = replace(settings, **cast(Any, self.wishes.margins))
        return self.runner.step(COMPARISON, compare.STAGE, settings, compared), read

    def _problems(self, step: str, asked: DatasetParameters) -> Artifact:
        try:
            return self.runner.step(step, dataset.STAGE, asked, {})
        except BadInput as error:
            raise BadInput(str(error).replace(IN_A_RECIPE, "or name a file of its rows: --data PATH")) from None

    def _read(self, source: ModelFiles, inputs: Mapping[str, Artifact], *, common: bool = False) -> Read:
        step = import_step(source.kind, source.t, common=common)
        artifact = self.runner.step(step, imported.STAGE, source.parameters, inputs)
        return Read(source, artifact, artifact.json("summary.json"), inputs)

    def _narrowed(self, read: list[Read]) -> list[Read]:
        """The files reduced to their common problems, unless they have the same problems already."""
        if len({one.summary["ids"] for one in read}) == 1:
            return read
        narrowed = [self._read(one.source, one.narrowed_by(read), common=True) for one in read]
        left = narrowed[0].summary["problems"]
        gone = [f"{one.source.model} {one.summary['problems'] - left:,}" for one in read if one.summary["problems"] > left]
        self.listener.note(self.runner.run, f"--common: {left:,} problems that every step has; left out: {', '.join(gone)}")
        return narrowed

    def _parts(self, t: int, read: Sequence[Read]) -> dict[Literal["greedy", "draws"], Read]:
        """A model's files of greedy answers and draws."""
        by_kind = {one.source.kind: one for one in read if one.source.t == t}
        if "greedy" in by_kind:
            return {"draws": by_kind["file"], "greedy": by_kind["greedy"]}
        return {"greedy" if is_greedy(by_kind["file"], self.single) else "draws": by_kind["file"]}

    def _model(self, t: int, parts: Mapping[Literal["greedy", "draws"], Read], answers: str, first: Read) -> dict[str, Artifact]:
        """Compute the measures of one model, as inputs of `compare`."""
        measured = {}
        for part, read in parts.items():
            parameters = read.source.parameters
            steps = answer_steps(part, _SPLIT, t)
            completions = self.runner.step(steps.completions, imported.STAGE, parameters, read.inputs)
            graded = {"problems": first.artifact, "completions": completions}
            if self.task is None:
                grades = self.runner.step(steps.grades, imported.STAGE, parameters, read.inputs)
            else:
                grades = self.runner.step(steps.grades, grade.STAGE, self.task.grading(self.local), graded)
            families = {part: "accuracy"} | ({name: name for name in of_draws(answers)} if part == "draws" else {})
            for what, family in families.items():
                wants = measures.parameters_for(family, answers)
                arguments = {**graded, "grades": grades}
                measured[f"{METHOD}/0/{t}/{what}"] = self.runner.step(measuring_step(what, t), measures.STAGE, wants, arguments)
            if part == "draws" and self.wishes.embedding is not None and answers != "letters":
                named = embedding_parameters(self.wishes.embedding, self.local)
                embedder = self.runner.step(EMBEDDING_MODEL, models_stage.STAGE, named, {})
                wanted = embed.EmbedParameters(self.wishes.embedding.batch_size)
                embedded = self.runner.step(embedding_step(t), embed.STAGE, wanted, {**arguments, "model": embedder})
                measured[f"{METHOD}/0/{t}/embedding"] = embedded
        return measured


def _request(
    name: str,
    models: Mapping[str, Given],
    greedy: Mapping[str, Given],
    task: str | None,
    data: str | Path | None,
    split: str,
    grader: str | None,
    grader_settings: Mapping[str, Any] | None,
    fields: Mapping[str, str],
    reader: str,
    chosen: str | None,
    answers: str | None,
    single: str,
) -> tuple[dict[str, Any], GradingTask | FileGrading | None]:
    """Check the request; return the run's settings other than files, and the grading by a task or grader, if any."""
    check_comparison(name)
    if not models:
        raise BadInput("name a step and its file: --step M1=FILE")
    check_steps((*models, *greedy))
    for model in greedy:
        if model not in models:
            raise BadInput(f"--greedy {model}: no such step{suggest(model, list(models))}")
    if reader not in READERS:
        raise BadInput(f"--reader: unknown reader {reader!r}{suggest(reader, list(READERS))}")
    if answers is not None and answers not in _ANSWERS:
        raise BadInput(f"--answers: unknown kind {answers!r}{suggest(answers, list(_ANSWERS))}")
    if single not in SINGLE:
        raise BadInput(f"--single: unknown {single!r}{suggest(single, list(SINGLE))}")
    if task is None and data:
        raise BadInput("--data goes with --task, which says what the problems are")
    if (task is not None or grader is not None) and "correct" in fields:
        raise BadInput(
            f"--correct and --{'task' if task else 'grader'}: use the verdicts of the file or those of a grader, not both"
        )
    field_paths(fields, "")
    asked: GradingTask | FileGrading | None = None
    if task is not None:
        asked = grading_task(task, data, grader, split, grader_settings)
    elif grader is not None:
        asked = file_grading(grader, grader_settings)
    elif grader_settings:
        raise BadInput(
            "--grader-set: the verdicts are those of the files; to have a grader judge instead, name --task or --grader"
        )
    settings = {
        "name": name,
        "task": {"name": "files"},
        "training": {"parameters": "none"},
        "evaluation": {"split": "test", "ood": {}},
        "env": "any",
        "T": len(models),
        "steps": list(models),
        "answers": answers or (asked.answers if asked else None),
        "reader": reader,
        "filter": chosen,
    }
    return settings, asked
